#!/usr/bin/env bash
# neumf on simulated GPUs against itself on CPUs: train.sh BIN [SCHEDULES]
#
# Losses of every epoch agree to 2e-3 and HR@10 to 0.04 in any precision (rounding moves single users of 200 across
# the tenth place), and both to 2e-4 and 0.01 in fp32, on one to four GPUs, whatever order the device runs work in.
source "$(dirname "$0")/../program/common.sh"
schedules=${2:-1}

"$bin/neumf-preprocess" --synthetic 207x120x4000 --output "$work/data" --shards 3 >/dev/null || fail "preprocessing"

# train NAME RANKS OPTIONS...
train() {
  local name=$1 ranks=$2
  shift 2
  timeout 120 mpirun -n "$ranks" --oversubscribe --bind-to none "$bin/neumf_sim" train --data "$work/data" \
    --factors 8 --layers 32 16 8 --batch_size 3000 --learning_rate 0.005 --epochs 2 --threads 1 \
    --log_path "$work/$name.json" "$@" >"$work/$name.out" 2>&1 ||
    { fail "$name: status $?"; grep -E 'simulated GPU|error' "$work/$name.out" | head -5; }
}

# same NAME OTHER LOSS HR: every epoch's losses and HR@10
same() {
  python3 - "$work/$1.json" "$work/$2.json" "$3" "$4" <<'END' || fail "$1 is not $2"
import json, sys
def epochs(path):
    lines = map(json.loads, open(path))
    return [(e["train_loss"], e["validation_loss"], e["hr@10"]) for e in lines if e.get("type") == "epoch"]
a, b = epochs(sys.argv[1]), epochs(sys.argv[2])
limits = [float(sys.argv[3])] * 2 + [float(sys.argv[4])]
good = len(a) == len(b) == 2 and all(abs(x - y) <= limit for p, q in zip(a, b) for x, y, limit in zip(p, q, limits))
if not good:
    print(a, b)
sys.exit(not good)
END
}

for precision in fp32 bf16 fp16; do
  train "cpu_$precision" 1 --device cpu --precision $precision
done
for ((seed = 1; seed <= schedules; ++seed)); do
  export NEUMF_SIM_SEED=$seed
  for precision in fp32 tf32 bf16 fp16; do
    train "cuda_$precision" 1 --device cuda --precision $precision
  done
  same cuda_fp32 cpu_fp32 2e-4 0.01
  same cuda_tf32 cpu_fp32 2e-3 0.04
  same cuda_bf16 cpu_bf16 2e-3 0.04
  same cuda_fp16 cpu_fp16 2e-3 0.04
  for ranks in 2 3 4; do
    train "cpu_$ranks" $ranks --device cpu
    train "cuda_$ranks" $ranks --device cuda
    same "cuda_$ranks" "cpu_$ranks" 2e-4 0.01
  done
done
finish
