#!/usr/bin/env bash
# One rank of three fails alone on simulated GPUs: every rank ends, soon, with a message and a nonzero status.
source "$(dirname "$0")/../program/common.sh"

"$bin/neumf-preprocess" --synthetic 207x120x7300 --output "$work/data" --shards 3 >/dev/null || fail "preprocessing"
settings=(train --data "$work/data" --factors 8 --layers 32 16 8 --batch_size 3000 --epochs 2 --threads 1 --device cuda)

# ends "part of the message" VARIABLE=VALUE: for rank 1 alone
ends() {
  local output status
  output=$(timeout -k 5 60 mpirun --oversubscribe --bind-to none -n 1 "$bin/neumf_sim" "${settings[@]}" \
    : -n 1 env "$2" "$bin/neumf_sim" "${settings[@]}" : -n 1 "$bin/neumf_sim" "${settings[@]}" 2>&1)
  status=$?
  ((status == 124 || status == 137)) && fail "$2: still running after 60 s: $output"
  ((status != 0)) || fail "$2: status 0"
  grep -qF -- "$1" <<<"$output" || fail "$2: no '$1' in: $output"
  grep -q '^simulated GPU:' <<<"$output" && fail "$2: $(grep '^simulated GPU:' <<<"$output")"
}

ends "out of GPU memory" NEUMF_SIM_MEMORY_MIB=20      # at the first allocation
ends "out of GPU memory" NEUMF_SIM_MEMORY_MIB=33      # among the trainer's
ends "the GPU has failed" NEUMF_SIM_LOST=700          # in the middle of an epoch
ends "the gradient exchange through NCCL failed" NEUMF_SIM_NCCL_ERROR=20
finish
