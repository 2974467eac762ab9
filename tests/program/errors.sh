#!/usr/bin/env bash
# Every mistake ends, on all ranks and within seconds (the limit leaves room for a loaded machine), in one clear message and a nonzero status.
source "$(dirname "$0")/common.sh"

data=$work/data
"$bin/neumf-preprocess" --synthetic 40x50x1200 --output "$data" --shards 2 >/dev/null || fail "cannot make a data set"
small=(--factors 4 --layers 16 8 --batch_size 500 --epochs 1 --threads 1)

expect_error 1 "--data is missing"
expect_error 2 "nonsense" --data "$data" --nonsense 3
expect_error 2 "/no/such/place: no data set here" --data /no/such/place
expect_error 2 "must be even" --data "$data" --layers 255 64
expect_error 2 "--layers" --data "$data" --layers 256
expect_error 2 "--epochs 0" --data "$data" --epochs 0
expect_error 2 "--threshold -1: must be 0 to 1" --data "$data" --threshold -1
expect_error 2 "--threshold nan: must be 0 to 1" --data "$data" --threshold nan
expect_error 1 "--topk 0: must be at least 1" baseline --data "$data" --topk 0
expect_error 1 "--neighbours -1: must be 1 to" baseline --data "$data" --neighbours -1
expect_error 1 "--seconds nan: must be at least 0 and finite" benchmark --seconds nan
expect_error 1 "--batch_sizes 0: must be 1 to 2147483647" benchmark --batch_sizes 1 0
expect_error 1 "--n_users 5000000000: must be 1 to 4294967295" benchmark --n_users 5000000000
expect_error 1 "--precision fp64: must be one of fp32, tf32, fp16, bf16" benchmark --precision fp32 fp64
expect_error 1 "--projection no: must be one of per_item, per_sample" benchmark --projection no
expect_error 1 "--format hdf5: must be one of csv, jsonl" score --load_checkpoint_path x --pairs - --format hdf5
expect_error 1 "--threads -2: must be 0 to 4096" recommend --load_checkpoint_path x --threads=-2
"$bin/neumf-preprocess" --synthetic 2x50x60 --output "$work/tiny" >/dev/null || fail "cannot make a data set"
expect_error 3 "start at most 2 ranks" --data "$work/tiny" "${small[@]}"
expect_error 2 "cannot write this file" --data "$data" "${small[@]}" --log_path /proc/none/log.json
expect_error 2 "checkpoint directory" --data "$data" "${small[@]}" --checkpoint_dir /proc/none
expect_error 2 "no such file" --data "$data" --mode test --load_checkpoint_path "$work/none.h5"
expect_error 2 "not a neumf checkpoint" --data "$data" --mode test --load_checkpoint_path "$data/dataset.h5"
expect_error 2 "training diverged" --data "$data" "${small[@]}" --learning_rate 1e30 --epochs 5
# Weights that overflow in the only update are not saved.
expect_error 2 "training diverged" --data "$data" "${small[@]}" --batch_size 100000 --learning_rate 1e30 --checkpoint_dir "$work/diverged"
compgen -G "$work/diverged/*.h5" && fail "a diverged model was saved"

# Fewer than 50 items are ranked with the held-out item: it is always among the first 60.
mpi 2 neumf --data "$data" "${small[@]}" --topk 60 --epochs 3 >"$work/said" || fail "a large --topk: $(<"$work/said")"
grep -q "warning: HR@60 is 1 for 40 of 40 users whatever the model" "$work/said" || fail "no warning: $(<"$work/said")"
grep -q "stopped: HR@60 1.0000 has reached --threshold 1" "$work/said" || fail "why did it stop? $(<"$work/said")"

# User 0 has every item in training, so no item is left for exact negatives; others may be drawn.
printf '0\t0\n0\t1\n1\t0\n' >"$work/full.train.rating"
printf '0\t1\n1\t1\n' >"$work/full.test.rating"
"$bin/neumf-preprocess" --input "$work/full" --output "$work/full" >/dev/null || fail "cannot make a data set"
expect_error 2 "user '0' has all 2 items in training" --data "$work/full" "${small[@]}" --exact_negatives
mpi 2 neumf --data "$work/full" "${small[@]}" >/dev/null || fail "negatives of a user with all items"

