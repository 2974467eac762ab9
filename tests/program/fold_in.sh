#!/usr/bin/env bash
# Users whom a model does not know get recommendations from a history.
source "$(dirname "$0")/common.sh"

# Users of four groups, each of which likes every fourth item; those from 80 on are not in the training.
awk 'BEGIN { srand(3); for (u = 0; u < 90; ++u) for (i = u % 4; i < 80; i += 4)
  if (rand() < 0.7) printf "u%d,i%d,%d\n", u, i, 1 + int(rand() * 1000000) }' >"$work/all.csv"
{ echo user_id,item_id,timestamp; grep -v '^u8[0-9],' "$work/all.csv"; } >"$work/train.csv"
{ echo user_id,item_id; grep '^u8[0-9],' "$work/all.csv" | cut -d, -f1,2; } >"$work/history.csv"
"$bin/neumf-preprocess" --threads 1 --min_ratings 1 --input "$work/train.csv" --output "$work/data" --shards 3 >/dev/null ||
  fail "preprocessing"
mpi 2 neumf train --threads 1 --progress never --topk 3 --batch_size 512 --factors 8 --layers 16 8 --dropout 0 --learning_rate 0.01 \
  --beta1 0.9 --beta2 0.999 --data "$work/data" --epochs 30 --checkpoint_dir "$work/run" >/dev/null || fail "training"
model=(--load_checkpoint_path "$work/run/best.h5" --threads 1)

# Everybody of the file, in its order, with what their group likes and they do not have; the same on any ranks and threads.
"$bin/neumf" recommend "${model[@]}" --history "$work/history.csv" --topk 4 >"$work/1.csv" 2>"$work/note" || fail "$(<"$work/note")"
(($(wc -l <"$work/1.csv") == 41)) || fail "not four items for each of ten users: $(<"$work/1.csv")"
grep -q '^fitted 10 users to their history in ' "$work/note" || fail "not said: $(<"$work/note")"
cmp -s <(tail -n +2 "$work/1.csv" | cut -d, -f1 | uniq) <(tail -n +2 "$work/history.csv" | cut -d, -f1 | uniq) || fail "order of users"
tail -n +2 "$work/1.csv" | cut -d, -f1,3 | grep -xFf "$work/history.csv" && fail "what a user has is recommended"
right=$(tail -n +2 "$work/1.csv" | awk -F, '{ u = substr($1, 2); i = substr($3, 2); n += u % 4 == i % 4 } END { print n }')
((right >= 34)) || fail "only $right of 40 items are of the user's group"
for ranks in 2 3; do
  mpi $ranks neumf recommend "${model[@]}" --threads 2 --history "$work/history.csv" --topk 4 2>/dev/null |
    cmp -s - "$work/1.csv" || fail "other recommendations on $ranks ranks"
done
mpi $input_ranks neumf recommend "${model[@]}" --history - --topk 4 --users u85,u82 <"$work/history.csv" 2>/dev/null | tail -n +2 |
  cmp -s - <(grep '^u85,' "$work/1.csv"; grep '^u82,' "$work/1.csv") || fail "some of the users, from standard input"
# Scores of the same users.
tail -n +2 "$work/1.csv" | cut -d, -f1,3 >"$work/pairs.csv"
for ranks in 1 3; do
  mpi $ranks neumf score "${model[@]}" --history "$work/history.csv" --pairs "$work/pairs.csv" 2>/dev/null |
    cmp -s - <(echo user_id,item_id,score; tail -n +2 "$work/1.csv" | cut -d, -f1,3,4) || fail "scores on $ranks ranks"
done

# Of a model by least squares: the users' are solved. The same on any ranks.
mpi 2 neumf train --threads 1 --progress never --topk 3 --model gmf --loss ials --embedding_l2 0.01 --factors 8 --data "$work/data" \
  --epochs 8 --checkpoint_dir "$work/ials" >/dev/null || fail "training by ials"
for ranks in 1 3; do
  mpi $ranks neumf recommend --load_checkpoint_path "$work/ials/best.h5" --threads 1 --history "$work/history.csv" --topk 4 \
    >"$work/ials$ranks.csv" 2>"$work/note" || fail "$(<"$work/note")"
