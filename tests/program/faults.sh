#!/usr/bin/env bash
# Kills ranks and whole jobs at random moments of training, resumes, and compares the result with that of a run that
# nobody touched: weights, moments and metrics must be the same bits.
#
#   faults.sh BIN_FOLDER      KILLS=50 for the long version, SEED to repeat one
source "$(dirname "$0")/common.sh"
kills=${KILLS:-4}
seed=${SEED:-$RANDOM}
RANDOM=$seed
command -v h5diff >/dev/null || { echo "SKIPPED: h5diff (package hdf5-tools) is not installed"; exit 77; }

"$bin/neumf-preprocess" --synthetic 3000x400x150000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
# Some seconds of training with a checkpoint every few updates.
train() {
  local folder=$1
  shift
  mpi 2 neumf --data "$work/data" --factors 8 --layers 32 16 8 --batch_size 2048 --learning_rate 0.003 --beta1 0.9 \
    --beta2 0.999 --dropout 0.2 --threads 1 --epochs 6 --checkpoint_dir "$folder" --checkpoint_every 0.2s \
    --log_path "$folder/log.json" "$@"
}

# The last saved run in a folder.
newest() { find "$1" -name 'checkpoint-*.h5' ! -name '*.part-*' | sort | tail -n 1; }
metrics() { jq -c 'select(.type == "epoch") | [.epoch, .train_loss, ."hr@10", ."ndcg@10"]' "$1/log.json" | sort -u; }

# Tenths of a second that a launch takes: a few on most machines, many where names are resolved slowly.
begun=$(date +%s%N)
mpi 2 neumf --version >/dev/null || fail "--version"
launch=$((($(date +%s%N) - begun) / 100000000))

train "$work/whole" >/dev/null || fail "the run that nobody touches"
reference=$(newest "$work/whole")

compare() {
  local folder=$1 run
  run=$(newest "$folder")
  h5diff "$reference" "$run" /model >&2 || fail "other weights in $run"
  h5diff "$reference" "$run" /adam >&2 || fail "other moments in $run"
  local part
  for part in 0 1; do
    h5diff "${reference%.h5}".*.part-000$part-*.h5 "${run%.h5}".*.part-000$part-*.h5 /model >&2 || fail "other users in $run"
  done
  [[ $(metrics "$work/whole") == "$(metrics "$folder")" ]] || fail "other metrics after the kills: $(metrics "$folder")"
}

declare -A killed=()
total=0 rounds=0
while ((total < kills)); do
  folder=$work/round-$((++rounds))
  mkdir "$folder"
  while :; do
    train "$folder" --resume >"$folder/out" 2>&1 &
    shell=$!
    # Killed before training begins, in it, or not at all if it ends first or there have been enough kills.
    moment=$((launch / 2 + RANDOM % (15 + launch / 2)))
    ended=0
    for ((i = 0; i < moment || total >= kills; ++i)); do
      kill -0 $shell 2>/dev/null || { ended=1; break; }
      sleep 0.1
    done
    launcher=$(launcher_of $shell)
    if ((ended)) || [[ -z $launcher ]]; then
      wait $shell && break
      fail "resuming failed: $(<"$folder/out")"
      break 2
    fi
    mapfile -t ranks < <(ranks_of "$launcher")
    case $((RANDOM % 4)) in
      0) what="one rank"; kill -9 "${ranks[RANDOM % ${#ranks[@]}]:-$launcher}" ;;
      1) what="all ranks"; kill -9 "${ranks[@]:-$launcher}" ;;
      2) what="launcher"; kill -9 "$launcher" ;;
      3) what="signal"; kill -USR1 "$launcher" ;;
    esac 2>/dev/null
    begun=$SECONDS
    wait $shell 2>/dev/null
    status=$?
    ((SECONDS - begun <= 30)) || fail "killed ($what): the job took $((SECONDS - begun)) s to end"
    # A signal may have come after the last update.
    ((status != 0)) || { [[ $what == signal ]] && break; } || fail "killed ($what): status 0"
    killed[$what]=$((${killed[$what]:-0} + 1))
    ((++total))
  done
  compare "$folder"
done
for what in "${!killed[@]}"; do echo "killed: $what, ${killed[$what]} times"; done
echo "$total kills in $rounds runs (SEED=$seed), all results equal to the run that nobody touched"
finish
