#!/usr/bin/env bash
# Everything that needs a GPU, in one go and in less than nine minutes, the most telling first: does it train as a CPU
# does, the tests, compute-sanitizer, training at full speed, two ranks on one GPU, the share of its ceilings that every
# operation reaches, inference, and PyTorch.
#
#   bench/gpu_check.sh OUT_DIR     writes OUT_DIR/results.txt, results.json and logs.tar.gz, anew after every part
#
# Needs the built programs, bash and coreutils; mpirun, compute-sanitizer and python3 with torch are used where they are.
# bench/gpu_pack.sh takes the programs to a machine that lacks their libraries. Every part has its own time limit. If
# training or the tests are wrong, only the sanitizer still runs: figures would mean nothing. Without a GPU every part is
# reported as skipped. The exit status is 0 unless a part failed. From the environment:
#   BIN, DATA    as in bench/common.sh; data sets are made where they are missing
#   BUDGET       seconds for everything; default 530
#   EPOCHS       of the full training run; default 10
#   PYTHON       default python3
#   REHEARSE     to test this script with little data: cpu runs every part on the CPU, simulation those that train or
#                test on simulated GPUs (docs/gpu-simulation.md)
# shellcheck disable=SC2317  # parts are called by name
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: gpu_check.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf neumf-preprocess
mkdir -p "$out" "$DATA"
rm -f "$out"/results.{txt,json} "$out/logs.tar.gz"
logs=$(mktemp -d)  # apart: machines that are lent may give back few files
trap 'rm -rf "$logs"' EXIT
budget=${BUDGET:-530} epochs=${EPOCHS:-10} python=${PYTHON:-python3}
device=cuda half=fp16 dataset=ml-20m batch=1048576 tests='*_test' program=$BIN/neumf
inference_options=(--seconds 2)
ops_options=(--benchmark_min_time=0.05 --benchmark_filter='/cuda/(bytes|ids|bf16|fp32)/ml-20m')
torch_options=(--batch_size "$batch" --tune 3 --steps 20 --seconds 15)
rehearsal=${REHEARSE:-}
if [[ $rehearsal == simulation ]]; then
  dataset=207x120x7300 batch=4096 epochs=2 tests=cuda_simulation_devices_test program=$BIN/neumf_sim
  need_programs neumf_sim
elif [[ -n $rehearsal ]]; then
  device=cpu half=bf16 dataset=400x300x12000 batch=4096 epochs=2 tests='ops_gather*_test'
fi
if [[ -n $rehearsal ]]; then
  export OMP_NUM_THREADS=1  # quick also on a busy machine
  inference_options=(--batch_sizes 1 1024 --num_batches 3 --n_users 1000 --n_items 500 --precision bf16)
  ops_options=(--benchmark_min_time=0.001 --benchmark_filter='(copy|linear_forward_128).*/cpu/(bytes|bf16)')
  torch_options=(--batch_size "$batch" --steps 2)
fi
tiny=$DATA/check-tiny full=$DATA/check-$dataset

# Why nothing can run here, or nothing.
obstacle() {
  [[ -z $rehearsal ]] || return 0
  "$program" --version | grep '^GPU *CUDA' >/dev/null || { echo "neumf was built without CUDA"; return 0; }
  { command -v nvidia-smi && nvidia-smi --list-gpus | grep '^GPU'; } >/dev/null 2>&1 || echo "no GPU"
}

# ---- Running parts --------------------------------------------------------------------------------------------------

# Runs a command within the part's time.
limited() {
  local left=$((deadline - SECONDS))
  ((left > 0)) || return 124
  timeout --kill-after=5 "$left" "$@"
}

# For the line of the part in the table.
summary() { printf '%s\n' "$*" >"$logs/$part.summary"; }

skip() {
  summary "$*"
  return 77
}

has() { [[ -x $BIN/$1 ]] || skip "$1 was not built"; }
real_device() { [[ $rehearsal != simulation ]] || skip "not on simulated GPUs"; }

