#!/usr/bin/env bash
# A small study from end to end with mpirun, and the exchange benchmark by itself: study_test.sh BIN_DIR
source "$(dirname "$0")/../program/common.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }

# Wrong sums would be an error.
mpi 3 allreduce_bench --max_bytes 65536 --rounds 1 --log_path "$work/allreduce.json" >"$work/out" || fail "allreduce_bench"
(($(grep -c '"type":"allreduce"' "$work/allreduce.json") == 8)) || fail "not eight sizes"
grep -q '^fit: [0-9.]* us + bytes / \([0-9.]*\|inf\) GB/s' "$work/out" || fail "no fit: $(cat "$work/out")"
for wrong in "--min_bytes 3" "--factor 1" "--device abacus"; do
  # shellcheck disable=SC2086  # two words
  mpi 2 allreduce_bench $wrong >"$work/out" 2>&1 && fail "$wrong is accepted"
  (($(grep -c "error: $wrong" "$work/out") == 1)) || fail "$wrong: $(cat "$work/out")"
done

"$bin/neumf-preprocess" --synthetic 300x200x12000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
BIN=$bin DATA=$work/data RANKS="1 2" BATCH=4096 CHECK_BATCH=1024 MAX_BYTES=65536 REPEATS=1 EPOCHS=2 "$root/jobs/scaling/study.sh" "$work/study" \
  --factors 8 --layers 32 16 8 >"$work/out" 2>&1 || fail "study.sh: $(cat "$work/out" "$work"/study/logs/*.out)"
# One rank with three batches, two ranks with two batches and two schemes.
(($(grep -c '^profile,' "$work/study/runs.csv") == 7)) || fail "not 7 runs: $(cat "$work/study/runs.csv")"
for part in "Strong scaling (measured)" "Weak scaling (measured)" "Partitioned against replicated" "held out: mean"; do
  grep -qF "$part" "$work/study/report.md" || fail "the report has not '$part'"
done
# 8 + 16 floats for each of 200 items and 300 users, and the MLP's.
bytes=$(grep '| 2 | 4,096 | ' "$work/study/report.md" | head -n 1)
mlp=$((2 * 16 * 16 + 16 + 16 * 8 + 8 + 16 + 1))
awk -F' *[|] *' -v shared=$((4 * (200 * 24 + mlp))) -v all=$((4 * (500 * 24 + mlp))) '
  { gsub(",", ""); exit !($4 >= shared && $4 < shared * 1.05 && $5 >= all && $5 < all * 1.05) }' <<<"$bytes" ||
  fail "bytes per update are not those of shared and of all parameters: $bytes"
if python3 -c 'import matplotlib' 2>/dev/null; then
  for name in throughput efficiency phases bytes predicted; do
    [[ -s $work/study/$name.png && -s $work/study/$name.svg ]] || fail "no plot $name"
  done
else
  grep -q "matplotlib is not installed" "$work/out" || fail "nothing said about matplotlib"
fi
finish
