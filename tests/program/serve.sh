#!/usr/bin/env bash
# Recommending and scoring from a checkpoint alone, in pipes and on any number of ranks; what describes the commands.
source "$(dirname "$0")/common.sh"

"$bin/neumf-preprocess" --synthetic 300x120x9000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
mpi 2 neumf train --data "$work/data" --factors 4 --layers 16 8 --batch_size 512 --learning_rate 0.01 --beta1 0.9 \
  --beta2 0.999 --dropout 0 --epochs 2 --threads 1 --checkpoint_dir "$work/trained" >/dev/null || fail "training"
# Elsewhere, without the data set.
mkdir "$work/moved"
mv "$work/trained"/best* "$work/moved/"
mv "$work/data" "$work/hidden"
model=(--load_checkpoint_path "$work/moved/best.h5" --threads 1)

# The same recommendations on any number of ranks, and for users that are named one by one.
mpi 1 neumf recommend "${model[@]}" --output "$work/1.csv" 2>/dev/null || fail "recommend"
[[ $(head -n 1 "$work/1.csv") == user_id,rank,item_id,score ]] || fail "no header"
(($(wc -l <"$work/1.csv") == 3001)) || fail "not ten items for each of 300 users"
for ranks in 2 3; do
  mpi $ranks neumf recommend "${model[@]}" 2>/dev/null >"$work/$ranks.csv"
  cmp -s "$work/1.csv" "$work/$ranks.csv" || fail "$ranks ranks recommend something else"
done
mapfile -t some < <(cut -d, -f1 "$work/1.csv" | sed -n '2222p;12p;777p')
list=$(IFS=,; echo "${some[*]}")
for user in "${some[@]}"; do grep "^$user," "$work/1.csv" | cut -d, -f1-3; done >"$work/want"
printf 'user_id\n%s\n' "$(printf '%s\n' "${some[@]}")" >"$work/users.txt"
"$bin/neumf" recommend "${model[@]}" --users "$list" 2>/dev/null | tail -n +2 | cut -d, -f1-3 | cmp -s - "$work/want" ||
  fail "users by name"
"$bin/neumf" recommend "${model[@]}" --users "$work/users.txt" 2>/dev/null | tail -n +2 | cut -d, -f1-3 |
  cmp -s - "$work/want" || fail "users of a file"
mpi $input_ranks neumf recommend "${model[@]}" --users - <"$work/users.txt" 2>/dev/null | tail -n +2 | cut -d, -f1-3 |
  cmp -s - "$work/want" || fail "users from standard input"
"$bin/neumf" recommend "${model[@]}" --users "${some[0]}" --format jsonl --topk 3 2>/dev/null |
  grep -q "^{\"user\": \"${some[0]}\", \"known\": true, \"items\": \[{\"item\": \"" || fail "JSON lines"

# What was seen is not recommended again.
"$bin/neumf" recommend "${model[@]}" --exclude_seen "$work/hidden" --topk 200 --users "${some[0]}" 2>/dev/null >"$work/rest.csv"
((10 < $(wc -l <"$work/rest.csv") && $(wc -l <"$work/rest.csv") < 121)) || fail "--exclude_seen left nothing out"
"$bin/neumf" recommend "${model[@]}" --exclude_seen "$work/hidden" --topk 200 --users "${some[0]}" 2>"$work/said" >/dev/null
grep -q "^$(($(wc -l <"$work/rest.csv") - 1)) items for 1 users (1 of them got fewer than 120" "$work/said" || fail "how many items were there?"

# What may be recommended, on any number of ranks: of the whole ranking what is allowed and not denied, in its order.
"$bin/neumf" recommend "${model[@]}" --users "${some[0]},${some[1]}" --topk 120 2>/dev/null >"$work/all.csv"
cut -d, -f3 "$work/1.csv" | tail -n +2 | sort -u >"$work/allowed"
printf 'item_id\n%s\nno-such-item\n' "$(sed -n '1~3p' "$work/allowed")" >"$work/denied"
grep -vxFf "$work/denied" "$work/allowed" >"$work/left"
for ranks in 1 2 3; do
  mpi $ranks neumf recommend "${model[@]}" --users "${some[0]},${some[1]}" --topk 5 --allow_items "$work/allowed" \
    --deny_items "$work/denied" 2>"$work/note" | tail -n +2 | cut -d, -f1,3,4 >"$work/filtered"
  for user in "${some[0]}" "${some[1]}"; do
    tail -n +2 "$work/all.csv" | awk -F, -v user="$user" 'NR == FNR { left[$1]; next } $1 == user && $3 in left { print $1 "," $3 "," $4 }' \
      "$work/left" - | head -n 5
  done | cmp -s - "$work/filtered" || fail "filters on $ranks ranks: $(<"$work/filtered")"
  grep -q "note: 1 items of --deny_items are unknown to the checkpoint, beginning with line [0-9]*: 'no-such-item'" "$work/note" ||
    fail "unknown items of a list: $(<"$work/note")"
