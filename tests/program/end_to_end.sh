#!/usr/bin/env bash
# From data to HR@10: preprocess, train on two ranks, evaluate the saved model on any number of ranks.
source "$(dirname "$0")/common.sh"

"$bin/neumf-preprocess" --synthetic 600x200x24000 --output "$work/data" --shards 2 || fail "preprocessing"
settings=(--data "$work/data" --factors 8 --layers 32 16 8 --batch_size 1024 --learning_rate 0.005 --beta1 0.9
  --beta2 0.999 --dropout 0 --threads 1)
mpi 2 neumf "${settings[@]}" --epochs 8 --checkpoint_dir "$work/run" --log_path "$work/run/log.json" | tee "$work/out" \
  || fail "training"
grep -q 'best HR@10' "$work/out" || fail "no summary"
best=$(grep -o '"best_accuracy":[0-9.]*' "$work/run/log.json" | cut -d: -f2)
# A model that scores at random has 10 / 101.
awk -v hr="$best" 'BEGIN { exit !(hr > 0.3) }' || fail "HR@10 is only $best"

shown=$(sed -n 's/^best HR@10 \([0-9.]*\),.*/\1/p' "$work/out")
for ranks in 1 2 3; do
  result=$(mpi $ranks neumf --data "$work/data" --threads 1 --mode test --load_checkpoint_path "$work/run/best.h5")
  grep -q "^HR@10 $shown," <<<"$result" || fail "on $ranks ranks the checkpoint has not HR@10 $shown: $result"
done

# Training goes on from a checkpoint, and from the options that a run wrote down.
mpi 2 neumf --config "$work/run/log.ini" --load_checkpoint_path "$work/run/best.h5" --epochs 1 \
  --checkpoint_dir "$work/again" --log_path "$work/again/log.json" >/dev/null || fail "training from a checkpoint"
again=$(grep -o '"best_accuracy":[0-9.]*' "$work/again/log.json" | cut -d: -f2)
awk -v a="$again" -v b="$best" 'BEGIN { exit !(a > b - 0.05) }' || fail "HR@10 fell from $best to $again"

# Items that are shared out over the ranks: as replicated ones, and a saved run goes on either way, on any number of ranks.
for items in replicated sharded; do
  mpi 2 neumf "${settings[@]}" --item_embeddings $items --epochs 1 --checkpoint_dir "$work/$items" \
    --log_path "$work/$items/log.json" >"$work/$items.out" || fail "training with $items items"
  grep "item embeddings $items" "$work/$items.out" >/dev/null || fail "the start table does not say $items"
done
for key in train_loss 'hr@10'; do
  expect "$key of sharded items" "$(last "$work/sharded/log.json" "$key")" "$(last "$work/replicated/log.json" "$key")"
done
mpi 3 neumf --config "$work/sharded/log.ini" --resume --epochs 2 >/dev/null || fail "going on with sharded items on 3 ranks"
mpi 1 neumf --config "$work/sharded/log.ini" --resume --epochs 3 --item_embeddings replicated >/dev/null \
  || fail "going on with replicated items on a rank"
[[ $(grep -c '"type":"epoch"' "$work/sharded/log.json") == 3 ]] || fail "the run did not go on"

# A name that looks like a comment to readers of INI files.
mpi 1 neumf "${settings[@]}" --epochs 1 --checkpoint_dir "$work/exp#7" --log_path "$work/exp#7/log.json" >/dev/null &&
  mpi 1 neumf --config "$work/exp#7/log.ini" --overwrite >/dev/null || fail "training in exp#7"
[[ -e "$work/exp#7/best.h5" && ! -e $work/exp ]] || fail "exp#7 from an INI file became exp"

# --threshold stops early.
mpi 1 neumf "${settings[@]}" --epochs 8 --threshold 0.1 --log_path "$work/early.json" >/dev/null
[[ $(grep -c '"type":"epoch"' "$work/early.json") == 1 ]] || fail "--threshold did not stop the run"
grep -q '"time_to_target":[0-9]' "$work/early.json" || fail "no time_to_target"
finish
