#!/usr/bin/env bash
# Real data, where it is at hand: MovieLens 1M from $NEUMF_TEST_DATA or ../shared/data. Two epochs of the paper's
# smallest model must reach the HR@10 that it has by then.
source "$(dirname "$0")/common.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
file=${NEUMF_TEST_DATA:-$root/../shared/data}/ml-1m.csv.gz
[[ -e $file ]] || { echo "skipped: $file is not here"; exit 77; }

"$bin/neumf-preprocess" --input "$file" --output "$work/data" --shards 2 || fail "preprocessing"
mpi 2 neumf --data "$work/data" --factors 8 --layers 64 32 16 8 --batch_size 2048 --learning_rate 0.002 \
  --beta1 0.9 --beta2 0.999 --dropout 0 --epochs 2 --threads 1 --log_path "$work/log.json" || fail "training"
best=$(grep -o '"best_accuracy":[0-9.]*' "$work/log.json" | cut -d: -f2)
awk -v hr="$best" 'BEGIN { exit !(hr > 0.60) }' || fail "HR@10 is only $best"
finish
