#!/usr/bin/env bash
# Everything that needs a GPU, in one go and in less than eight minutes: tests on CUDA, two ranks on one GPU,
# compute-sanitizer, a full training run, inference, the share of its ceilings that every operation reaches, and PyTorch.
#
#   bench/gpu_check.sh OUT_DIR     writes OUT_DIR/results.json and OUT_DIR/results.txt; logs of the parts beside them
#
# Needs the built programs, bash and coreutils; mpirun, compute-sanitizer and python3 with torch are used where they are.
# Every part has its own time limit and none stops the others. Without a GPU every part is reported as skipped. The exit
# status is 0 unless a part failed. From the environment:
#   BIN, DATA    as in bench/common.sh; data sets are made where they are missing
#   BUDGET       seconds for everything; default 460
#   EPOCHS       of the full training run; default 10
#   PYTHON       default python3
#   REHEARSE=1   run every part on the CPU with little data, to test this script
# shellcheck disable=SC2317  # parts are called by name
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: gpu_check.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf neumf-preprocess
mkdir -p "$out" "$DATA"
rm -f "$out"/*.log "$out"/*.summary "$out"/*.json "$out"/*.txt "$out"/*.jsonl
budget=${BUDGET:-460} epochs=${EPOCHS:-10} python=${PYTHON:-python3}
device=cuda half=fp16 dataset=ml-20m batch=1048576 tests='*_test'
inference_options=(--seconds 2)
ops_options=(--benchmark_min_time=0.05 --benchmark_filter=/cuda/)
torch_options=(--batch_size "$batch" --tune 3 --steps 20 --seconds 15)
if [[ -n ${REHEARSE:-} ]]; then
  device=cpu half=bf16 dataset=400x300x12000 batch=4096 epochs=2 tests='ops_gather*_test'
  export OMP_NUM_THREADS=1  # quick also on a busy machine
  inference_options=(--batch_sizes 1 1024 --num_batches 3 --n_users 1000 --n_items 500 --precision bf16)
  ops_options=(--benchmark_min_time=0.001 --benchmark_filter='(copy|linear_forward_128).*/cpu/(bytes|bf16)')
  torch_options=(--batch_size "$batch" --steps 2)
fi
tiny=$DATA/check-tiny full=$DATA/check-$dataset

# Why nothing can run here, or nothing.
obstacle() {
  [[ $device == cuda ]] || return 0
  "$BIN/neumf" --version | grep -q '^GPU *CUDA' || { echo "neumf was built without CUDA"; return 0; }
  { command -v nvidia-smi && nvidia-smi --list-gpus | grep -q '^GPU'; } >/dev/null 2>&1 || echo "no GPU"
}

# ---- Running parts --------------------------------------------------------------------------------------------------

# Runs a command within the part's time.
limited() {
  local left=$((deadline - SECONDS))
  ((left > 0)) || return 124
  timeout --kill-after=5 "$left" "$@"
}

# For the line of the part in the table.
summary() { printf '%s\n' "$*" >"$out/$part.summary"; }

skip() {
  summary "$*"
  return 77
}

has() { [[ -x $BIN/$1 ]] || skip "$1 was not built"; }

parts_json=
failed=0

# part NAME LIMIT FUNCTION: runs it in a subshell and notes how it ended
part() {
  part=$1
  local limit=$2 function=$3 start=$SECONDS status=0 word text=
  printf '%-12s ' "$part"
  if [[ -n $blocked ]]; then
    word=skipped text=$blocked
  elif ((SECONDS >= budget - 3)); then
    word=skipped text="no time left"
  else
    deadline=$((SECONDS + limit < budget ? SECONDS + limit : budget))
    # Not as a condition: that would switch off `set -e` inside.
    set +e
    (set -euo pipefail; "$function") >"$out/$part.log" 2>&1
    status=$?
    set -e
    case $status in
      0) word=ok ;;
      77) word=skipped ;;
      124 | 137) word=failed text="stopped after $limit s" ;;
      *) word=failed text="status $status, see $part.log" ;;
    esac
  fi
  [[ $word != failed ]] || failed=1
  if [[ -s $out/$part.summary ]]; then text+=${text:+; }$(<"$out/$part.summary"); fi
  printf '%-8s %4d s  %s\n' "$word" $((SECONDS - start)) "$text"
  parts_json+="${parts_json:+,}{\"name\":$(json_string "$part"),\"status\":\"$word\",\"seconds\":$((SECONDS - start))"
  parts_json+=",\"summary\":$(json_string "$text")}"
}

