#!/usr/bin/env bash
# One rank of three fails alone on simulated GPUs: every rank ends, soon, with a message and a nonzero status. What
# does not fail goes on.
source "$(dirname "$0")/../program/common.sh"

"$bin/neumf-preprocess" --synthetic 207x120x7300 --output "$work/data" --shards 3 >/dev/null || fail "preprocessing"
settings=(train --data "$work/data" --factors 8 --layers 32 16 8 --batch_size 3000 --epochs 2 --threads 1 --device cuda)

# ends "part of the message" VARIABLE=VALUE [OPTION...]: for rank 1 alone
ends() {
  local output status part=$1 setting=$2
  shift 2
  local command=("$bin/neumf_sim" "${settings[@]}" "$@")
  output=$(timeout -k 5 60 mpirun --oversubscribe --bind-to none -n 1 "${command[@]}" \
    : -n 1 env "$setting" "${command[@]}" : -n 1 "${command[@]}" 2>&1)
  status=$?
  ((status == 124 || status == 137)) && fail "$setting $*: still running after 60 s: $output"
  ((status != 0)) || fail "$setting $*: status 0"
  grep -qF -- "$part" <<<"$output" || fail "$setting $*: no '$part' in: $output"
  grep -q '^simulated GPU:' <<<"$output" && fail "$setting $*: $(grep '^simulated GPU:' <<<"$output")"
}

ends "out of GPU memory" NEUMF_SIM_MEMORY_MIB=20      # at the first allocation
ends "out of GPU memory" NEUMF_SIM_MEMORY_MIB=33
ends "out of GPU memory" NEUMF_SIM_MEMORY_MIB=36 --batch_size 35000 --epochs 1  # among the trainer's
ends "error on rank 1: out of GPU memory" NEUMF_SIM_MEMORY_MIB=38 --batch_size 35000 --epochs 1  # in the first update
ends "the GPU has failed" NEUMF_SIM_LOST=200          # in the first epoch
ends "the GPU has failed" NEUMF_SIM_LOST=310          # in the second, whose updates are replayed
ends "the gradient exchange through NCCL failed" NEUMF_SIM_NCCL_ERROR=20

# A rank of three that is killed, or that stops, in the middle of an epoch: the others wait for it in NCCL.
# lost SIGNAL "part of the message" OPTION...
lost() {
  local signal=$1 part=$2 launcher rank status
  shift 2
  : >"$work/out"  # the launcher may be slow to begin it
  timeout -k 5 60 mpirun --oversubscribe --bind-to none -n 3 "$bin/neumf_sim" "${settings[@]}" --epochs 100000 "$@" \
    >"$work/out" 2>&1 &
  launcher=$!
  for ((i = 0; i < 300; ++i)); do
    grep -q '^ *2 ' "$work/out" && break  # the second epoch is over
    sleep 0.1
  done
  # The launcher is the child of timeout.
  rank=$(pgrep -P "$(pgrep -P "$launcher")" -x neumf_sim | sed -n 2p)
  kill "-$signal" "$rank" || fail "SIG$signal: no rank to send it to: $(<"$work/out")"
  SECONDS=0
  wait "$launcher"
  status=$?
  ((status != 0)) || fail "SIG$signal: status 0"
  ((SECONDS < 30)) || fail "SIG$signal: the ranks ended only after $SECONDS s: $(<"$work/out")"
  grep -qF -- "$part" "$work/out" || fail "SIG$signal: no '$part' in: $(<"$work/out")"
}
lost KILL ""
lost STOP "as --abort_on_stall asks" --stall_timeout 1.5 --abort_on_stall

# An epoch that is longer than --stall_timeout is no stall: replayed updates are progress, and the host is never far
# ahead of the GPU. 355 updates, each of which takes a small part of the timeout.
output=$(timeout -k 5 200 "$bin/neumf_sim" "${settings[@]}" --batch_size 100 --epochs 1 --stall_timeout 1.5 \
  --abort_on_stall 2>&1) || fail "a long epoch: $output"
grep -q 'no progress' <<<"$output" && fail "a long epoch is taken for a stall: $output"
finish
