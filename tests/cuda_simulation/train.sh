#!/usr/bin/env bash
# neumf on simulated GPUs against itself on CPUs: train.sh BIN [SCHEDULES]
#
# Losses of every epoch agree to 2e-3 and HR@10 to 0.04 in any precision (rounding moves single users of 200 across
# the tenth place), and both to 2e-4 and 0.01 in fp32, on one to four GPUs, whatever order the device runs work in.
source "$(dirname "$0")/../program/common.sh"
schedules=${2:-1}

"$bin/neumf-preprocess" --synthetic 207x120x5000 --output "$work/data" --shards 3 >/dev/null || fail "preprocessing"

# train NAME RANKS OPTIONS...
train() {
  local name=$1 ranks=$2
  shift 2
  timeout 120 mpirun -n "$ranks" --oversubscribe --bind-to none "$bin/neumf_sim" train --data "$work/data" \
    --factors 8 --layers 32 16 8 --batch_size 3000 --learning_rate 0.005 --epochs 2 --threads 1 \
    --log_path "$work/$name.json" --overwrite "$@" >"$work/$name.out" 2>&1 ||
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
for ranks in 2 3 4; do train "cpu_$ranks" $ranks --device cpu; done
train cpu_shuffled 1 --device cpu --sampling shuffled --grads_accumulated 2 --eval full
for ((seed = 1; seed <= schedules; ++seed)); do
  export NEUMF_SIM_SEED=$seed
  for precision in fp32 tf32 bf16 fp16; do
    train "cuda_$precision" 1 --device cuda --precision $precision
  done
  same cuda_fp32 cpu_fp32 2e-4 0.01
  same cuda_tf32 cpu_fp32 2e-3 0.04
  same cuda_bf16 cpu_bf16 2e-3 0.04
  same cuda_fp16 cpu_fp16 2e-3 0.04
  train cuda_shuffled 1 --device cuda --sampling shuffled --grads_accumulated 2 --eval full
  same cuda_shuffled cpu_shuffled 2e-4 0.01
  for ranks in 2 3 4; do
    train "cuda_$ranks" $ranks --device cuda
    same "cuda_$ranks" "cpu_$ranks" 2e-4 0.01
  done
  # The same bits whatever the schedule, with recorded steps and without (--profile records nothing), also where the
  # learning rate changes; on three ranks a sum has an order.
  for ranks in 1 3; do
    train "replayed_$ranks" $ranks --device cuda --deterministic --lr_schedule linear
    train "eager_$ranks" $ranks --device cuda --deterministic --lr_schedule linear --profile
    same "replayed_$ranks" "eager_$ranks" 0 0
    ((seed > 1)) || cp "$work/replayed_$ranks.json" "$work/first_$ranks.json"
    same "replayed_$ranks" "first_$ranks" 0 0
  done
done

# Steps are recorded once, whatever changes from epoch to epoch.
recorded() {
  NEUMF_SIM_COUNT=3000 train "recorded_$1" 1 --device cuda --epochs "$1" --lr_schedule exponential --lr_decay 0.9
  sed -n 's/ captures of the whole run$//p' "$work/recorded_$1.out"
}
few=$(recorded 2) many=$(recorded 5)
[[ $few -gt 0 && $few == "$many" ]] || fail "$few captures in 2 epochs, $many in 5"
# Ranks that share a GPU exchange through the host.
NEUMF_SIM_GPUS=1 train shared 2 --device cuda
same shared cpu_2 2e-4 0.01
grep -q 'gradients through MPI' "$work/shared.out" || fail "ranks that share a GPU do not use MPI"

# Adam in fp32 reads and writes four arrays: 16 bytes of each parameter in each direction, in whole sectors.
NEUMF_SIM_COUNT=3000 train counted 1 --device cuda
parameters=$(sed -n 's/,//g; s/.*: \([0-9]*\) parameters$/\1/p' "$work/counted.out")
awk -v p="$parameters" '$1 == "adam_kernel" { good = $3 >= 16 * p && $3 < 16.2 * p && $4 >= 16 * p && $4 < 16.2 * p }
  END { exit !good }' "$work/counted.out" || fail "$parameters parameters: $(grep adam_kernel "$work/counted.out")"
grep -q 'bytes per sample' "$work/counted.out" || fail "no bytes per sample"

# A served model, on the GPU and on the CPU.
printf '%d,%d\n' 3 7 200 1 17 100 >"$work/pairs.csv"
NEUMF_SIM_SEED=3 train saved 1 --device cuda --checkpoint_dir "$work/run"
for device in cuda cpu; do
  "$bin/neumf_sim" recommend --load_checkpoint_path "$work/run/best.h5" --device $device --threads 1 \
    --output "$work/items_$device.csv" >/dev/null 2>"$work/errors" || fail "recommend on $device: $(head -3 "$work/errors")"
  "$bin/neumf_sim" score --load_checkpoint_path "$work/run/best.h5" --device $device --threads 1 --pairs "$work/pairs.csv" \
    --output "$work/scores_$device.csv" >/dev/null 2>"$work/errors" || fail "score on $device: $(head -3 "$work/errors")"
done
paste -d, "$work"/scores_{cuda,cpu}.csv | awk -F, 'NR > 1 { d = $3 - $6; good += d * d < 1e-8 }
  END { exit good != 3 || NR != 4 }' ||
  fail "scores differ: $(paste -d, "$work"/scores_{cuda,cpu}.csv)"
python3 - "$work"/items_{cuda,cpu}.csv <<'END' || fail "recommendations differ"
import csv, sys
a, b = ([row for row in csv.reader(open(path))] for path in sys.argv[1:])
same = sum(x[:3] == y[:3] for x, y in zip(a, b))
sys.exit(not (len(a) == len(b) > 207 and same > 0.98 * len(a)))
END
finish