done
echo nothing-of-it >"$work/nothing"
expect_error 2 "none of its 1 ids is an item of the model" recommend "${model[@]}" --allow_items "$work/nothing"
expect_error 2 "no item may be recommended" recommend "${model[@]}" --allow_items "$work/allowed" --deny_items "$work/allowed"

# Similar items.
"$bin/neumf" similar "${model[@]}" --topk 120 2>/dev/null >"$work/similar.1" || fail "similar"
(($(wc -l <"$work/similar.1") == 120 * 119 + 1)) || fail "not all other items are similar"
for ranks in 2 3; do
  mpi $ranks neumf similar "${model[@]}" --topk 120 2>"$work/said" >"$work/similar.$ranks" || fail "similar: $(<"$work/said")"
  cmp "$work/similar.1" "$work/similar.$ranks" || fail "similar on $ranks ranks"
done
awk -F, 'NR > 1 { c[$1 "," $3] = $4; if ($1 == $3 || $4 > 1.000001 || ($2 > 1 && $4 > last)) bad = 1; last = $4 }
  END { for (p in c) { split(p, i, ","); d = c[p] - c[i[2] "," i[1]]; if (d * d > 1e-10) bad = 1 } exit bad }' "$work/similar.1" ||
  fail "cosines"
item=$(sed -n 2p "$work/similar.1" | cut -d, -f1)
"$bin/neumf" similar "${model[@]}" --items "$item" --embedding gmf --allow_items "$work/left" --format jsonl 2>/dev/null |
  grep -q "^{\"item\": \"$item\", \"similar\": \[{\"item\": " || fail "similar items as JSON"
expect_error 2 "'nobody' (and there is no file of this name)" similar "${model[@]}" --items nobody
expect_error 1 "--embedding x: must be one of gmf, mlp, both" similar "${model[@]}" --embedding x

# Titles.
item=$(sed -n 2p "$work/1.csv" | cut -d, -f3)
printf 'movieId,title\n%s,"Heat, The ""1995"""\n0,"Se\nven"\n' "$item" >"$work/movies.csv"
"$bin/neumf" recommend "${model[@]}" --item_names "$work/movies.csv" 2>/dev/null | sed -n 2p |
  grep -q ',"Heat, The ""1995"""$' || fail "titles"

# Users whom the model does not know.
expect_error $input_ranks "standard input: 1 of 2 users are unknown to the checkpoint, beginning with line 2: 'nobody'" \
  recommend "${model[@]}" --output "$work/none.csv" --users - < <(printf '%s\nnobody\n' "${some[0]}")
expect_error 1 "'nobody' (and there is no file of this name)" recommend "${model[@]}" --users nobody --output "$work/none.csv"
printf '%s\nnobody\n' "${some[0]}" | "$bin/neumf" recommend "${model[@]}" --users - --popular_for_unknown \
  >"$work/popular.csv" 2>"$work/note" || fail "--popular_for_unknown"
(($(grep -c '^nobody,[0-9]*,[^,]*,$' "$work/popular.csv") == 10)) || fail "no popular items for an unknown user"
grep -q "note: 1 users are unknown.*'nobody'" "$work/note" || fail "unknown users are not reported"

# Scores are those of the recommendations.
tail -n +2 "$work/1.csv" | cut -d, -f1,3 >"$work/pairs.csv"
mpi 2 neumf score "${model[@]}" --pairs "$work/pairs.csv" --output "$work/scores.csv" 2>/dev/null || fail "score"
paste -d, <(tail -n +2 "$work/1.csv") <(tail -n +2 "$work/scores.csv") |
  awk -F, '$1 != $5 || $3 != $6 || $4 != $7 { bad = 1 } END { exit bad || NR != 3000 }' ||
  fail "score and recommend disagree"
head -n 3 "$work/pairs.csv" | "$bin/neumf" score "${model[@]}" --pairs - --format jsonl 2>/dev/null |
  grep -c '^{"user": "[^"]*", "item": "[^"]*", "score": [-0-9.e]*}$' | grep -x 3 >/dev/null || fail "score in a pipe"