json_string() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"} text=${text//$'\t'/ } text=${text//$'\n'/\\n}
  printf '"%s"' "$(tr -d '\000-\037' <<<"$text")"
}

# The content of a JSON file that a part wrote completely, or null.
json_file() { if [[ -s $1 ]]; then cat "$1"; else echo null; fi; }

# JSON lines as an array.
json_lines() { if [[ -s $1 ]]; then echo "[$(paste -sd, "$1")]"; else echo null; fi; }

neumf() { limited "$BIN/neumf" --device "$device" --progress never "$@"; }

# ---- The parts ------------------------------------------------------------------------------------------------------

prepare_data() {
  [[ -e $tiny/dataset.h5 ]] || limited "$BIN/neumf-preprocess" --synthetic 300x200x9000 --output "$tiny" --shards 2
  [[ -e $full/dataset.h5 ]] || limited "$BIN/neumf-preprocess" --synthetic "$dataset" --output "$full"
  summary "synthetic $dataset"
}

# run_test RANKS PROGRAM: its tests of the device; adds to `passed`, `skipped` and `broken`
run_test() {
  local ranks=$1 test=$2 log status=0
  local launch=()
  ((ranks == 1)) || launch=(mpirun -n "$ranks" --oversubscribe --bind-to none)
  log=$(limited "${launch[@]}" "$test" --gtest_filter="*$device*:*${device^}*" --gtest_color=no 2>&1) || status=$?
  printf '=== %s on %d ranks: status %d\n' "$(basename "$test")" "$ranks" "$status"
  # All of a failure; what ran of a success.
  if ((status)); then printf '%s\n' "$log"; else grep -E '^\[ *(PASSED|SKIPPED) *\] [0-9]+' <<<"$log" || true; fi
  passed=$((passed + $(sed -n 's/^\[ *PASSED *\] \([0-9]*\) test.*/\1/p' <<<"$log" | head -n 1 | grep . || echo 0)))
  skipped=$((skipped + $(sed -n 's/^\[ *SKIPPED *\] \([0-9]*\) test.*/\1/p' <<<"$log" | head -n 1 | grep . || echo 0)))
  if ((status)); then broken+=" $(basename "$test")"; fi
}

typed_tests() {
  local test passed=0 skipped=0 broken=''
  for test in "$BIN"/$tests; do
    [[ -x $test ]] || continue
    { limited "$test" --gtest_list_tests || true; } 2>/dev/null | grep -qi "$device" || continue
    run_test 1 "$test"
    summary "$passed passed, $skipped skipped${broken:+, failed:$broken}"
  done
  ((passed + skipped > 0)) || [[ -n $broken ]] || skip "no tests for $device in $BIN"
  [[ -z $broken ]]
}

