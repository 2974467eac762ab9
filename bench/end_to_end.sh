#!/usr/bin/env bash
# Training and evaluation throughput of whole runs, by batch size and by number of ranks; peak memory; time by phase.
#
#   bench/end_to_end.sh OUT_DIR        writes OUT_DIR/end_to_end.md (tables) and OUT_DIR/end_to_end.jsonl
#
# Synthetic data sets of the sizes of MovieLens are made in DATA where they are missing. From the environment:
#   BIN, DATA    as in common.sh
#   DATASETS     default "ml-20m-short ml-1m"; ml-20m-short has all users and items of ml-20m and an epoch of three
#                updates of 1,048,576 samples; ml-20m is the whole, four minutes per epoch on two cores
#   BATCHES      batch sizes; default "65536 262144 1048576" (ml-1m: "4096 16384 65536")
#   RANKS        numbers of ranks; default: powers of two up to the number of cores
#   PRECISIONS   default "fp32 bf16"
#   EPOCHS       per run; default 3; throughput is the median over epochs
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
(($# == 1)) || { echo "usage: end_to_end.sh OUT_DIR" >&2; exit 2; }
out=$1
need_programs neumf neumf-preprocess
mkdir -p "$out"
table=$out/end_to_end.md lines=$out/end_to_end.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cores=$(nproc)
default_ranks=
for ((ranks = 1; ranks <= cores; ranks *= 2)); do default_ranks+="$ranks "; done
read -ra datasets <<<"${DATASETS:-ml-20m-short ml-1m}"
read -ra rank_counts <<<"${RANKS:-$default_ranks}"
read -ra precisions <<<"${PRECISIONS:-fp32 bf16}"
epochs=${EPOCHS:-3}

say() { printf '%s\n' "$*" | tee -a "$table"; }

# Samples per second of the model's matrix products alone, by ops_bench: gemm_bound NAME PRECISION
gemm_bound() {
  [[ -x $BIN/ops_bench ]] || return 0
  "$BIN/ops_bench" --benchmark_filter="^gemm_bound_$1/cpu/$2/ml-1m" --benchmark_format=csv 2>/dev/null |
    awk -F, '/^name/ { for (i = 1; i <= NF; ++i) if ($i == "items_per_second") c = i } /^"gemm_bound/ { printf "%.0f\n", $c }'
}

# measure DATASET PRECISION RANKS BATCH: one row of the table
measure() {
  local dataset=$1 precision=$2 ranks=$3 batch=$4
  local threads=$((cores / ranks > 0 ? cores / ranks : 1)) log=$work/log.json
  local timer=()
  # The peak of the largest rank: GNU time reports the largest descendant.
  [[ -x /usr/bin/time ]] && timer=(/usr/bin/time -f %M -o "$work/peak")
  : >"$work/peak"
  local launch
  launcher "$ranks" "$threads"
  if ! "${timer[@]}" "${launch[@]}" --data "$DATA/bench-$dataset" --precision "$precision" --batch_size "$batch" \
    --epochs "$epochs" --profile --log_path "$log" --overwrite >"$work/out" 2>&1; then
    say "| $dataset | $precision | $ranks x $threads | $batch | failed: $(grep -m 1 error "$work/out" || tail -n 1 "$work/out") |||||"
    return 0
  fi
  local train evaluation peak bound=${training_bound[$precision]} forward=${forward_bound[$precision]}
  train=$(json_values "$log" train_throughput epoch | median)
  evaluation=$(json_values "$log" eval_throughput epoch | median)
  peak=$(tail -n 1 "$work/peak")
  say "| $dataset | $precision | $ranks x $threads | $batch | $(human "$train") | $(ratio "$train" "$bound") |" \
    "$(human "$evaluation") | $(ratio "$evaluation" "$forward") |" \
    "$([[ -n $peak ]] && echo "$((peak / 1024)) MiB" || echo -) |"
  printf '{"type":"end_to_end","dataset":"%s","precision":"%s","ranks":%d,"threads":%d,"batch_size":%d,' \
    "$dataset" "$precision" "$ranks" "$threads" "$batch" >>"$lines"
  printf '"train_throughput":%s,"eval_throughput":%s,"gemm_bound_training":%s,"gemm_bound_forward":%s,"peak_kib_per_rank":%s,"profile":%s}\n' \
    "$train" "$evaluation" "${bound:-null}" "${forward:-null}" "${peak:-null}" "$(grep '"type":"profile"' "$log" || echo null)" >>"$lines"
  # Kept for the table of phases: the last run of every data set and precision on one rank.
  ((ranks > 1)) || sed -n '/^phase/,$p' "$work/out" >"$work/phases-$dataset-$precision"
}

declare -A training_bound forward_bound

: >"$table"
: >"$lines"
say "# End-to-end throughput"
say '```'
"$root/bench/machine.sh" | tee -a "$table"
say '```'
for precision in "${precisions[@]}"; do
  training_bound[$precision]=$(gemm_bound training "$precision")
  forward_bound[$precision]=$(gemm_bound forward "$precision")
  say "GEMM bound in $precision: $(human "${training_bound[$precision]}") samples/s of training," \
    "$(human "${forward_bound[$precision]}") of evaluation."
done
say ""
say "Shares are of the GEMM bound: all layers' products for every sample, by the matrix library alone. Where work is"
say "shared between samples (the first layer) a share may exceed one. Memory is the peak of the largest rank."
say ""
say "| data set | precision | ranks x threads | batch | training samples/s | share | evaluation samples/s | share | memory |"
say "|---|---|---|---|---|---|---|---|---|"
for dataset in "${datasets[@]}"; do
  size=$dataset
  [[ $dataset != ml-20m-short ]] || size=138493x26744x767651
  synthetic "$size" "$DATA/bench-$dataset"
  if [[ $dataset == ml-1m ]]; then batches="4096 16384 65536"; else batches="65536 262144 1048576"; fi
  read -ra batch_sizes <<<"${BATCHES:-$batches}"
  for precision in "${precisions[@]}"; do
    for batch in "${batch_sizes[@]}"; do measure "$dataset" "$precision" 1 "$batch"; done
    # More ranks at the largest batch only.
    for ranks in "${rank_counts[@]}"; do
      ((ranks == 1)) || measure "$dataset" "$precision" "$ranks" "${batch_sizes[-1]}"
    done
  done
done
say ""
say "## Time by phase"
for phases in "$work"/phases-*; do
  [[ -e $phases ]] || continue
  say ""
  say "${phases##*/phases-}, one rank, the largest batch:"
  say '```'
  tee -a "$table" <"$phases"
  say '```'
done
