#!/usr/bin/env bash
# This build and another one, alternately: training as bench/peers/compare.sh does it, and single operations.
#
#   OTHER=DIR bench/compare_builds.sh OUT_DIR [SETTING ...]      writes OUT_DIR/builds.md
#
# DIR: the other build's bin folder, with neumf and ops_bench. SETTING: of bench/settings.sh; default: ml-20m ml-1m small
# small-64k. A figure is the median over rounds and epochs. From the environment:
#   BIN, DATA   as in bench/common.sh
#   DEVICE      cpu (default) or cuda
#   ROUNDS      default 3
#   PRECISIONS  default "fp32 bf16"
#   THREADS     default all
#   OPS         operations to time, a regular expression of ops_bench; default: all on ML-1m; empty: none
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "$0")/common.sh"
# shellcheck source-path=SCRIPTDIR source=settings.sh
source "$root/bench/settings.sh"
if (($# == 0)) || [[ ! -x ${OTHER:-}/neumf ]]; then
  echo "usage: OTHER=DIR compare_builds.sh OUT_DIR [SETTING ...]    DIR has the other build's neumf and ops_bench" >&2
  exit 2
fi
out=$1
shift
(($#)) || set -- ml-20m ml-1m small small-64k
need_programs neumf neumf-preprocess ops_bench
device=${DEVICE:-cpu} rounds=${ROUNDS:-3} threads=${THREADS:-$(nproc)} ops=${OPS-/cpu/(ids|fp32|bf16)/ml-1m/real_time}
read -ra precisions <<<"${PRECISIONS:-fp32 bf16}"
mkdir -p "$out"
table=$out/builds.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '%s\n' "$*" | tee -a "$table"; }

: >"$table"
say "# Two builds"
say '```'
"$root/bench/machine.sh" | tee -a "$table"
say '```'
say "$threads threads, device $device, $rounds rounds, alternately. Other: $("$OTHER/neumf" --version | sed -n 1p)."
say ""
say "| training | precision | this build, samples/s | the other | this / other |"
say "|---|---|---|---|---|"
for setting in "$@"; do
  select_setting "$setting"
  for precision in "${precisions[@]}"; do
    for ((round = 0; round < rounds; ++round)); do
      train_setting "$BIN/neumf" "$precision" >>"$work/$setting-$precision-this"
      train_setting "$OTHER/neumf" "$precision" >>"$work/$setting-$precision-other"
    done
    a=$(median <"$work/$setting-$precision-this") b=$(median <"$work/$setting-$precision-other")
    say "| $setting | $precision | $(human "$a") | $(human "$b") | $(ratio "$a" "$b") |"
  done
done
[[ -n $ops ]] || exit 0

# time_operations DIR FILE: appends lines "name microseconds"
time_operations() {
  # Not as CSV, in which every operation must have the same counters.
  "$1/ops_bench" --benchmark_filter="$ops" --benchmark_out="$work/ops.json" --benchmark_out_format=json \
    --benchmark_min_time=0.05 >"$work/out" 2>&1 || { cat "$work/out" >&2; return 1; }
  awk -F'[:,] *' '/"name":/ { gsub(/[" ]/, "", $2); name = $2 } /"real_time":/ { print name, $2 }' "$work/ops.json" >>"$2"
}
for ((round = 0; round < rounds; ++round)); do
  time_operations "$BIN" "$work/ops-this"
  time_operations "$OTHER" "$work/ops-other"
done
say ""
say "| operation | this build, us | the other | this / other |"
say "|---|---|---|---|"
cut -d' ' -f1 "$work/ops-this" | sort -u | while read -r name; do
  a=$(awk -v n="$name" '$1 == n { print $2 }' "$work/ops-this" | median)
  b=$(awk -v n="$name" '$1 == n { print $2 }' "$work/ops-other" | median)
  say "| $name | $a | ${b:--} | $(ratio "$a" "$b") |"
done