# The same training on one rank and on two that share the GPU, and the tests that run under MPI.
shared_gpu() {
  command -v mpirun >/dev/null || skip "no mpirun"
  local ranks losses=() passed=0 skipped=0 broken='' name
  for ranks in 1 2; do
    limited mpirun -n "$ranks" --oversubscribe --bind-to none "$BIN/neumf" --device "$device" --progress never --threads 1 \
      --data "$tiny" --factors 16 --layers 64 32 16 --batch_size 2048 --epochs 3 --log_path "$out/ranks-$ranks.jsonl"
    losses+=("$(json_values "$out/ranks-$ranks.jsonl" train_loss epoch | tail -n 1)")
  done
  summary "loss after 3 epochs: ${losses[0]} on one rank, ${losses[1]} on two"
  awk -v a="${losses[0]}" -v b="${losses[1]}" 'BEGIN { d = a - b; exit !(d * d < (0.03 * a) * (0.03 * a)) }'
  for name in communicator trainer evaluator checkpoint precision; do
    [[ ! -x $BIN/${name}_test ]] || run_test 2 "$BIN/${name}_test"
  done
  summary "loss after 3 epochs: ${losses[0]} on one rank, ${losses[1]} on two; $passed tests passed${broken:+, failed:$broken}"
  [[ -z $broken ]]
}

sanitize() {
  command -v compute-sanitizer >/dev/null || skip "no compute-sanitizer"
  limited compute-sanitizer --tool "$1" --error-exitcode 3 "$BIN/neumf" --device "$device" --progress never \
    --data "$tiny" --precision "$half" --batch_size 16384 --epochs 1
  summary "$(grep -o 'ERROR SUMMARY.*\|RACECHECK SUMMARY.*' "$out/$part.log" | tail -n 1)"
}
memcheck() { sanitize memcheck; }
racecheck() { sanitize racecheck; }

# The published settings; then a few epochs in the other precisions.
training() {
  local precision rest=() text
  neumf --data "$full" --batch_size "$batch" --precision "$half" --epochs "$epochs" --profile \
    --log_path "$out/training.jsonl"
  text="$half: $(human "$(json_values "$out/training.jsonl" train_throughput epoch | median)") samples/s,"
  text+=" HR@10 $(json_values "$out/training.jsonl" best_accuracy | tail -n 1)"
  summary "$text"
  rest=(bf16 tf32 fp32)
  [[ $device == cuda ]] || rest=(fp32)
  for precision in "${rest[@]}"; do
    neumf --data "$full" --batch_size "$batch" --precision "$precision" --epochs 2 \
      --log_path "$out/training-$precision.jsonl"
    text+="; $precision: $(human "$(json_values "$out/training-$precision.jsonl" train_throughput epoch | tail -n 1)")"
    summary "$text"
  done
}

inference() {
  limited "$BIN/neumf" benchmark --device "$device" "${inference_options[@]}" --log_path "$out/inference.json"
  summary "$(awk 'NF == 9 && $5 + 0 > best { best = $5; line = $1 " " $2 ", batch " $3 }
                  END { printf "at most %.4g pairs/s (%s)", best, line }' "$out/$part.log")"
}

operations() {
  has ops_bench
  limited "$BIN/ops_bench" "${ops_options[@]}" --benchmark_out="$out/ops.json" --benchmark_out_format=json
  summary "$(grep -c '"share_of_copy"' "$out/ops.json") operations measured, see results.txt"
}

pytorch() {
  command -v "$python" >/dev/null || skip "no python3"
  "$python" -c 'import torch, numpy' 2>/dev/null || skip "no PyTorch"
  [[ $device == cpu ]] || "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null ||
    skip "PyTorch without CUDA"
  local data=(--data "$full") ours theirs
  "$python" -c 'import h5py' 2>/dev/null || data=(--random_shape 138493x26744x19861770)
  [[ $device == cpu ]] || torch_options+=(--precision auto)
  limited "$python" "$root/bench/peers/pytorch_ncf.py" "${data[@]}" --device "$device" --epochs 0 "${torch_options[@]}" \
    >"$out/pytorch.json.part"
  mv "$out/pytorch.json.part" "$out/pytorch.json"
  cat "$out/pytorch.json"
  theirs=$(grep -o '"samples_per_second": [0-9.e+]*' "$out/pytorch.json" | cut -d' ' -f2)
  ours=$(json_values "$out/training.jsonl" train_throughput epoch 2>/dev/null | median)
  summary "$(human "$theirs") samples/s; neumf is $(ratio "$ours" "$theirs") times as fast"
}

