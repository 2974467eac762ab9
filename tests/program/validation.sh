#!/usr/bin/env bash
# A data set with validation items: the epoch is chosen by these, and the test items are ranked once, at the end.
source "$(dirname "$0")/common.sh"

same_within() { # same_within WHAT A B TOLERANCE
  awk -v a="$2" -v b="$3" -v t="$4" 'BEGIN { exit !(a - b <= t && b - a <= t) }' || fail "$1: $2 and $3"
}

"$bin/neumf-preprocess" --synthetic 600x200x24000 --output "$work/plain" >/dev/null || fail "preprocessing"
"$bin/neumf-preprocess" --synthetic 600x200x24000 --validation last --shards 2 --output "$work/data" >"$work/out" ||
  fail "preprocessing"
grep 'held out for the validation: 600 items of 600 users' "$work/out" >/dev/null || fail "$(cat "$work/out")"
settings=(--data "$work/data" --factors 8 --layers 32 16 8 --batch_size 1024 --learning_rate 0.02 --beta1 0.9 --beta2 0.999
  --dropout 0 --threads 1)

# The rate is so high that the last epoch is not the best.
for ranks in 1 2 3; do
  log="$work/log$ranks.json"
  mpi $ranks neumf "${settings[@]}" --epochs 7 --topk_list 5 --checkpoint_dir "$work/run$ranks" --log_path "$log" \
    --per_user "$work/users$ranks.csv" >"$work/out" || fail "training on $ranks ranks: $(cat "$work/out")"
  grep 'of the validation items; the test items are ranked at the end' "$work/out" >/dev/null || fail "$(cat "$work/out")"
  grep 'best validation HR@10' "$work/out" >/dev/null || fail "$(cat "$work/out")"
  expect "tests in the log" "$(grep -c '"type":"test"' "$log")" 1
  expect "epochs on validation items" "$(grep -c '"evaluated_on":"validation".*"type":"epoch"' "$log")" 7
  expect "selected_on" "$(last "$log" selected_on)" validation
  best=$(last "$log" best_epoch)
  expect "the tested epoch" "$(grep '"type":"test"' "$log" | grep -o '"epoch":[0-9]*' | cut -d: -f2)" "$best"
  ((best < 7)) || fail "the last epoch is the best: nothing had to be restored"
  # The best epoch is that of the validation, and the kept model gives the same test on another number of ranks.
  highest=$(grep '"type":"epoch"' "$log" | grep -o '"hr@10":[^,]*' | cut -d: -f2 | sort -g | tail -n 1)
  expect "best_accuracy" "$(last "$log" best_accuracy)" "$highest"
  mpi $((4 - ranks)) neumf --data "$work/data" --threads 1 --mode test --load_checkpoint_path "$work/run$ranks/best.h5" \
    --topk_list 5 --log_path "$work/test.json" --per_user "$work/again.csv" >/dev/null || fail "testing"
  for key in hr@10 ndcg@10 hr@5; do
    same_within "$key of the kept model" "$(last "$log" test_$key)" "$(last "$work/test.json" $key)" 1e-9
  done
  cmp "$work/users$ranks.csv" "$work/again.csv" || fail "--per_user of training and of the test differ"
  expect "users in --per_user" "$(wc -l <"$work/users$ranks.csv")" 601
  mean=$(awk -F, 'NR > 1 { sum += $3 } END { printf "%.9f", sum / (NR - 1) }' "$work/users$ranks.csv")
  same_within "mean of --per_user" "$mean" "$(last "$work/test.json" hr@10)" 1e-8
  mpi 1 neumf info "$work/run$ranks/best.h5" --json >"$work/info"
  grep '"validation_hr@10"' "$work/info" >/dev/null || fail "info without validation: $(cat "$work/info")"
  grep '"test_hr@10"' "$work/info" >/dev/null || fail "info without test: $(cat "$work/info")"
done

# Without a directory the kept model is in memory, and its test is the same. --patience goes by the validation.
mpi 2 neumf "${settings[@]}" --epochs 7 --log_path "$work/memory.json" >"$work/out" || fail "$(cat "$work/out")"
same_within "the kept model in memory" "$(last "$work/memory.json" test_hr@10)" "$(last "$work/log2.json" test_hr@10)" 1e-9
best=$(last "$work/log2.json" best_epoch)
mpi 2 neumf "${settings[@]}" --epochs 7 --patience 1 --log_path "$work/patience.json" >"$work/out" || fail "$(cat "$work/out")"
((best == 6)) || grep 'has not risen for 1 epochs' "$work/out" >/dev/null || fail "--patience: $(cat "$work/out")"

# Resumed: the test is that of the run that was not interrupted.
mpi 2 neumf "${settings[@]}" --epochs 3 --topk_list 5 --checkpoint_dir "$work/resumed" --log_path "$work/resumed.json" \
  >/dev/null || fail "the first part"
mpi 3 neumf "${settings[@]}" --epochs 7 --topk_list 5 --checkpoint_dir "$work/resumed" --log_path "$work/resumed.json" \
  --resume >"$work/out" || fail "resuming: $(cat "$work/out")"
expect "selected_on, resumed" "$(last "$work/resumed.json" selected_on)" validation
best=$(last "$work/resumed.json" best_epoch)
mpi 1 neumf --data "$work/data" --threads 1 --mode test --load_checkpoint_path "$work/resumed/best.h5" \
  --log_path "$work/test.json" >/dev/null || fail "testing"
same_within "the kept model, resumed" "$(last "$work/resumed.json" test_hr@10)" "$(last "$work/test.json" hr@10)" 1e-9
# All epochs are done: the weights in memory are not the best ones.
mpi 2 neumf "${settings[@]}" --epochs 7 --topk_list 5 --checkpoint_dir "$work/resumed" --log_path "$work/resumed.json" \
  --resume >"$work/out" || fail "resuming a run that is done: $(cat "$work/out")"
same_within "the kept model, again" "$(last "$work/resumed.json" test_hr@10)" "$(last "$work/test.json" hr@10)" 1e-9

# Without validation nothing changes, but that it is said.
mpi 1 neumf "${settings[@]}" --data "$work/plain" --epochs 2 --log_path "$work/plain.json" >"$work/out" || fail "plain"
grep 'chosen on the test items themselves' "$work/out" >/dev/null || fail "$(cat "$work/out")"
expect "selected_on, plain" "$(last "$work/plain.json" selected_on)" test
expect "tests in the plain log" "$(grep -c '"type":"test"' "$work/plain.json")" 0
expect_error 1 "there is no directory $work/none" --data "$work/plain" --per_user "$work/none/users.csv"

# What a user has in validation is not recommended again either: 200 items, 40 of each user.
mpi 1 neumf recommend --load_checkpoint_path "$work/run1/best.h5" --exclude_seen "$work/data" --users 1 --topk 200 \
  >"$work/all.csv" 2>"$work/err" || fail "recommending: $(cat "$work/err")"
mpi 1 neumf recommend --load_checkpoint_path "$work/run1/best.h5" --exclude_seen "$work/plain" --users 1 --topk 200 \
  >"$work/plain.csv" 2>/dev/null || fail "recommending"
cmp "$work/all.csv" "$work/plain.csv" || fail "--exclude_seen does not know the validation items"
grep 'catalogue coverage .* novelty' "$work/err" >/dev/null || fail "no coverage: $(cat "$work/err")"
finish