parts_json= parts_text= last=
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
    (set -euo pipefail; "$function") >"$logs/$part.log" 2>&1
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
  last=$word
  if [[ -s $logs/$part.summary ]]; then text+=${text:+; }$(<"$logs/$part.summary"); fi
  printf '%-8s %4d s  %s\n' "$word" $((SECONDS - start)) "$text"
  parts_json+="${parts_json:+,}{\"name\":$(json_string "$part"),\"status\":\"$word\",\"seconds\":$((SECONDS - start))"
  parts_json+=",\"summary\":$(json_string "$text")}"
  parts_text+="$(printf '%-12s %-8s %4d s  %s' "$part" "$word" $((SECONDS - start)) "$text")"$'\n'
  write_results
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

neumf() { limited "$program" --device "$device" --progress never "$@"; }

# ---- The parts ------------------------------------------------------------------------------------------------------

# Training computes what a CPU computes, step by step, and replayed steps do what single ones do.
losses_of() { json_values "$1" train_loss epoch | paste -sd' '; }
train_tiny() {
  local log=$1
  shift
  limited "$program" --progress never --data "$tiny" --factors 16 --layers 64 32 16 --batch_size 2048 --epochs 3 \
    --log_path "$log" --overwrite "$@"
}
same_losses() {
  awk -v a="$1" -v b="$2" -v most="$3" 'BEGIN {
    n = split(a, x); m = split(b, y)
    for (i = 1; i <= n; ++i) if ((x[i] - y[i]) ^ 2 > (most * y[i]) ^ 2) exit 1
    exit !(n > 0 && n == m) }'
}
agreement() {
  local sampling wrong=''
  for sampling in grouped shuffled; do
    train_tiny "$logs/agree-cpu.jsonl" --device cpu --threads 1 --sampling "$sampling"
    train_tiny "$logs/agree-$device.jsonl" --device "$device" --sampling "$sampling"
    echo "$sampling: cpu $(losses_of "$logs/agree-cpu.jsonl"); $device $(losses_of "$logs/agree-$device.jsonl")"
    same_losses "$(losses_of "$logs/agree-$device.jsonl")" "$(losses_of "$logs/agree-cpu.jsonl")" 1e-3 || wrong+=" $sampling"
  done
  # --profile runs every step by itself.
  train_tiny "$logs/agree-replayed.jsonl" --device "$device" --precision "$half" --deterministic
  train_tiny "$logs/agree-single.jsonl" --device "$device" --precision "$half" --deterministic --profile
  [[ $(losses_of "$logs/agree-replayed.jsonl") == "$(losses_of "$logs/agree-single.jsonl")" ]] || wrong+=" replay"
  summary "losses per epoch as on a CPU, replayed as step by step${wrong:+; WRONG:$wrong}"
  [[ -z $wrong ]]
}

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
  local filter="*$device*:*${device^}*"
  # All of it is for GPUs, but for the operations on CPUs.
  [[ $(basename "$test") != cuda_* ]] || filter='-*/cpu_*'
  log=$(limited "${launch[@]}" "$test" --gtest_filter="$filter" --gtest_color=no 2>&1) || status=$?
  printf '=== %s on %d ranks: status %d\n' "$(basename "$test")" "$ranks" "$status"
  # All of a failure; what ran of a success.
  if ((status)); then printf '%s\n' "$log"; else grep -E '^\[ *(PASSED|SKIPPED) *\] [0-9]+' <<<"$log" || true; fi
  passed=$((passed + $(sed -n 's/^\[ *PASSED *\] \([0-9]*\) test.*/\1/p' <<<"$log" | head -n 1 | grep . || echo 0)))
  skipped=$((skipped + $(sed -n 's/^\[ *SKIPPED *\] \([0-9]*\) test.*/\1/p' <<<"$log" | head -n 1 | grep . || echo 0)))
  ((status)) || return 0
  broken+=" $(basename "$test")"
  # Where it went wrong says more than that it did.
  if command -v compute-sanitizer >/dev/null && ((ranks == 1)) && [[ $device == cuda ]]; then
    limited compute-sanitizer --tool memcheck "$test" --gtest_filter="$filter" 2>&1 | head -n 60 || true
  fi
}