# ---- The report -----------------------------------------------------------------------------------------------------

# NAME, microseconds and shares of every operation.
operations_table() {
  [[ -s $out/ops.json ]] || return 0
  printf '\n%-58s %12s %10s %10s\n' operation us/call of_copy of_gemm
  awk -F'[:,]' '
    function value(text) { gsub(/[ "\r]/, "", text); return text }
    function flush() {
      if (name != "") printf("%-58s %12.1f %10s %10s\n", name, time, copy == "" ? "-" : sprintf("%.3f", copy),
                             gemm == "" ? "-" : sprintf("%.3f", gemm))
      name = copy = gemm = ""
    }
    /^ *"name": /          { flush(); name = value($2) (NF > 3 ? ":" value($3) : ""); sub(/\/real_time$/, "", name) }
    /^ *"real_time": /     { time = value($2) }
    /^ *"share_of_copy": / { copy = value($2) }
    /^ *"share_of_gemm": / { gemm = value($2) }
    END { flush() }' "$out/ops.json"
}

# Of the bound by unfused memory traffic: 10 kB per sample of the default model in half precision.
memory_bound_line() {
  [[ -s $out/ops.json && -s $out/training.jsonl && $device == cuda ]] || return 0
  local bandwidth ours
  bandwidth=$(awk '/"name": "copy\/cuda/ { found = 1 } found && /"bytes_per_second"/ { gsub(/[,"]/, ""); print $2; exit }' "$out/ops.json")
  ours=$(json_values "$out/training.jsonl" train_throughput epoch | median)
  awk -v b="$bandwidth" -v t="$ours" 'BEGIN {
    if (b > 0) printf "copy bandwidth %.0f GB/s; unfused memory bound %.0f M samples/s, of which training reaches %.2f\n",
                      b / 1e9, b / 1e10, t / (b / 1e4) }'
}

write_text() {
  echo "neumf on ${gpu:-no GPU}"
  echo
  "$root/bench/machine.sh"
  echo
  echo "part         status   time    result"
  cat "$out/parts.txt"
  echo
  echo "$SECONDS s in total"
  memory_bound_line
  local log
  for log in training inference; do
    [[ -s $out/$log.log ]] || continue
    printf '\n--- %s\n' "$log"
    cat "$out/$log.log"
  done
  operations_table
}

write_json() {
  printf '{"gpu":%s,"seconds":%d,"machine":%s,\n' "$(json_string "${gpu:-none}")" "$SECONDS" \
    "$(json_string "$("$root/bench/machine.sh")")"
  printf '"parts":[%s],\n' "$parts_json"
  printf '"training":%s,\n' "$(json_lines "$out/training.jsonl")"
  local precision
  for precision in bf16 tf32 fp32; do
    printf '"training_%s":%s,\n' "$precision" "$(json_lines "$out/training-$precision.jsonl")"
  done
  printf '"inference":%s,\n' "$(json_file "$out/inference.json")"
  printf '"operations":%s,\n' "$(json_file "$out/ops.json")"
  printf '"pytorch":%s}\n' "$(json_file "$out/pytorch.json")"
}

SECONDS=0
blocked=$(obstacle)
gpu=
[[ -n $blocked || $device != cuda ]] || gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)
{
  part data 90 prepare_data
  part tests 90 typed_tests
  part training 120 training
  part inference 60 inference
  part operations 80 operations
  part two-ranks 60 shared_gpu
  part pytorch 100 pytorch
  part memcheck 60 memcheck
  part racecheck 60 racecheck
} > >(tee "$out/parts.txt")
wait $! 2>/dev/null || true  # for tee
write_text >"$out/results.txt"
write_json >"$out/results.json"
echo "$SECONDS s; $out/results.txt, $out/results.json"
exit "$failed"
