#!/usr/bin/env bash
# Seconds until HR@10 on MovieLens 1M reaches a target: neumf against the NeuMF of RecBole (recbole_neumf.py), run
# alternately on the same cores, from the same ratings file.
#
#   bench/peers/compare_recbole.sh OUT_DIR [same|best|own ...]     writes recbole.md and recbole.jsonl there
#
# neumf trains the smallest model of the paper: factors 8, layers 64 32 16 8, batch 2,048, 4 negatives, Adam at 0.002.
#
#   same   RecBole with these settings
#   best   RecBole with those of BEST, that get it there soonest
#   own    RecBole's defaults for NeuMF: a larger model, 1 negative, dropout 0.1, Adam at 0.001
#
# Both hold out the latest interaction of each user, rank it among 100 items that the user does not have, and evaluate
# after every epoch. Time counts from the start of training and includes evaluation; reading the data does not count.
# PyTorch's threads and RecBole's loader processes are tried first. A figure is the median over rounds. From the
# environment:
#   BIN, DATA   as in bench/common.sh; RATINGS: the ratings file of MovieLens 1M, default DATA/ml-1m.zip
#   PYTHON      a python with RecBole; default: the one of setup_recbole.sh
#   TARGET      default 0.66;   EPOCHS: at most so many, default 20
#   LIMIT       RecBole begins no epoch after so many seconds of training, default 1800
#   ROUNDS      default 1;   THREADS: cores that each may use, default all;   DEVICE: cpu (default) or cuda
#   BEST        RecBole's options of `best`, default "--batch_size 8192 --learning_rate 0.008"
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
source "$(dirname "$0")/../common.sh"
(($# >= 1)) || { echo "usage: compare_recbole.sh OUT_DIR [same|best|own ...]" >&2; exit 2; }
out=$1
shift
(($#)) || set -- same best own
need_programs neumf neumf-preprocess
rounds=${ROUNDS:-1} threads=${THREADS:-$(nproc)} target=${TARGET:-0.66} epochs=${EPOCHS:-20} device=${DEVICE:-cpu}
small=(--factors 8 --layers 64 32 16 8 --dropout 0 --negative_samples 4)
declare -A settings=(
  [same]="--batch_size 2048 --learning_rate 0.002"
  [best]=${BEST:-"--batch_size 8192 --learning_rate 0.008"}
  [own]="--batch_size 2048 --learning_rate 0.001 --dropout 0.1 --factors 64 --layers 128 128 64 --negative_samples 1"
)
for setting in "$@"; do
  [[ -n ${settings[$setting]:-} ]] ||
    { echo "compare_recbole.sh: $setting: must be same, best or own" >&2; exit 2; }
done
# shellcheck disable=SC2153  # DATA comes from common.sh
ratings=${RATINGS:-$DATA/ml-1m.zip}
[[ -r $ratings ]] ||
  { echo "compare_recbole.sh: $ratings is missing; preprocess/download.sh ml-1m $DATA, or set RATINGS" >&2; exit 1; }
python=${PYTHON:-$("$root/bench/peers/setup_recbole.sh")}
mkdir -p "$out"
table=$out/recbole.md lines=$out/recbole.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" | tee -a "$table"; }

# The same cores for both: RecBole's loader processes would otherwise be more than its threads.
cores=(taskset -c "$("$python" -c 'import os, sys
print(*sorted(os.sched_getaffinity(0))[:int(sys.argv[1])], sep=",")' "$threads")")

# collect PROGRAM: keeps the log work/log, and adds a figure of this round to each file work/PROGRAM.FIGURE
collect() {
  local to=$work/$1 log=$work/log
  cat "$log" >>"$lines"
  json_values "$log" time_to_target summary | { grep -v null || true; } >>"$to.seconds"
  json_values "$log" best_accuracy summary >>"$to.best"
  json_values "$log" hr@10 epoch | wc -l >>"$to.epochs"
  json_values "$log" train_throughput epoch | median >>"$to.rate"
  paste -d+ <(json_values "$log" train_epoch_time epoch) <(json_values "$log" validation_epoch_time epoch) |
    awk -F+ '{ print $1 + $2 }' | median >>"$to.epoch"
}
figure() { median <"$work/$1.$2"; }
# Seconds to the target, if every round reached it.
reached() { [[ $(wc -l <"$work/$1.seconds") != $(wc -l <"$work/$1.epochs") ]] || figure "$1" seconds; }

neumf_round() {
  local launch
  launcher 1 "$threads"
  rm -f "$work/log"
  "${cores[@]}" "${launch[@]}" --data "$work/data" --device "$device" "${small[@]}" --batch_size 2048 \
    --learning_rate 0.002 --beta1 0.9 --beta2 0.999 --epochs "$epochs" --threshold "$target" --seed "$1" \
    --log_path "$work/log" >"$work/out" 2>&1 || { cat "$work/out" >&2; return 1; }
  collect neumf
}

# recbole_round SETTING SEED: the first round of a setting finds the threads and loader processes of all its rounds.
declare -A chosen
recbole_round() {
  local words tuning
  read -ra words <<<"${settings[$1]}"
  read -ra tuning <<<"${chosen[$1]:---threads $threads --tune 200}"
  "${cores[@]}" "$python" "$root/bench/peers/recbole_neumf.py" "$ratings" --device "$device" "${small[@]}" \
    "${words[@]}" "${tuning[@]}" --epochs "$epochs" --target "$target" --seconds "${LIMIT:-1800}" --seed "$2" \
    >"$work/log" 2>"$work/err" || { cat "$work/err" >&2; return 1; }
  collect "$1"
  chosen[$1]="--threads $(json_values "$work/log" threads start) --workers $(json_values "$work/log" workers start)"
}

# row NAME PROGRAM: a line of the table, and of the JSON lines
row() {
  local seconds best epochs epoch rate ratio
  seconds=$(reached "$2") best=$(figure "$2" best) epochs=$(figure "$2" epochs) epoch=$(figure "$2" epoch)
  rate=$(figure "$2" rate) ratio=$(ratio "$seconds" "$(reached neumf)")
  say "| $1 | $best | ${seconds:-not reached} | $epochs | $epoch | $(human "$rate") | $ratio |"
  printf '{"type":"compare_recbole","program":"%s","target":%s,"threads":%d,"best_accuracy":%s,"time_to_target":%s,' \
    "$1" "$target" "$threads" "$best" "${seconds:-null}" >>"$lines"
  printf '"epochs":%s,"epoch_seconds":%s,"train_throughput":%s}\n' "$epochs" "$epoch" "$rate" >>"$lines"
}

: >"$table"
: >"$lines"
say "# Time to HR@10 $target: neumf and RecBole"
say '```'
"$root/bench/machine.sh" | tee -a "$table"
say "$(printf '%-12s %s' RecBole "$("$python" -c 'import recbole, torch
print(recbole.__version__ + ", PyTorch", torch.__version__)')")"
say '```'
"$BIN/neumf-preprocess" --input "$ratings" --output "$work/data" >/dev/null
for ((round = 1; round <= rounds; ++round)); do
  for setting in "$@"; do
    neumf_round "$round"
    recbole_round "$setting" "$round"
  done
done
say "$(basename "$ratings"), $threads cores each, device $device, $rounds rounds, alternately; medians."
say ""
say "| program | best HR@10 | seconds to $target | epochs | seconds per epoch | training samples/s | RecBole / neumf |"
say "|---|---|---|---|---|---|---|"
row "neumf" neumf
for setting in "$@"; do
  described="$setting: ${settings[$setting]} ${chosen[$setting]}"
  row "RecBole, ${described//--/}" "$setting"
done
