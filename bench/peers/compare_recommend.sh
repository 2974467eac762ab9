#!/usr/bin/env bash
# neumf recommend against the same recommendations in PyTorch (recommend_pytorch.py), alternately: ten items out of the
# whole catalogue for every user.
#
#   bench/peers/compare_recommend.sh OUT_DIR [small|default ...]     writes OUT_DIR/recommend.md and OUT_DIR/recommend.jsonl
#
#   small     factors 8, layers 64 32 16 8
#   default   factors 64, layers 256 256 128 64
#
# Both read the same checkpoint, trained here for an epoch, in fp32 on the same threads. PyTorch's settings (users at
# once, torch.compile) are tried first. neumf's time includes reading the users' rows and writing the CSV, PyTorch's is
# scoring and ranking alone. Each round gives PyTorch a minute, neumf all users. A figure is the median over rounds.
# From the environment:
#   BIN, DATA   as in bench/common.sh
#   DATASET     data set to train on; default: synthetic, of MovieLens 1M's size
#   PYTHON      a python with torch and h5py; default: the one of setup_python.sh
#   ROUNDS      default 5;   THREADS: default all;   TUNE: seconds for each of PyTorch's settings, default 3
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
source "$(dirname "$0")/../common.sh"
(($# >= 1)) || { echo "usage: compare_recommend.sh OUT_DIR [small|default ...]" >&2; exit 2; }
out=$1
shift
(($#)) || set -- small default
need_programs neumf neumf-preprocess
rounds=${ROUNDS:-5} threads=${THREADS:-$(nproc)}
python=${PYTHON:-$("$root/bench/peers/setup_python.sh")}
mkdir -p "$out"
table=$out/recommend.md lines=$out/recommend.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=${DATASET:-$DATA/bench-ml-1m}
[[ -n ${DATASET:-} ]] || synthetic ml-1m "$data"

say() { printf '%s\n' "$*" | tee -a "$table"; }
# A value of the peer's line of JSON.
field() { "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"; }

: >"$table"
: >"$lines"
say "# neumf recommend and PyTorch"
say '```'
"$root/bench/machine.sh" | tee -a "$table"
say "$(printf '%-12s %s' PyTorch "$("$python" -c 'import torch; print(torch.__version__)')")"
say '```'
say "$threads threads, fp32, $rounds rounds, alternately."
say ""
say "| model | neumf, users/s | PyTorch | users/s | ratio of medians |"
say "|---|---|---|---|---|"
for setting in "$@"; do
  case $setting in
    small) shape=(--factors 8 --layers 64 32 16 8) ;;
    default) shape=() ;;
    *) echo "compare_recommend.sh: $setting: must be small or default" >&2; exit 2 ;;
  esac
  checkpoint=$work/$setting/best.h5
  launcher 1 "$threads"
  "${launch[@]}" --data "$data" "${shape[@]}" --batch_size 16384 --learning_rate 0.001 --beta1 0.9 --beta2 0.999 \
    --epochs 1 --checkpoint_dir "$work/$setting" >/dev/null
  peer=("$python" "$root/bench/peers/recommend_pytorch.py" "$checkpoint" --threads "$threads")
  line=$("${peer[@]}" --tune "${TUNE:-3}" --seconds 1 2>"$work/err") || { cat "$work/err" >&2; exit 1; }
  printf '%s\n' "$line" >>"$lines"
  chosen=(--users_at_once "$(field "$line" users_at_once)")
  [[ $(field "$line" compile) != True ]] || chosen+=(--compile)
  for ((round = 0; round < rounds; ++round)); do
    "$BIN/neumf" recommend --load_checkpoint_path "$checkpoint" --threads "$threads" --output "$work/top.csv" 2>"$work/err" ||
      { cat "$work/err" >&2; exit 1; }
    grep -o '([0-9.e+]* users/s' "$work/err" | tr -d '(' | cut -d' ' -f1 >>"$work/$setting-neumf"
    line=$("${peer[@]}" "${chosen[@]}" --seconds 60 2>"$work/err") || { cat "$work/err" >&2; exit 1; }
    printf '%s\n' "$line" >>"$lines"
    field "$line" users_per_second >>"$work/$setting-torch"
  done
  a=$(median <"$work/$setting-neumf") b=$(median <"$work/$setting-torch")
  described="${chosen[*]}"
  say "| $setting | $(human "$a") | ${described//--/} | $(human "$b") | $(ratio "$a" "$b") |"
  printf '{"type":"compare_recommend","model":"%s","threads":%d,"neumf":%s,"pytorch":%s,"ratio":%s}\n' \
    "$setting" "$threads" "$a" "$b" "$(ratio "$a" "$b")" >>"$lines"
done