# Mistakes; none leaves a file.
{ head -n 4 "$work/pairs.csv"; echo "junk here"; } >"$work/junk.csv"
expect_error 2 "junk.csv: line 5: 'junk here' is not a pair" score "${model[@]}" --pairs "$work/junk.csv" --output "$work/none.csv"
expect_error $input_ranks "line 1: user 'nobody' is unknown" score "${model[@]}" --pairs - --output "$work/none.csv" < <(echo "nobody,$item")
expect_error 2 "none.h5: no such file" recommend --load_checkpoint_path "$work/none.h5"
expect_error 2 "not a neumf checkpoint" recommend --load_checkpoint_path "$work/hidden/dataset.h5" --output "$work/none.csv"
expect_error 1 "--load_checkpoint_path is missing" score --pairs -
"$bin/neumf-preprocess" --synthetic 300x130x9000 --seed 5 --output "$work/other" >/dev/null
"$bin/neumf" recommend "${model[@]}" --exclude_seen "$work/other" --users "${some[0]}" >/dev/null 2>"$work/note" || fail "newer data"
grep -q "note: 10 items of --exclude_seen are unknown to the checkpoint" "$work/note" || fail "unknown items: $(<"$work/note")"
expect_error 2 "--format xml" recommend "${model[@]}" --format xml --output "$work/none.csv"
expect_error 1 "--format hdf5 cannot go to standard output" recommend "${model[@]}" --format hdf5
expect_error 2 "/no/such/place" recommend "${model[@]}" --output /no/such/place/none.csv
expect_error 1 "cannot write" recommend "${model[@]}" --output /dev/full
expect_error 1 "'frobnicate' is not a command" frobnicate
expect_error 2 "neumf recommend --help lists the options" recommend --nonsense
compgen -G "$work/none.csv*" && fail "a failed run left a file"

# Descriptions.
grep -q '^users *300$' <<<"$("$bin/neumf" info "$work/moved/best.h5")" || fail "info on a checkpoint"
grep -q '"items": 120' <<<"$("$bin/neumf" info --json "$work/hidden")" || fail "info on a data set"
expect_error 1 "this is a part of a checkpoint" info "$(compgen -G "$work/moved/best.*.part-0000*")"
expect_error 1 "this is a shard of a data set" info "$work/hidden/shard-0000-of-0002.h5"
"$bin/neumf" benchmark "${model[@]}" --batch_sizes 1 64 --num_batches 3 --precision fp32 bf16 --log_path "$work/b.json" >"$work/b.txt" ||
  fail "benchmark"
(($(grep -cE '^cpu +(fp32|bf16) +(1|64) ' "$work/b.txt") == 4)) || fail "not four rows: $(cat "$work/b.txt")"
grep -q '"batch_64_p99_latency"' "$work/b.json" || fail "no JSON of the benchmark"
expect_error 2 "start it without mpirun" benchmark "${model[@]}"

overview=$("$bin/neumf" --help)
for command in train test recommend similar score export benchmark info; do
  help=$("$bin/neumf" $command --help) || fail "neumf $command --help: status $?"
  grep -q "^Usage: neumf $command " <<<"$help" || fail "neumf $command --help: $help"
  grep -q "^  $command  " <<<"$overview" || fail "neumf --help does not list $command"
done
grep -q -- --negative_samples <<<"$overview" || fail "neumf --help lacks the options of training"

documents=$bin/../share
if [[ -e $documents/man/man1/neumf.1 ]]; then
  grep -q '^\.SS neumf recommend$' "$documents/man/man1/neumf.1" || fail "manual page"
  # shellcheck source=/dev/null
  source "$documents/bash-completion/completions/neumf"
  complete_words() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _neumf
  }
  complete_words neumf re
  [[ ${COMPREPLY[*]} == recommend ]] || fail "completion of commands: ${COMPREPLY[*]}"
  complete_words neumf recommend --pop
  [[ ${COMPREPLY[*]} == --popular_for_unknown ]] || fail "completion of options: ${COMPREPLY[*]}"
  complete_words neumf recommend --format j
  [[ ${COMPREPLY[*]} == jsonl ]] || fail "completion of values: ${COMPREPLY[*]}"
  complete_words neumf --data d --lr-schedule = co
  [[ ${COMPREPLY[*]} == "constant cosine" ]] || fail "completion of values after '=': ${COMPREPLY[*]}"
  complete_words neumf score --pairs x
  [[ -z ${COMPREPLY[*]} ]] || fail "names for a value that has none: ${COMPREPLY[*]}"
  complete_words neumf --negative_
  [[ ${COMPREPLY[*]} == --negative_samples ]] || fail "completion without a command: ${COMPREPLY[*]}"
  grep -q 'neumf\\-preprocess' "$documents/man/man1/neumf-preprocess.1" || fail "manual page of neumf-preprocess"
  # shellcheck source=/dev/null
  source "$documents/bash-completion/completions/neumf-preprocess"
  COMP_WORDS=(neumf-preprocess --output d --format ml-1) COMP_CWORD=4
  _neumf_preprocess
  [[ ${COMPREPLY[*]} == "ml-100k ml-1m" || ${COMPREPLY[*]} == "ml-1m ml-100k" ]] ||
    fail "completion of neumf-preprocess: ${COMPREPLY[*]}"
else
  fail "no manual page in $documents"
fi
finish
