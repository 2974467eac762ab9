#!/usr/bin/env bash
# One program for all processors: what is chosen is said, and every level trains the same model. A build for one processor
# has little to test here.
#
#   processor.sh BIN_FOLDER
source "$(dirname "$0")/common.sh"
unset NEUMF_KERNELS
line=$("$bin/neumf" --version | sed -n 's/^CPU *//p')
echo "$line"
if [[ $line != "kernels for x86-64-v"* ]]; then
  [[ $line =~ ^kernels\ for\ [^\;]+\;\ .+$ ]] || fail "--version: '$line'"
  output=$(NEUMF_KERNELS=x86-64-v3 "$bin/neumf" --version 2>&1) && fail "NEUMF_KERNELS has no effect"
  [[ $output == *"this build has kernels for one processor"* ]] || fail "$output"
  finish
fi
best=$(sed 's/^kernels for x86-64-v\(.\).*/\1/' <<<"$line")

# The file alone is the program.
cp "$bin/neumf" "$work/alone"
[[ $("$work/alone" --version | sed -n 's/^CPU *//p') == "$line" ]] || fail "a copy says otherwise"
# CUDA's own static libraries choose for themselves.
if "$bin/neumf" --version | grep '^GPU *none' >/dev/null; then
  "$(dirname "$0")/../build/vector_registers.sh" "$bin/neumf" >"$work/registers" 2>&1 || fail "$(<"$work/registers")"
fi

"$bin/neumf-preprocess" --synthetic 600x300x30000 --output "$work/data" --shards 2 >/dev/null || { fail "preprocessing"; finish; }
arguments=(--data "$work/data" --epochs 3 --factors 8 --layers 32 16 8 --batch_size 2048 --learning_rate 0.003 --threads 1
  --progress never --overwrite)
# The metrics of every epoch.
epochs() { grep '"type":"epoch"' "$1" | grep -oE '"(train_loss|validation_loss|hr@10|ndcg@10)":[^,}]*'; }
for ((level = 2; level <= best; ++level)); do
  NEUMF_KERNELS=x86-64-v$level mpi 2 neumf "${arguments[@]}" --log_path "$work/$level.json" >"$work/out" 2>&1 ||
    fail "level $level: $(<"$work/out")"
  grep -E "^ *processor +.*; kernels for x86-64-v$level" "$work/out" >/dev/null || fail "level $level is not said: $(<"$work/out")"
  [[ $(last "$work/$level.json" kernels) == "x86-64-v$level"* ]] || fail "level $level is not in the log"
  epochs "$work/$level.json" >"$work/$level.epochs"
  [[ $(wc -l <"$work/$level.epochs") == 12 ]] || fail "level $level: $(<"$work/$level.epochs")"
  # Some users' items change places by rounding.
  paste -d: "$work/2.epochs" "$work/$level.epochs" | awk -F: -v level="$level" '
    { limit = $1 ~ /loss/ ? 0.001 : 0.01; d = $2 - $4; if (d < -limit || d > limit) { print "level " level ": " $0; bad = 1 } }
    END { exit bad }' || fail "level $level trains another model"
done

echo "ranks on different processors take the least level"
least=x86-64-v$((best > 2 ? best - 1 : best))
NEUMF_KERNELS=$least mpi 2 neumf "${arguments[@]}" --log_path "$work/least.json" >"$work/out" 2>&1 || fail "$(<"$work/out")"
mpirun --oversubscribe --bind-to none -n 1 "$bin/neumf" "${arguments[@]}" --log_path "$work/mixed.json" : \
  -n 1 env NEUMF_KERNELS="$least" "$bin/neumf" "${arguments[@]}" --log_path "$work/mixed.json" >"$work/out" 2>&1 ||
  fail "mixed: $(<"$work/out")"
[[ $(last "$work/mixed.json" kernels) == "$least"* ]] || fail "mixed: $(last "$work/mixed.json" kernels) instead of $least"
[[ $(epochs "$work/mixed.json") == "$(epochs "$work/least.json")" ]] ||
  fail "mixed ranks compute other bits than ranks of one level: $(epochs "$work/mixed.json")"
finish
