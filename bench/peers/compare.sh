#!/usr/bin/env bash
# neumf against the same training in PyTorch (pytorch_ncf.py), alternately, with the same settings.
#
#   bench/peers/compare.sh OUT_DIR [SETTING ...]     writes OUT_DIR/compare.md and OUT_DIR/compare.jsonl
#
#   ml-20m     the default model, all users and items of MovieLens 20M, batch 1,048,576 (an epoch of three updates)
#   ml-1m      the default model, MovieLens 1M's size, batch 65,536
#   small      factors 8, layers 64 32 16 8, MovieLens 1M's size, batch 2,048
#   small-256, small-1k, small-64k  the same, batch 256 and 1,024 (the middle and the end of what He et al. tried) and
#              65,536
#
# Two comparisons each: both in fp32, and the fastest precision of both (bf16 on a CPU, fp16 on a GPU; PyTorch takes
# what it is fastest with). PyTorch's other settings are tried first. A figure is the median over rounds and steps
# (PyTorch, after warming up) or epochs (neumf). From the environment:
#   BIN, DATA   as in bench/common.sh
#   PYTHON      a python with torch and h5py; default: the one of setup_python.sh
#   DEVICE      cpu (default) or cuda
#   ROUNDS      default 3
#   STEPS       of PyTorch in each: default 5, for the small model as many as select_setting says
#   THREADS     default all
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
source "$(dirname "$0")/../common.sh"
# shellcheck source-path=SCRIPTDIR source=../settings.sh
source "$root/bench/settings.sh"
(($# >= 1)) || { echo "usage: compare.sh OUT_DIR [ml-20m|ml-1m|small|small-256|small-1k|small-64k ...]" >&2; exit 2; }
out=$1
shift
(($#)) || set -- ml-20m ml-1m small small-256 small-1k small-64k
need_programs neumf neumf-preprocess
device=${DEVICE:-cpu} rounds=${ROUNDS:-3} threads=${THREADS:-$(nproc)}
python=${PYTHON:-$("$root/bench/peers/setup_python.sh")}
peer=("$python" "$root/bench/peers/pytorch_ncf.py" --device "$device" --threads "$threads")
half=bf16
[[ $device != cuda ]] || half=fp16
mkdir -p "$out"
table=$out/compare.md lines=$out/compare.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" | tee -a "$table"; }

# neumf_round SETTING PRECISION: appends the throughput of every epoch to a file
neumf_round() {
  train_setting "$BIN/neumf" "$2" >>"$work/$1-neumf-$2"
}

# A value of the peer's line of JSON.
field() { "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"; }

# tune PRECISION: sets `chosen`, the peer's fastest settings
tune() {
  local line
  line=$("${peer[@]}" --data "$data" "${settings[@]}" --epochs 0 --precision "$1" --tune 2 2>"$work/err") ||
    { cat "$work/err" >&2; return 1; }
  chosen=(--precision "$(field "$line" precision)" --micro_batch "$(field "$line" micro_batch)")
  [[ $(field "$line" compile) != True ]] || chosen+=(--compile)
  printf '%s\n' "$line" >>"$lines"
}

# peer_round SETTING LABEL OPTION...: appends the throughput of the median step
peer_round() {
  local setting=$1 label=$2 line
  shift 2
  line=$("${peer[@]}" --data "$data" "${settings[@]}" --epochs 0 --steps "$steps" "$@" 2>"$work/err") ||
    { cat "$work/err" >&2; return 1; }
  printf '%s\n' "$line" >>"$lines"
  field "$line" samples_per_second >>"$work/$setting-torch-$label"
}

: >"$table"
: >"$lines"
say "# neumf and PyTorch"
say '```'
"$root/bench/machine.sh" | tee -a "$table"
say "$(printf '%-12s %s' PyTorch "$("$python" -c 'import torch; print(torch.__version__)')")"
say '```'
say "$threads threads, device $device, $rounds rounds, alternately."
say ""
say "| setting | neumf | samples/s | PyTorch | samples/s | ratio of medians |"
say "|---|---|---|---|---|---|"
for setting in "$@"; do
  select_setting "$setting"
  steps=${STEPS:-$steps}
  tune fp32
  torch_fp32=("${chosen[@]}")
  tune auto
  torch_best=("${chosen[@]}")
  for ((round = 0; round < rounds; ++round)); do
    neumf_round "$setting" fp32
    peer_round "$setting" fp32 "${torch_fp32[@]}"
    neumf_round "$setting" "$half"
    peer_round "$setting" best "${torch_best[@]}"
  done
  for pair in "fp32 fp32" "$half best"; do
    read -r ours theirs <<<"$pair"
    a=$(median <"$work/$setting-neumf-$ours") b=$(median <"$work/$setting-torch-$theirs")
    if [[ $theirs == fp32 ]]; then described="${torch_fp32[*]}"; else described="${torch_best[*]}"; fi
    say "| $setting | $ours | $(human "$a") | ${described//--/} | $(human "$b") | $(ratio "$a" "$b") |"
    printf '{"type":"compare","setting":"%s","device":"%s","neumf_precision":"%s","neumf":%s,"pytorch_settings":"%s",' \
      "$setting" "$device" "$ours" "$a" "${described//--/}" >>"$lines"
    printf '"pytorch":%s,"ratio":%s}\n' "$b" "$(ratio "$a" "$b")" >>"$lines"
  done
done