# One log is written by one run.
"$bin/neumf" --data "$data" "${small[@]}" --epochs 100000 --log_path "$work/log.json" >/dev/null 2>&1 &
for ((i = 0; i < 100; ++i)); do grep -qs epoch "$work/log.json" && break; sleep 0.1; done
expect_error 2 "another run writes this log" --data "$data" "${small[@]}" --log_path "$work/log.json" --overwrite
kill $! && wait
mpi 2 neumf --data "$data" "${small[@]}" --log_path "$work/log.json" >"$work/said" || fail "training after another"
grep -q "log.json held the log of an earlier run, which is now .*log.json.previous" "$work/said" || fail "$(<"$work/said")"
[[ -s $work/log.json.previous ]] || fail "the earlier log is gone"

# A checkpoint of another model, or of another data set where ids cannot help.
mpi 2 neumf --data "$data" "${small[@]}" --checkpoint_dir "$work/run" >/dev/null || fail "training failed"
"$bin/neumf-preprocess" --synthetic 45x50x1200 --output "$work/other" >/dev/null
expect_error 2 "use the data set that it was trained on" --data "$work/other" --resume --checkpoint_dir "$work/run"
expect_error 2 "holds the model of an earlier run (best.h5)" --data "$data" "${small[@]}" --checkpoint_dir "$work/run"
expect_error 2 "give one of them" --data "$data" "${small[@]}" --checkpoint_dir "$work/run" --resume --overwrite
mpi 2 neumf --data "$data" "${small[@]}" --checkpoint_dir "$work/run" --overwrite >/dev/null || fail "--overwrite"
expect_error 2 "must be one of users, items, mlp" --data "$data" --freeze items,heads
expect_error 2 "nothing is left to train" --data "$data" --freeze items,mlp,users
expect_error 2 "leave out --factors and --layers" --data "$data" --mode test \
  --load_checkpoint_path "$work/run/best.h5" --factors 8

# Damaged data sets.
damaged() {
  rm -rf "$work/damaged"
  cp -r "$data" "$work/damaged"
}
damaged; rm "$work/damaged/shard-0001-of-0002.h5"
expect_error 2 "shard-0001-of-0002.h5: no such file" --data "$work/damaged"
damaged; truncate -s 1000 "$work/damaged/shard-0000-of-0002.h5"
expect_error 2 "shard-0000-of-0002.h5" --data "$work/damaged"
damaged; : >"$work/damaged/dataset.h5"
expect_error 2 "dataset.h5: not a readable HDF5 file" --data "$work/damaged"
damaged; cp "$work/other/shard-0000-of-0001.h5" "$work/damaged/shard-0001-of-0002.h5"
expect_error 2 "belongs to another data set" --data "$work/damaged"

# The preprocessor.
preprocess_error() {
  local part=$1 output status
  shift
  output=$(timeout 40 "$bin/neumf-preprocess" "$@" 2>&1)
  status=$?
  ((status != 0 && status != 124)) || fail "neumf-preprocess $*: status $status"
  grep -qF -- "$part" <<<"$output" || fail "neumf-preprocess $*: no '$part' in: $output"
}
: >"$work/empty.csv"
printf 'user_id,item_id,timestamp\n1,2,3\n1,oops\n' >"$work/bad.csv"
preprocess_error "$work/none.csv" --input "$work/none.csv" --output "$work/out"
preprocess_error "$work/empty.csv" --input "$work/empty.csv" --output "$work/out"
preprocess_error "bad.csv" --input "$work/bad.csv" --output "$work/out"
preprocess_error "nonsense" --input "$work/bad.csv" --output "$work/out" --nonsense
[[ ! -e $work/out/dataset.h5 ]] || fail "a failed run left a data set"

# A limit of file sizes, as batch systems set them: an error of the program, not a signal, and nothing half-written stays.
limited() {
  local kib=$1 name=$2 program=$3 status
  shift 3
  (ulimit -f "$kib"; timeout 40 "$bin/$program" "$@" >"$work/limited" 2>&1)
  status=$?
  ((status == 1)) || fail "$program $*, files up to $kib KiB: status $status: $(<"$work/limited")"
  grep -q "^$program: error: .*$name.*File too large" "$work/limited" || fail "$program $*: $(<"$work/limited")"
}
limited 4 'shard-' neumf-preprocess --synthetic 40x50x1200 --output "$work/limited-data"
[[ ! -e $work/limited-data/dataset.h5 ]] || fail "a data set in spite of the limit"
limited 16 'best' neumf --data "$data" "${small[@]}" --factors 256 --checkpoint_dir "$work/limited-run"
[[ ! -e $work/limited-run/best.h5 ]] || fail "a checkpoint in spite of the limit"
finish