typed_tests() {
  local test passed=0 skipped=0 broken=''
  for test in "$BIN"/$tests; do
    [[ -x $test ]] || continue
    [[ $(basename "$test") == cuda_* ]] ||
      { limited "$test" --gtest_list_tests || true; } 2>/dev/null | grep -i "$device" >/dev/null || continue
    # Within cuda_test.
    [[ $(basename "$test") != ops_* || ! -x $BIN/cuda_test ]] || continue
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
    limited mpirun -n "$ranks" --oversubscribe --bind-to none "$program" --device "$device" --progress never --threads 1 \
      --data "$tiny" --factors 16 --layers 64 32 16 --batch_size 2048 --epochs 3 --log_path "$logs/ranks-$ranks.jsonl"
    losses+=("$(json_values "$logs/ranks-$ranks.jsonl" train_loss epoch | tail -n 1)")
  done
  summary "loss after 3 epochs: ${losses[0]} on one rank, ${losses[1]} on two"
  awk -v a="${losses[0]}" -v b="${losses[1]}" 'BEGIN { d = a - b; exit !(d * d < (0.001 * a) * (0.001 * a)) }'
  for name in communicator_test "$(basename "${tests/\*_test/cuda_test}")"; do
    [[ ! -x $BIN/$name ]] || run_test 2 "$BIN/$name"
  done
  summary "loss after 3 epochs: ${losses[0]} on one rank, ${losses[1]} on two; $passed tests passed${broken:+, failed:$broken}"
  [[ -z $broken ]]
}

sanitize() {
  real_device
  command -v compute-sanitizer >/dev/null || skip "no compute-sanitizer"
  # Of our own kernels only: the libraries' take most of the time, and initcheck has reports of its own about them.
  local ours=()
  if compute-sanitizer --help 2>/dev/null | grep -e --kernel-name >/dev/null; then ours=(--kernel-name kernel_substring=neumf); fi
  limited compute-sanitizer --tool "$1" --error-exitcode 3 "${ours[@]}" "$BIN/neumf" --device "$device" --progress never \
    --data "$tiny" --precision "$half" --batch_size 16384 --epochs 1
  summary "$(grep -o 'ERROR SUMMARY.*\|RACECHECK SUMMARY.*' "$logs/$part.log" | tail -n 1)"
}
memcheck() { sanitize memcheck; }
initcheck() { sanitize initcheck; }
racecheck() { sanitize racecheck; }

# The published settings, then where the time goes (which runs every step by itself), then the other precisions.
training() {
  local precision rest=() text
  neumf --data "$full" --batch_size "$batch" --precision "$half" --epochs "$epochs" \
    --log_path "$logs/training.jsonl"
  text="$half: $(human "$(json_values "$logs/training.jsonl" train_throughput epoch | median)") samples/s,"
  text+=" HR@10 $(json_values "$logs/training.jsonl" best_accuracy | tail -n 1)"
  summary "$text"
  neumf --data "$full" --batch_size "$batch" --precision "$half" --epochs 1 --profile
  rest=(bf16 tf32 fp32)
  [[ -z $rehearsal ]] || rest=(fp32)
  for precision in "${rest[@]}"; do
    neumf --data "$full" --batch_size "$batch" --precision "$precision" --epochs 2 \
      --log_path "$logs/training-$precision.jsonl"
    text+="; $precision: $(human "$(json_values "$logs/training-$precision.jsonl" train_throughput epoch | tail -n 1)")"
    summary "$text"
  done
}

inference() {
  real_device
  limited "$program" benchmark --device "$device" "${inference_options[@]}" --log_path "$logs/inference.json"
  summary "$(awk 'NF == 9 && $5 + 0 > best { best = $5; line = $1 " " $2 ", batch " $3 }
                  END { printf "at most %.4g pairs/s (%s)", best, line }' "$logs/$part.log")"
}

operations() {
  real_device
  has ops_bench
  # Under its name only when it is whole.
  limited "$BIN/ops_bench" "${ops_options[@]}" --benchmark_out="$logs/ops.json.part" --benchmark_out_format=json
  mv "$logs/ops.json.part" "$logs/ops.json"
  summary "$(grep -c '"share_of_copy"' "$logs/ops.json") operations measured, see results.txt"
}

