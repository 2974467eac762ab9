#!/usr/bin/env bash
# Training on a catalogue of a million items, of which an update reads a small part: one rank and two, of one thread each.
#
#   bench/large_catalogue.sh OUT_DIR      writes OUT_DIR/large_catalogue.md
#
# 200,000 users, 1,000,000 items, 4 M interactions (synthetic); factors 16, layers 64 32 16, fp32, one epoch. A figure is the
# median over rounds; the builds and the ranks alternate. From the environment:
#   BIN, DATA   as in bench/common.sh
#   OTHER       another build's bin folder, with neumf, to compare with
#   BATCH       samples per update, default 65536
#   ROUNDS      default 1
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: [OTHER=DIR] large_catalogue.sh OUT_DIR" >&2; exit 2; }
out=$1 batch=${BATCH:-65536} rounds=${ROUNDS:-1}
need_programs neumf neumf-preprocess
mkdir -p "$out"
table=$out/large_catalogue.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '%s\n' "$*" | tee -a "$table"; }

data=$DATA/bench-large-catalogue
synthetic 200000x1000000x4000000 "$data" --valid_negative 1 --shards 2

# train NAME PROGRAM RANKS: appends to $work/NAME-RANKS.{speed,bytes,peak}
train() {
  local launch
  launcher "$3" 1 "$2"
  rm -f "$work/log.json"
  with_peak "$work/$1-$3.peak" "${launch[@]}" --data "$data" --device cpu --factors 16 --layers 64 32 16 \
    --batch_size "$batch" --epochs 1 --log_path "$work/log.json" >"$work/out" 2>&1 || { cat "$work/out" >&2; return 1; }
  json_values "$work/log.json" train_throughput epoch >>"$work/$1-$3.speed"
  json_values "$work/log.json" bytes_per_update epoch >>"$work/$1-$3.bytes"
}

builds=(this)
[[ -z ${OTHER:-} ]] || builds+=(other)
for ((round = 0; round < rounds; ++round)); do
  for ranks in 1 2; do
    train this "$BIN/neumf" "$ranks"
    [[ -z ${OTHER:-} ]] || train other "$OTHER/neumf" "$ranks"
  done
done

: >"$table"
say "# A million items"
say '```'
"$root/bench/machine.sh" | tee -a "$table"
say '```'
say "Batch $batch, $rounds rounds, one thread per rank.${OTHER:+ Other: $("$OTHER/neumf" --version | sed -n '$p').}"
say ""
say "| build | ranks | samples/s | bytes per update | peak memory per rank, MiB |"
say "|---|---|---|---|---|"
for build in "${builds[@]}"; do
  for ranks in 1 2; do
    say "| $build | $ranks | $(human "$(median <"$work/$build-$ranks.speed")") | $(median <"$work/$build-$ranks.bytes") |" \
      "$(cut -d' ' -f2 "$work/$build-$ranks.peak" | median | awk '{ printf "%.0f", $1 / 1024 }') |"
  done
done
