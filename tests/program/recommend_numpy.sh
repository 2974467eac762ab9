#!/usr/bin/env bash
# Recommendations for all users against numpy, which ranks the whole catalogue from the checkpoint's weights.
source "$(dirname "$0")/common.sh"

check=$(cd "$(dirname "$0")" && pwd)/check_recommendations.py
need_python

"$bin/neumf-preprocess" --synthetic 400x500x16000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
for layers in "32 16 8" "8 12"; do
  # shellcheck disable=SC2086
  mpi 2 neumf train --data "$work/data" --factors 6 --layers $layers --batch_size 1024 --learning_rate 0.01 \
    --beta1 0.9 --beta2 0.999 --dropout 0 --epochs 3 --threads 1 --checkpoint_dir "$work/run" --overwrite >/dev/null || fail "training"
  model=(--load_checkpoint_path "$work/run/best.h5" --threads 1)
  mpi 1 neumf recommend "${model[@]}" --output "$work/a.csv" && "$python" "$check" "$work/run/best.h5" "$work/a.csv" ||
    fail "CSV, layers $layers"
  mpi 2 neumf recommend "${model[@]}" --exclude_seen "$work/data" --topk 25 --format hdf5 --output "$work/b.h5" &&
    "$python" "$check" "$work/run/best.h5" "$work/b.h5" --topk 25 --seen "$work/data" || fail "HDF5, layers $layers"
  # More than the catalogue has.
  mpi 3 neumf recommend "${model[@]}" --exclude_seen "$work/data" --topk 1000 --format jsonl --output "$work/c.jsonl" &&
    "$python" "$check" "$work/run/best.h5" "$work/c.jsonl" --topk 1000 --seen "$work/data" || fail "JSON, layers $layers"
done
finish