pytorch() {
  real_device
  command -v "$python" >/dev/null || skip "no python3"
  "$python" -c 'import torch, numpy' 2>/dev/null || skip "no PyTorch"
  [[ $device == cpu ]] || "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null ||
    skip "PyTorch without CUDA"
  local data=(--data "$full") ours theirs
  "$python" -c 'import h5py' 2>/dev/null || data=(--random_shape 138493x26744x19861770)
  [[ $device == cpu ]] || torch_options+=(--precision auto)
  limited "$python" "$root/bench/peers/pytorch_ncf.py" "${data[@]}" --device "$device" --epochs 0 "${torch_options[@]}" \
    >"$logs/pytorch.json.part"
  mv "$logs/pytorch.json.part" "$logs/pytorch.json"
  cat "$logs/pytorch.json"
  theirs=$(grep -o '"samples_per_second": [0-9.e+]*' "$logs/pytorch.json" | cut -d' ' -f2)
  ours=$(json_values "$logs/training.jsonl" train_throughput epoch 2>/dev/null | median)
  summary "$(human "$theirs") samples/s; neumf is $(ratio "$ours" "$theirs") times as fast"
}

# ---- The report -----------------------------------------------------------------------------------------------------

# NAME, microseconds and shares of every operation.
operations_table() {
  [[ -s $logs/ops.json ]] || return 0
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
    END { flush() }' "$logs/ops.json"
}

# Of the bound by unfused memory traffic: 10 kB per sample of the default model in half precision.
memory_bound_line() {
  [[ -s $logs/ops.json && -s $logs/training.jsonl && $device == cuda ]] || return 0
  local bandwidth ours
  bandwidth=$(awk '/"name": "copy\/cuda/ { found = 1 } found && /"bytes_per_second"/ { gsub(/[,"]/, ""); print $2; exit }' "$logs/ops.json")
  ours=$(json_values "$logs/training.jsonl" train_throughput epoch | median)
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
  printf '%s' "$parts_text"
  echo
  echo "$SECONDS s in total"
  memory_bound_line
  local log
  for log in training inference; do
    [[ -s $logs/$log.log ]] || continue
    printf '\n--- %s\n' "$log"
    cat "$logs/$log.log"
  done
  operations_table
}

write_json() {
  printf '{"gpu":%s,"seconds":%d,"machine":%s,\n' "$(json_string "${gpu:-none}")" "$SECONDS" \
    "$(json_string "$("$root/bench/machine.sh")")"
  printf '"parts":[%s],\n' "$parts_json"
  printf '"training":%s,\n' "$(json_lines "$logs/training.jsonl")"
  local precision
  for precision in bf16 tf32 fp32; do
    printf '"training_%s":%s,\n' "$precision" "$(json_lines "$logs/training-$precision.jsonl")"
  done
  printf '"inference":%s,\n' "$(json_file "$logs/inference.json")"
  printf '"operations":%s,\n' "$(json_file "$logs/ops.json")"
  printf '"pytorch":%s}\n' "$(json_file "$logs/pytorch.json")"
}

write_results() {
  write_text >"$out/results.txt"
  write_json >"$out/results.json"
  tar -C "$logs" -czf "$out/logs.tar.gz" .
}

SECONDS=0
blocked=$(obstacle)
gpu=
[[ -n $blocked || -n $rehearsal ]] || gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)
# must NAME LIMIT FUNCTION: a part without which the figures below mean nothing
distrusted=
must() {
  part "$@"
  [[ $last != failed ]] || distrusted="not after $1 failed"
}
must data 60 prepare_data
must agreement 40 agreement
must tests 80 typed_tests
part memcheck 45 memcheck
part initcheck 30 initcheck
part racecheck 45 racecheck
blocked=${blocked:-$distrusted}
part training 80 training
part two-ranks 30 shared_gpu
part operations 70 operations
part inference 40 inference
part pytorch 100 pytorch
echo "$SECONDS s; $out/results.txt, $out/results.json, $out/logs.tar.gz"
exit "$failed"
