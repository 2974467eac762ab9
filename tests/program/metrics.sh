#!/usr/bin/env bash
# Several held-out items per user: what neumf reports against a public evaluation library (pytrec_eval, or ranx).
source "$(dirname "$0")/common.sh"
need_python
"$python" -c 'import pytrec_eval' 2>/dev/null || "$python" -c 'import ranx' 2>/dev/null || {
  echo "skipped: python3 has neither pytrec_eval (pip install pytrec-eval-terrier) nor ranx"
  exit 77
}

"$bin/neumf-preprocess" --synthetic 300x150x9000 --split ratio --validation ratio --valid_negative 40 --output "$work/data" \
  >/dev/null || fail "preprocessing"
mpi 2 neumf --data "$work/data" --factors 8 --layers 32 16 8 --batch_size 1024 --learning_rate 0.005 --beta1 0.9 \
  --beta2 0.999 --dropout 0 --threads 1 --epochs 2 --checkpoint_dir "$work/run" >"$work/out" || fail "$(cat "$work/out")"
for file in users.csv users.h5; do
  mpi 2 neumf test --data "$work/data" --load_checkpoint_path "$work/run/best.h5" --eval full --topk 10 --topk_list 1 3 50 \
    --per_user "$work/$file" --log_path "$work/test.json" --threads 1 >/dev/null || fail "testing"
done
mpi 1 neumf recommend --load_checkpoint_path "$work/run/best.h5" --topk 150 --format hdf5 --output "$work/scores.h5" 2>/dev/null ||
  fail "scoring"
"$python" "$(dirname "$0")/check_metrics.py" "$work" || fail "metrics differ"
finish
