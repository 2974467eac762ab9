#!/usr/bin/env bash
# Signals, stalled ranks, full disks and damaged checkpoints: what was saved is kept, and a message says what happened.
source "$(dirname "$0")/common.sh"

"$bin/neumf-preprocess" --synthetic 3000x400x150000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
settings=(--data "$work/data" --factors 8 --layers 32 16 8 --batch_size 2048 --dropout 0 --threads 1)
train() { mpi 2 neumf "${settings[@]}" "$@"; }

# start ARGUMENTS...: endless training in the background, returns once it trains. Sets job, launcher and ranks.
start() {
  rm -f "$work/log"
  train --epochs 100000 --log_path "$work/log" "$@" >"$work/out" 2>&1 &
  job=$!
  for ((i = 0; i < 300; ++i)); do
    grep -qs '"type":"epoch"' "$work/log" && break
    sleep 0.1
  done
  launcher=$(launcher_of $job)
  mapfile -t ranks < <(ranks_of "$launcher")
  ((${#ranks[@]} == 2)) || fail "training has not started: $(<"$work/out")"
}
# ended STATUS "message": waits for the job and checks how it ended.
ended() {
  local status begun=$SECONDS
  wait $job
  status=$?
  [[ $status == "$1" || ($1 == nonzero && $status != 0) ]] || fail "status $status instead of $1: $(<"$work/out")"
  grep -qF -- "$2" "$work/out" || fail "no '$2' in: $(<"$work/out")"
  ((SECONDS - begun <= 30)) || fail "'$2': took $((SECONDS - begun)) s"
}
newest() { find "$1" -name 'checkpoint-*.h5' ! -name '*.part-*' | sort | tail -n 1; }

echo "signals"
start --checkpoint_dir "$work/run" --checkpoint_every 0
kill -USR1 "$launcher"
ended 75 "stopped by signal 10"
start --checkpoint_dir "$work/run" --checkpoint_every 0 --resume
kill -TERM "${ranks[1]}" # one rank alone
ended 75 "stopped by signal 15"
start --checkpoint_dir "$work/none" --checkpoint_every 0
kill -INT "${ranks[0]}" && kill -INT "${ranks[0]}"
ended nonzero ""
start
kill -USR1 "$launcher"
ended 138 "nothing is saved without --checkpoint_dir"

echo "signals in a long update"
# One update is an epoch: it is given up, so none of an epoch's updates is ever done when a signal ends it.
start --checkpoint_dir "$work/long" --batch_size 1048576
kill -TERM "${ranks[1]}" # the launcher's own way may be too short to end, see docs/mpi.md
ended 75 "after 0 of its 1 updates"
start --checkpoint_dir "$work/long" --batch_size 1048576 --resume
kill -USR1 "$launcher"
ended 75 "after 0 of its 1 updates"
grep -q '^neumf: stopping; saved so far: ' "$work/out" || fail "what is saved is not said at once: $(<"$work/out")"

echo "another number of ranks"
epoch=$(jq -s 'map(select(.type == "epoch")) | last.epoch' "$work/log")
done_before=$("$bin/neumf" "${settings[@]}" --checkpoint_dir "$work/run" --resume --epochs 1 | sed -n 's/.*resumed.*: \([0-9]*\) epochs.*/\1/p')
((done_before >= 1)) || fail "nothing to resume"
mpi 3 neumf "${settings[@]}" --checkpoint_dir "$work/run" --resume --epochs $((done_before + 2)) --log_path "$work/log" \
  >"$work/out" 2>&1 || fail "resuming on 3 ranks: $(<"$work/out")"
epoch=$(jq -s 'map(select(.type == "epoch")) | last.epoch' "$work/log")
((epoch == done_before + 2)) || fail "resumed on 3 ranks to epoch $epoch instead of $((done_before + 2))"
train --checkpoint_dir "$work/run" --resume --epochs 1 --learning_rate 0.01 >"$work/out" || fail "a run that is complete"
grep -q 'note: --learning_rate is 0.01, but was 0.0045' "$work/out" || fail "no note on the learning rate"

echo "damaged checkpoints"
damage() {
  rm -rf "$work/copy"
  cp -r "$work/run" "$work/copy"
}
resume_copy() {
  train --checkpoint_dir "$work/copy" --resume --epochs $((done_before + 3)) >"$work/out" 2>&1
}
damage
truncate -s -1000 "$(find "$work/copy" -name "$(basename "$(newest "$work/copy")" .h5).*part-0001*")"
resume_copy || fail "no fall-back: $(<"$work/out")"
grep -q 'trying the saved run before it' "$work/out" || fail "no warning: $(<"$work/out")"
damage
# Flips one bit in the middle of the weights.
file=$(newest "$work/copy")
offset=$(($(stat -c %s "$file") / 2))
byte=$(od -An -tu1 -j $offset -N 1 "$file")
printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$file" bs=1 seek=$offset conv=notrunc status=none
resume_copy || fail "no fall-back after a flipped bit: $(<"$work/out")"
grep -q 'trying the saved run before it' "$work/out" || fail "a flipped bit went unseen: $(<"$work/out")"
for file in "$work"/copy/checkpoint-*.h5; do truncate -s 200 "$file"; done
resume_copy && fail "training starts from damaged checkpoints"
grep -q '^neumf: error: .*checkpoint-' "$work/out" || fail "which file is damaged? $(<"$work/out")"

echo "a directory that is taken"
expect_error 2 "holds the model of an earlier run (best.h5)" "${settings[@]}" --checkpoint_dir "$work/run"
start --checkpoint_dir "$work/run" --checkpoint_every 0 --overwrite
timeout 40 "$bin/neumf" "${settings[@]}" --checkpoint_dir "$work/run" >"$work/second" 2>&1 && fail "two runs in one directory"
grep -q 'another run saves its checkpoints here' "$work/second" || fail "second run: $(<"$work/second")"
kill -USR1 "$launcher"
ended 75 "the run is saved"

echo "stalled ranks"
start --stall_timeout 1.5
kill -STOP "${ranks[0]}"
sleep 4
kill -CONT "${ranks[0]}"
kill -USR1 "$launcher"
ended 138 "warning: no progress"
grep -q "rank 0: in '" "$work/out" || fail "which rank stalls? $(<"$work/out")"
start --stall_timeout 1.5 --abort_on_stall
kill -STOP "${ranks[1]}"
ended nonzero "as --abort_on_stall asks"

echo "a rank that dies"
start --checkpoint_dir "$work/dies"
kill -9 "${ranks[1]}"
ended nonzero ""

echo "full disks"
mkdir "$work/disk"
if mount -t tmpfs -o size=3m tmpfs "$work/disk" 2>/dev/null; then
  trap 'umount "$work/disk"; rm -rf "$work"' EXIT
  # The first checkpoint fits; then somebody else fills the disk.
  start --checkpoint_dir "$work/disk/run"
  for ((i = 0; i < 300; ++i)); do # it is written while training goes on: the epoch's line does not mean that it is there
    [[ $(newest "$work/disk/run") ]] && break
    sleep 0.1
  done
  head -c 3m /dev/zero >"$work/disk/filler" 2>/dev/null
  ended 1 "$work/disk/run"
  grep -q '^neumf: error: ' "$work/out" || fail "full disk: $(<"$work/out")"
  rm "$work/disk/filler"
  free=$(df --output=avail -B1 "$work/disk" | tail -n 1)
  head -c $((free - 100000)) /dev/zero >"$work/disk/filler"
  train --checkpoint_dir "$work/disk/run" --epochs 1 --resume >"$work/out" 2>&1 && fail "starts on a full disk"
  grep -q 'make room' "$work/out" || fail "a full disk at the start: $(<"$work/out")"
  rm "$work/disk/filler"
  mpi 1 neumf --data "$work/data" --mode test --load_checkpoint_path "$(newest "$work/disk/run")" >"$work/out" 2>&1 ||
    fail "the checkpoint before the disk was full: $(<"$work/out")"
else
  echo "  not tried: no permission to mount a small file system"
fi
finish
