#!/usr/bin/env bash
# Weights in the layout of the NCF paper's Keras files, written with h5py, have the HR@10 and NDCG@10 that numpy
# computes; NeuMF starts from such files; files of another catalogue are refused.
source "$(dirname "$0")/common.sh"
need_python

"$bin/neumf-preprocess" --synthetic 300x150x9000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
for model in gmf mlp neumf; do
  read -r hit_rate ndcg < <("$python" "$(dirname "$0")/keras_weights.py" "$work/data" $model "$work/$model.h5")
  for ranks in 1 2; do
    mpi $ranks neumf --data "$work/data" --threads 1 --mode test --load_checkpoint_path "$work/$model.h5" \
      --log_path "$work/log.json" >"$work/out" || fail "$model on $ranks ranks: $(cat "$work/out")"
    grep '"type":"test"' "$work/log.json" | "$python" -c '
import json, sys
log = json.loads(sys.stdin.read())
want = [float(x) for x in sys.argv[1:]]
sys.exit(max(abs(log["hr@10"] - want[0]), abs(log["ndcg@10"] - want[1])) > 1e-9)' "$hit_rate" "$ndcg" ||
      fail "$model on $ranks ranks: $(tail -n 1 "$work/out"), but numpy has $hit_rate and $ndcg"
  done
done

mpi 2 neumf --data "$work/data" --threads 1 --pretrained_gmf "$work/gmf.h5" --pretrained_mlp "$work/mlp.h5" \
  --optimizer sgd --learning_rate 0.01 --epochs 1 --batch_size 1000 >"$work/out" || fail "training from Keras weights"
grep -q 'factors 6, layers 16 12 8' "$work/out" || fail "the joined model has other sizes: $(cat "$work/out")"

"$bin/neumf-preprocess" --synthetic 301x150x9000 --output "$work/other" >/dev/null
mpi 2 neumf --data "$work/other" --mode test --load_checkpoint_path "$work/gmf.h5" 2>"$work/err" >/dev/null &&
  fail "weights of another catalogue were accepted"
grep -q 'has 300 users and 150 items and no ids, but the data set .* has 301 and 150' "$work/err" || fail "$(cat "$work/err")"
finish
