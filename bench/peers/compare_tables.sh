#!/usr/bin/env bash
# neumf-preprocess against Polars and DuckDB: the same steps, but for the negatives, of one file, alternately. And its
# rate with dates against that with integers, and peak memory.
#
#   bench/peers/compare_tables.sh OUT_DIR [USERSxITEMSxINTERACTIONS]   default: ml-20m's shape, 20,000,263 rows
#
# Writes OUT_DIR/tables.md and OUT_DIR/tables.jsonl. From the environment: BIN, DATA as in bench/common.sh, PYTHON (has
# duckdb, h5py, numpy and polars; default: of setup_packages.sh), ROUNDS (default 3). The files, made in DATA if they are
# missing, take 1.3 GB; each is read once before, so that all find it in the page cache.
#
# Each program is given what is best for it: the types of the columns, no quotes, one thread for each processor, results
# in its fastest format. The slower engines of Polars are tried once, first, and the fastest is taken.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
source "$(dirname "$0")/../common.sh"
(($# >= 1 && $# <= 2)) || { echo "usage: compare_tables.sh OUT_DIR [USERSxITEMSxINTERACTIONS]" >&2; exit 2; }
out=$1 shape=${2:-ml-20m}
need_programs neumf-preprocess
rounds=${ROUNDS:-3}
python=${PYTHON:-$("$root/bench/peers/setup_packages.sh" tables duckdb h5py numpy polars)}
mkdir -p "$out" "$DATA"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for kind in numbers dates; do
  file=$DATA/tables-$shape-$kind.csv
  if [[ ! -e $file ]]; then
    synthetic "$shape" "$DATA/bench-$shape"
    flags=()
    [[ $kind == numbers ]] || flags=(--dates)
    "$python" "$root/bench/peers/write_movielens.py" "$DATA/bench-$shape" "$file.part" "${flags[@]}"
    mv "$file.part" "$file"
  fi
  cat "$file" >/dev/null
done
rows=$(($(wc -l <"$DATA/tables-$shape-numbers.csv") - 1))

neumf() { # NAME FILE
  with_peak "$work/$1" "$BIN/neumf-preprocess" --input "$2" --output "$work/data" --overwrite --valid_negative 1 >"$work/said-$1"
}
# A peer reports the time without starting Python and importing.
peer() { # NAME SCRIPT FILE [option...]
  local name=$1 script=$2
  shift 2
  with_peak "$work/$name" "$python" "$root/bench/peers/$script" "$1" "$work/peer" "${@:2}" >"$work/said"
  tail -n 1 "$work/said" | tee -a "$out/tables.jsonl" | grep -o '"seconds": [0-9.]*' | cut -d' ' -f2 >>"$work/$name-own"
  rm -rf "$work/peer"
}

: >"$out/tables.jsonl"
numbers=$DATA/tables-$shape-numbers.csv dates=$DATA/tables-$shape-dates.csv
engine=
for candidate in streaming in-memory; do
  peer "try-$candidate" polars_preprocess.py "$numbers" --engine "$candidate"
  [[ -n $engine ]] && awk "BEGIN { exit !($(<"$work/try-$candidate-own") >= $(<"$work/try-$engine-own")) }" || engine=$candidate
done
for ((round = 0; round < rounds; ++round)); do
  neumf neumf "$numbers"
  peer polars polars_preprocess.py "$numbers" --engine "$engine"
  neumf neumf-dates "$dates"
  peer duckdb duckdb_preprocess.py "$numbers"
done
# The program says how many users, items and positives there are; all must agree.
counts=$(sed -n 's/^users \([0-9,]*\)  items \([0-9,]*\) .*positives \([0-9,]*\)$/"users": \1 "items": \2 "positives": \3/p' "$work/said-neumf" | tr -d ,)
same=yes
while read -r line; do
  [[ $(grep -o '"users": [0-9]*\|"items": [0-9]*\|"positives": [0-9]*' <<<"$line" | paste -sd' ') == "$counts" ]] || same=no
done <"$out/tables.jsonl"

middle() { cut -d' ' -f1 "$work/$1" | median; }
gib() { awk -v k="$(cut -d' ' -f2 "$work/$1" | sort -g | tail -n 1)" 'BEGIN { printf "%.2f", k / 1048576 }'; }
a=$(middle neumf) d=$(middle neumf-dates) p=$(middle polars-own) q=$(middle duckdb-own)
best=$(printf '%s\n' "$p" "$q" | sort -g | head -n 1)
{
  echo "# neumf-preprocess, Polars and DuckDB"
  echo '```'
  "$root/bench/machine.sh"
  "$python" -c 'import duckdb, polars; print("polars", polars.__version__, "duckdb", duckdb.__version__)'
  echo '```'
  echo "$rows rows, $rounds rounds, alternately; medians. Polars with its engine '$engine'."
  echo
  echo "| program | seconds | M rows/s | peak memory, GiB | times as long as neumf |"
  echo "|---|---|---|---|---|"
  for row in "neumf-preprocess $a neumf" "neumf-preprocess,_dates $d neumf-dates" "Polars $p polars" "DuckDB $q duckdb"; do
    read -r name seconds key <<<"$row"
    echo "| ${name//_/ } | $seconds | $(awk -v r="$rows" -v s="$seconds" 'BEGIN { printf "%.2f", r / s / 1e6 }') | $(gib "$key") | $(ratio "$seconds" "$a") |"
  done
  echo
  echo "Faster peer over neumf: $(ratio "$best" "$a"). Rate of dates over rate of integers: $(ratio "$a" "$d")."
  echo "Users, items and positives are the same in all: $same."
} | tee "$out/tables.md"
[[ $same == yes ]]