done
cmp -s "$work/ials1.csv" "$work/ials3.csv" || fail "ials: other recommendations on 3 ranks"
right=$(tail -n +2 "$work/ials1.csv" | awk -F, '{ u = substr($1, 2); i = substr($3, 2); n += u % 4 == i % 4 } END { print n }')
((right == 40)) || fail "ials: only $right of 40 items are of the user's group"

# Filters: the history counts unless it is said otherwise, and all hold together.
"$bin/neumf" recommend "${model[@]}" --history "$work/history.csv" --topk 80 --exclude_seen none 2>/dev/null >"$work/whole.csv"
(($(wc -l <"$work/whole.csv") == 801)) || fail "--exclude_seen none"
grep '^u8[0-4],' "$work/all.csv" | sort -t, -k3,3n >"$work/newer.csv"
"$bin/neumf-preprocess" --threads 1 --min_ratings 1 --input "$work/newer.csv" --header no --user_column 1 --item_column 2 --time_column 3 --output "$work/newer" >/dev/null || fail "newer"
{ printf 'i%d\n' {0..39}; echo nothing; } >"$work/allowed"
printf 'i%d\n' {30..50} >"$work/denied"
grep -v '^u80,i[1-9],' "$work/newer.csv" | cut -d, -f1,2 >"$work/short.csv"
for ranks in 1 2; do
  mpi $ranks neumf recommend "${model[@]}" --history "$work/short.csv" --topk 80 --exclude_seen "$work/newer" --allow_items "$work/allowed" \
    --deny_items "$work/denied" 2>"$work/note" | tail -n +2 | cut -d, -f1,3 | sort >"$work/got"
  for u in 80 81 82 83 84; do for i in {0..29}; do echo "u$u,i$i"; done; done | sort | comm -23 - <(cut -d, -f1,2 "$work/newer.csv" | sort) |
    cmp -s - "$work/got" || fail "filters on $ranks ranks"
  grep -q "note: 1 items of --allow_items are unknown" "$work/note" || fail "unknown items: $(<"$work/note")"
done

# Items and users of whom the model can know nothing.
{ cat "$work/history.csv"; echo "u81,brand-new"; echo "stranger,brand-new"; echo "stranger,newer"; } >"$work/unknown.csv"
expect_error 2 "unknown.csv: 1 of 11 users have no item in their history that the checkpoint knows, beginning with 'stranger'" \
  recommend "${model[@]}" --history "$work/unknown.csv" --output "$work/none.csv"
expect_error 1 "--users nobody: 1 of 1 users have no item in their history" recommend "${model[@]}" --history "$work/history.csv" --users nobody
"$bin/neumf" recommend "${model[@]}" --history "$work/unknown.csv" --topk 4 --popular_for_unknown 2>"$work/note" >"$work/popular.csv" ||
  fail "--popular_for_unknown"
grep -v ^stranger, "$work/popular.csv" | cmp -s - "$work/1.csv" || fail "unknown items change the others"
grep -q "note: 2 items of --history are unknown to the checkpoint, beginning with line [0-9]*: 'brand-new'" "$work/note" ||
  fail "unknown items of a history: $(<"$work/note")"
(($(grep -c '^stranger,[0-9]*,[^,]*,$' "$work/popular.csv") == 4)) || fail "no popular items for who has no known item"

# Mistakes; none leaves a file.
echo "u1;i5" >"$work/bad.csv"
expect_error 3 "bad.csv: line 1: 'u1;i5' is not a pair" recommend "${model[@]}" --history "$work/bad.csv" --output "$work/none.csv"
expect_error 2 "--history $work/none: cannot read this file" recommend "${model[@]}" --history "$work/none" --output "$work/none.csv"
expect_error 1 "--history $work: cannot read this file" score "${model[@]}" --history "$work" --pairs "$work/pairs.csv"
sed 's/,i/,other/' "$work/history.csv" >"$work/others.csv"
expect_error 2 "none of its" recommend "${model[@]}" --history "$work/others.csv" --output "$work/none.csv"
expect_error $input_ranks "both cannot be standard input" recommend "${model[@]}" --history - --users -
expect_error $input_ranks "line 1: user 'u3' is unknown to --history" score "${model[@]}" --history "$work/history.csv" --pairs - --output "$work/none.csv" < <(echo u3,i1)
compgen -G "$work/none.csv*" && fail "a failed run left a file"
finish
