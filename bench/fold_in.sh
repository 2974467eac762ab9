#!/usr/bin/env bash
# How good and how fast fold-in is (neumf recommend --history): HR@10 of a tenth of the users who are left out of training
# and fitted to their history, beside HR@10 of the same users in a model that was trained with them, on the same held-out
# items and sampled negatives; then users fitted per second.
#
#   bench/fold_in.sh RATINGS OUT_DIR       RATINGS: MovieLens 1M, in any form that neumf-preprocess takes
#
# Writes OUT_DIR/fold_in.md. From the environment: BIN as in bench/common.sh; SEEDS (default "1 2 3"), which also choose
# the tenth; THREADS (default: one per core); EPOCHS (default 8, where the small model is at its best); MODEL: options of
# the training. Needs python3 with h5py and numpy (PYTHON names another).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 2)) || { echo "usage: fold_in.sh RATINGS OUT_DIR" >&2; exit 2; }
ratings=$1 out=$2
need_programs neumf neumf-preprocess
threads=${THREADS:-$(nproc)} python=${PYTHON:-python3}
read -ra seeds <<<"${SEEDS:-1 2 3}"
read -ra model <<<"${MODEL:---factors 8 --layers 64 32 16 8 --batch_size 2048 --learning_rate 0.002 --beta1 0.9 --beta2 0.999 --dropout 0}"
mkdir -p "$out"
[[ -e $out/all/dataset.h5 ]] || "$BIN/neumf-preprocess" --input "$ratings" --output "$out/all" >/dev/null
launcher 1 "$threads"

# tenth SEED DIRECTORY: the users that are left out; their histories, and their held-out items with the negatives, as pairs;
# all interactions but theirs, as ratings in the order of time
tenth() {
  "$python" - "$out/all/dataset.h5" "$1" "$2" <<'PYTHON'
import sys
import h5py, numpy as np

path, seed, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with h5py.File(path) as f:
    counts, items, test = f["train/counts"][:], f["train/items"][:], f["test/items"][:]
    negatives = f["test/negatives"][:]
    user_ids, item_ids = ([x.decode() for x in f["ids"][name][:]] for name in ("users", "items"))
begin = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
out_users = np.sort(np.random.default_rng(seed).permutation(len(counts))[:len(counts) // 10])
is_out = np.zeros(len(counts), bool)
is_out[out_users] = True
known = np.zeros(len(item_ids), bool)
with open(f"{out}/rest.csv", "w") as rest:
    rest.write("user_id,item_id,timestamp\n")
    for user in np.flatnonzero(~is_out):
        for item in items[begin[user]:begin[user + 1]]:
            rest.write(f"{user_ids[user]},{item_ids[item]},0\n")
            known[item] = True
        rest.write(f"{user_ids[user]},{item_ids[test[user]]},1\n")
        known[test[user]] = True
with open(f"{out}/history.csv", "w") as history, open(f"{out}/pairs.csv", "w") as pairs:
    for user in out_users:
        history.writelines(f"{user_ids[user]},{item_ids[item]}\n" for item in items[begin[user]:begin[user + 1]])
        # The held-out item first. What the smaller model cannot know is in neither list; without its item a user is out.
        if known[test[user]]:
            drawn = [item for item in dict.fromkeys(negatives[user]) if item != test[user] and known[item]]
            pairs.writelines(f"{user_ids[user]},{item_ids[item]}\n" for item in [test[user], *drawn])
with open(f"{out}/../everybody.csv", "w") as history:
    for user in range(len(counts)):
        history.writelines(f"{user_ids[user]},{item_ids[item]}\n" for item in items[begin[user]:begin[user + 1]])
PYTHON
}

# hit_rate SCORES: of users whose first pair is the held-out item; ties count against it
hit_rate() {
  tail -n +2 "$1" | awk -F, '$1 != user { if (user != "") hits += better < 10; user = $1; own = $3; better = 0; ++users; next }
    { better += $3 >= own } END { hits += better < 10; printf "%.4f\n", hits / users }'
}

# train DATA DIRECTORY SEED
train() {
  # shellcheck disable=SC2154  # launch comes from common.sh
  [[ -e $2/done ]] || "${launch[@]}" --data "$1" "${model[@]}" --seed "$3" --epochs "${EPOCHS:-8}" --checkpoint_every 0 \
    --checkpoint_dir "$2" --overwrite >"$2.out" 2>&1 || { cat "$2.out" >&2; return 1; }
  touch "$2/done"
}

rows=() speeds=()
for seed in "${seeds[@]}"; do
  here=$out/$seed
  mkdir -p "$here"
  tenth "$seed" "$here"
  [[ -e $here/rest/dataset.h5 ]] || "$BIN/neumf-preprocess" --input "$here/rest.csv" --time_column timestamp --output "$here/rest" >/dev/null
  train "$out/all" "$here/trained" "$seed"
  train "$here/rest" "$here/without" "$seed"
  "$BIN/neumf" score --threads "$threads" --load_checkpoint_path "$here/trained/best.h5" --pairs "$here/pairs.csv" --output "$here/trained.csv" 2>/dev/null
  "$BIN/neumf" score --threads "$threads" --load_checkpoint_path "$here/without/best.h5" --history "$here/history.csv" --pairs "$here/pairs.csv" \
    --output "$here/folded.csv" 2>/dev/null
  # The median of five.
  for _ in 1 2 3 4 5; do
    "$BIN/neumf" recommend --threads "$threads" --load_checkpoint_path "$here/without/best.h5" --history "$out/everybody.csv" \
      --output /dev/null 2>&1 | sed -n 's/^fitted .*(\(.*\) users.*/\1/p'
  done >"$here/speed"
  speeds+=("$(median <"$here/speed")")
  rows+=("$seed $(hit_rate "$here/trained.csv") $(hit_rate "$here/folded.csv")")
done

{
  echo "| seed | HR@10 trained with the rest | HR@10 folded in | users/s |"
  echo "|---|---|---|---|"
  for i in "${!rows[@]}"; do
    read -r seed trained folded <<<"${rows[i]}"
    echo "| $seed | $trained | $folded | $(human "${speeds[i]}") |"
  done
  printf '%s\n' "${rows[@]}" | awk '{ t += $2; f += $3 } END { printf "| mean | %.4f | %.4f | |\n", t / NR, f / NR }'
  echo
  echo "A tenth of the users, $threads threads, \`${model[*]} --epochs ${EPOCHS:-8}\`."
} | tee "$out/fold_in.md"
