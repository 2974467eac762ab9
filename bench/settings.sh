# shellcheck shell=bash
# What is trained where programs or builds are compared; after common.sh. bench/peers/compare.sh describes the settings.
# shellcheck disable=SC2034  # used by the scripts that read this file

# shellcheck disable=SC2153  # DATA comes from common.sh
# Sets `data`, `settings` (options of training) and `steps` (of a peer) of a comparison.
select_setting() {
  case $1 in
    ml-20m)
      data=$DATA/bench-ml-20m-speed settings=(--batch_size 1048576) steps=5
      synthetic 138493x26744x767651 "$data" --valid_negative 1 ;;
    ml-1m)
      data=$DATA/bench-ml-1m settings=(--batch_size 65536) steps=5
      synthetic ml-1m "$data" ;;
    small | small-256 | small-1k | small-64k)
      local batch
      case $1 in
        small) batch=2048 steps=200 ;;
        small-256) batch=256 steps=1000 ;;
        small-1k) batch=1024 steps=400 ;;
        small-64k) batch=65536 steps=20 ;;
      esac
      data=$DATA/bench-ml-1m settings=(--batch_size "$batch" --factors 8 --layers 64 32 16 8 --dropout 0)
      synthetic ml-1m "$data" ;;
    *) echo "$(basename "$0"): $1: must be ml-20m, ml-1m, small, small-256, small-1k or small-64k" >&2; exit 2 ;;
  esac
}

# Trains `settings` on `data` for two epochs and prints each one's samples per second:
# train_setting PROGRAM PRECISION   with `device`, `threads` and a folder `work`
train_setting() {
  local launch
  launcher 1 "$threads" "$1"
  rm -f "$work/log.json"
  "${launch[@]}" --data "$data" --device "$device" --precision "$2" "${settings[@]}" --epochs 2 \
    --log_path "$work/log.json" >"$work/out" 2>&1 || { cat "$work/out" >&2; return 1; }
  json_values "$work/log.json" train_throughput epoch
}
