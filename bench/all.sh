#!/usr/bin/env bash
# Every report that a CPU can give, one after the other: bench/all.sh OUT_DIR     (an hour or two on two cores)
#
# BIN, DATA, ROUNDS, PYTHON, ... as in the scripts that it calls. A part that fails does not stop the others.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: all.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf neumf-preprocess ops_bench data_bench
mkdir -p "$out"
failed=0

# report NAME COMMAND...: its output, below a description of the machine, in OUT_DIR/NAME.txt
report() {
  local name=$1
  shift
  echo "== $name"
  { "$root/bench/machine.sh"; echo; "$@"; } 2>&1 | tee "$out/$name.txt" || { echo "== $name failed" >&2; failed=1; }
}

run() {
  echo "== $1"
  "$root/bench/$1" "$out" || { echo "== $1 failed" >&2; failed=1; }
}

report ops "$BIN/ops_bench" --benchmark_filter=/cpu/ --benchmark_out="$out/ops.json" --benchmark_out_format=json
report data "$BIN/data_bench" --benchmark_out="$out/data.json" --benchmark_out_format=json
report inference "$BIN/neumf" benchmark --device cpu --log_path "$out/inference.json"
run end_to_end.sh
run peers/compare.sh
run peers/compare_recommend.sh
run peers/compare_preprocess.sh
run peers/compare_tables.sh
exit "$failed"
