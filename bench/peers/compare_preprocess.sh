#!/usr/bin/env bash
# neumf-preprocess against the same steps with pandas (pandas_preprocess.py), alternately.
#
#   bench/peers/compare_preprocess.sh OUT_DIR [ml-1m|ml-20m|RATINGS.csv]   default: ml-20m, synthetic
#
# Writes OUT_DIR/preprocess.md and OUT_DIR/preprocess.jsonl. BIN, DATA, PYTHON and ROUNDS as in compare.sh. The ratings
# file is read once before, so that both find it in the page cache.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
source "$(dirname "$0")/../common.sh"
(($# >= 1 && $# <= 2)) || { echo "usage: compare_preprocess.sh OUT_DIR [ml-1m|ml-20m|RATINGS.csv]" >&2; exit 2; }
out=$1 source=${2:-ml-20m}
need_programs neumf-preprocess
rounds=${ROUNDS:-3}
python=${PYTHON:-$("$root/bench/peers/setup_python.sh")}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $source in
  ml-1m | ml-20m)
    ratings=$DATA/bench-$source.csv
    if [[ ! -e $ratings ]]; then
      synthetic "$source" "$DATA/bench-$source"
      "$python" "$root/bench/peers/write_ratings.py" "$DATA/bench-$source" "$ratings.part"
      mv "$ratings.part" "$ratings"
    fi ;;
  *) ratings=$source ;;
esac
cat "$ratings" >/dev/null

: >"$out/preprocess.jsonl"
for ((round = 0; round < rounds; ++round)); do
  start=$(date +%s.%N)
  "$BIN/neumf-preprocess" --input "$ratings" --output "$work/data" --overwrite >/dev/null
  awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { print b - a }' >>"$work/neumf"
  line=$("$python" "$root/bench/peers/pandas_preprocess.py" "$ratings" "$work/pandas.h5")
  printf '%s\n' "$line" | tee -a "$out/preprocess.jsonl" | grep -o '"seconds": [0-9.]*' | cut -d' ' -f2 >>"$work/pandas"
done
rows=$(grep -o '"rows": [0-9]*' <<<"$line" | cut -d' ' -f2)
a=$(median <"$work/neumf") b=$(median <"$work/pandas")
printf '{"type":"preprocess","input":"%s","rows":%d,"neumf_seconds":%s,"pandas_seconds":%s,"ratio":%s}\n' \
  "$(basename "$ratings")" "$rows" "$a" "$b" "$(ratio "$b" "$a")" >>"$out/preprocess.jsonl"
{
  echo "# neumf-preprocess and pandas"
  echo '```'
  "$root/bench/machine.sh"
  echo '```'
  echo "| input | rows | neumf-preprocess, s | pandas, s | ratio of medians |"
  echo "|---|---|---|---|---|"
  echo "| $(basename "$ratings") | $rows | $a | $b | $(ratio "$b" "$a") |"
} | tee "$out/preprocess.md"
