#!/usr/bin/env bash
# A model and a data set belong together by the ids of users and items: the same data in another order, newer data, data of
# others.
source "$(dirname "$0")/common.sh"

# Users of four groups, each of which likes every fourth item. ratings NAME USERS ITEMS ORDER: ORDER sorts the rows.
ratings() {
  { echo user_id,item_id,timestamp
    awk -v users="$2" -v items="$3" 'BEGIN { srand(3); for (u = 0; u < users; ++u) for (i = u % 4; i < items; i += 4)
      if (rand() < 0.7) printf "u%d,i%d,%d\n", u, i, 1 + int(rand() * 1000000) }' | sort $4; } >"$work/$1.csv"
  "$bin/neumf-preprocess" --threads 1 --min_ratings 1 --input "$work/$1.csv" --output "$work/$1" --shards 3 >/dev/null ||
    fail "preprocessing $1"
}
ratings first 40 60 -k1,1
ratings shuffled 40 60 -t,\ -k3,3
sed '2,$ { s/^u/v/; s/,i/,j/; }' "$work/first.csv" >"$work/others.csv"
"$bin/neumf-preprocess" --threads 1 --min_ratings 1 --input "$work/others.csv" --output "$work/others" >/dev/null
settings=(--threads 1 --progress never --topk 3 --batch_size 256)
train=("${settings[@]}" --factors 8 --layers 16 8 --dropout 0 --learning_rate 0.01 --beta1 0.9 --beta2 0.999)
mpi 2 neumf train "${train[@]}" --data "$work/first" --epochs 30 --checkpoint_dir "$work/run" >/dev/null || fail "training"
model=(--load_checkpoint_path "$work/run/best.h5")

# full RANKS DATA: HR and NDCG in the whole catalogue, which do not depend on sampled negatives
full() {
  rm -f "$work/test.json"
  mpi "$1" neumf test "${settings[@]}" "${model[@]}" --data "$work/$2" --eval full --log_path "$work/test.json" >"$work/out" 2>&1 ||
    fail "testing on $2: $(cat "$work/out")"
  printf '%s %.9f\n' "$(last "$work/test.json" full_hr@3)" "$(last "$work/test.json" full_ndcg@3)"
}
want=$(full 1 first)
awk -v hr="${want% *}" 'BEGIN { exit !(hr > 0.15) }' || fail "the model has learned nothing: $want"
for ranks in 1 2 3; do
  [[ $(full $ranks shuffled) == "$want" ]] || fail "the order of rows changes the metrics on $ranks ranks"
done
grep -q warning "$work/out" && fail "a warning about the same data: $(cat "$work/out")"
expect_error 2 "shares no user and no item with the data set" test "${settings[@]}" "${model[@]}" --data "$work/others"

# Data with users and items that the model does not know: it is asked about the others, and how many is said.
{ cat "$work/first.csv"; for i in 0 4 8 12; do echo "new,i$i,5"; done
  for u in 0 1 2; do echo "u$u,brand-new,2000000"; done; } >"$work/newer.csv"
"$bin/neumf-preprocess" --threads 1 --min_ratings 1 --input "$work/newer.csv" --output "$work/newer" >/dev/null
for ranks in 1 3; do
  full $ranks newer >"$work/newer.$ranks"
  grep -q 'tested on 37 of 41 users: the model does not know 1 of them, nor a held-out item of 3 others' "$work/out" ||
    fail "what is missing is not said: $(cat "$work/out")"
  grep -q '"type":"note".*' "$work/test.json" || grep -q '"text":"warning: tested on 37' "$work/test.json" ||
    fail "the log does not say what is missing"
done
cmp -s "$work/newer.1" "$work/newer.3" || fail "other metrics on 3 ranks: $(cat "$work/newer.1" "$work/newer.3")"

# Training goes on from known rows.
for ranks in 1 2 3; do
  mpi $ranks neumf train "${settings[@]}" "${model[@]}" --data "$work/newer" --epochs 1 --learning_rate 1e-9 \
    --log_path "$work/on.$ranks.json" --checkpoint_dir "$work/on.$ranks" >"$work/out" 2>&1 || fail "going on: $(cat "$work/out")"
  grep -q "40 of the data set's 41 users and 60 of its 61 items are among its 40 and 60" "$work/out" ||
    fail "going on says nothing of new users: $(cat "$work/out")"
  "$bin/neumf" recommend --threads 1 --load_checkpoint_path "$work/on.$ranks/best.h5" --users u7,u31,new --topk 61 2>/dev/null |
    sort >"$work/on.$ranks.csv"
done
# Known pairs are scored as before, but for the tiny step of training.
"$bin/neumf" recommend --threads 1 "${model[@]}" --users u7,u31 --topk 60 2>/dev/null | tail -n +2 |
  awk -F, '{ print $1 "," $3 "," $4 }' | sort >"$work/before"
for ranks in 1 2 3; do
  awk -F, '{ print $1 "," $3 "," $4 }' "$work/on.$ranks.csv" | sort |
    awk -F, 'NR == FNR { score[$1 "," $2] = $3; next } ($1 "," $2) in score { ++n; d = $3 - score[$1 "," $2]; if (d * d > 1e-6) bad = 1 }
      END { exit bad || n != 120 }' "$work/before" - || fail "known rows changed on $ranks ranks"
  cmp -s "$work/on.1.csv" <(cut -d, -f1-4 "$work/on.$ranks.csv") ||
    awk -F, 'NR == FNR { s[$1 "," $3] = $4; next } { d = $4 - s[$1 "," $3]; if (d * d > 1e-8) bad = 1 } END { exit bad }' \
      "$work/on.1.csv" "$work/on.$ranks.csv" || fail "new users start otherwise on $ranks ranks"
done
finish
