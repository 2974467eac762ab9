#!/usr/bin/env bash
# GMF and MLP, NeuMF joined from them, evaluation over the whole catalogue, early stopping.
source "$(dirname "$0")/common.sh"

"$bin/neumf-preprocess" --synthetic 600x200x24000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
settings=(--data "$work/data" --factors 8 --layers 32 16 8 --batch_size 1024 --learning_rate 0.005 --beta1 0.9
  --beta2 0.999 --dropout 0 --threads 1)
for model in gmf mlp; do
  mpi 2 neumf "${settings[@]}" --model $model --epochs 6 --eval full --topk_list 5 20 --checkpoint_dir "$work/$model" \
    --log_path "$work/$model.json" >"$work/out" || fail "training $model: $(cat "$work/out")"
  awk -v hr="$(last "$work/$model.json" hr@10)" 'BEGIN { exit !(hr > 0.3) }' || fail "$model has learned nothing"
  # The best epoch is that over the whole catalogue; the saved model has its metrics on any number of ranks.
  best=$(last "$work/$model.json" best_accuracy)
  grep -q "\"full_hr@10\":$best,.*\"type\":\"epoch\"" "$work/$model.json" || fail "$model: best_accuracy $best"
  mpi 3 neumf --data "$work/data" --threads 1 --mode test --load_checkpoint_path "$work/$model/best.h5" --eval full \
    --topk_list 5 --log_path "$work/test.json" >/dev/null || fail "testing $model"
  expect "$model" "$(last "$work/test.json" full_hr@10)" "$best"
  expect "$model" "$(last "$work/test.json" full_recall@5)" "$(last "$work/test.json" full_hr@5)"
done

# Joined, both models rank at least about as well as the worse of them before any training: epoch 0.
joined=(mpi 2 neumf "${settings[@]}" --pretrained_gmf "$work/gmf/best.h5" --pretrained_mlp "$work/mlp/best.h5"
  --optimizer sgd --learning_rate 0.01 --checkpoint_dir "$work/joined" --log_path "$work/joined.json")
"${joined[@]}" --epochs 1 >"$work/out" || fail "training the joined model: $(cat "$work/out")"
start=$(grep '"epoch":0' "$work/joined.json" | grep -o '"hr@10":[^,]*' | cut -d: -f2)
awk -v hr="$start" 'BEGIN { exit !(hr > 0.5) }' || fail "the joined model starts at $start"
# A resumed run knows epoch 0, and does not join again.
"${joined[@]}" --epochs 2 --resume >"$work/out" || fail "resuming the joined model: $(cat "$work/out")"
grep -q 'resumed' "$work/out" || fail "not resumed: $(cat "$work/out")"
[[ $(grep -c '"epoch":0' "$work/joined.json") == 1 ]] || fail "epoch 0 is in the log again"
# The log alone does not tell a run that has done nothing wrong from one that forgot: the best of all epochs counts.
best=$(last "$work/joined.json" best_accuracy)
awk -v best="$best" -v start="$start" 'BEGIN { exit !(best >= start) }' || fail "best $best, but $start in epoch 0"

# At rate 1e-9 nothing gets better after the first epoch.
mpi 1 neumf "${settings[@]}" --learning_rate 1e-9 --epochs 9 --patience 2 --log_path "$work/patience.json" >"$work/out"
grep -q 'has not risen for 2 epochs' "$work/out" || fail "--patience did not stop the run: $(cat "$work/out")"
epochs=$(grep -c '"type":"epoch"' "$work/patience.json")
((epochs >= 3 && epochs < 9)) || fail "--patience 2 stopped after $epochs epochs"

# GMF by least squares: ranks agree, a resumed run ends as one that was never stopped, and what it saves can be served.
ials=(neumf --data "$work/data" --model gmf --loss ials --embedding_l2 0.01 --factors 8 --eval full --threads 1)
expect_error 2 "Raise --embedding_l2" "${ials[@]:1}" --unobserved_weight 1e30
mpi 2 "${ials[@]}" --epochs 4 --checkpoint_dir "$work/ials" --log_path "$work/ials.json" >"$work/out" || fail "ials: $(cat "$work/out")"
grep -q 'loss ials, unobserved weight 0.1, L2 0.01 to power 1' "$work/out" || fail "ials is not described: $(cat "$work/out")"
mpi 3 "${ials[@]}" --epochs 4 --log_path "$work/ials3.json" >"$work/out" || fail "ials on 3 ranks: $(cat "$work/out")"
mpi 2 "${ials[@]}" --epochs 2 --checkpoint_dir "$work/parts" --log_path "$work/parts.json" >"$work/out" || fail "ials: $(cat "$work/out")"
mpi 2 "${ials[@]}" --epochs 4 --checkpoint_dir "$work/parts" --log_path "$work/parts.json" --resume >"$work/out" ||
  fail "resuming ials: $(cat "$work/out")"
for key in train_loss validation_loss full_hr@10; do
  expect "resumed ials, $key" "$(last "$work/parts.json" $key)" "$(last "$work/ials.json" $key)"
done
awk -v a="$(last "$work/ials.json" train_loss)" -v b="$(last "$work/ials3.json" train_loss)" \
  'BEGIN { exit !(a < b + 1e-4 && b < a + 1e-4) }' || fail "ials: 2 and 3 ranks differ"
awk -v hr="$(last "$work/ials.json" hr@10)" 'BEGIN { exit !(hr > 0.3) }' || fail "ials has learned nothing"
mpi 3 neumf --data "$work/data" --threads 1 --mode test --load_checkpoint_path "$work/ials/best.h5" --eval full \
  --log_path "$work/test.json" >/dev/null || fail "testing ials"
expect "ials" "$(last "$work/test.json" full_hr@10)" "$(last "$work/ials.json" best_accuracy)"
mpi 1 neumf --data "$work/data" --model gmf --loss ials --epochs 1 2>"$work/err" >/dev/null && fail "ials without an L2"
grep -q 'give --embedding_l2' "$work/err" || fail "$(cat "$work/err")"

mpi 1 neumf "${settings[@]}" --mode test --load_checkpoint_path "$work/gmf/best.h5" --model mlp 2>"$work/err" >/dev/null &&
  fail "a GMF model was taken for an MLP"
grep -q 'holds a model of kind gmf, not mlp' "$work/err" || fail "$(cat "$work/err")"
finish
