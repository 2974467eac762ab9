#!/usr/bin/env bash
# gpu_check.sh without a GPU: it must run through, report every part, and write valid JSON; then all parts on the CPU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export BIN=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DATA=$work/data

# Where there is a GPU it is hidden.
CUDA_VISIBLE_DEVICES='' PATH=$work/no-gpu:$PATH
mkdir "$work/no-gpu"
printf '#!/bin/sh\nexit 9\n' >"$work/no-gpu/nvidia-smi"
chmod +x "$work/no-gpu/nvidia-smi"
export CUDA_VISIBLE_DEVICES PATH OMPI_MCA_mpi_yield_when_idle=1

check_json() {
  command -v python3 >/dev/null || return 0
  python3 -m json.tool "$1" >/dev/null || { echo "FAILED: $1 is not JSON" >&2; cat "$1" >&2; exit 1; }
}

"$here/gpu_check.sh" "$work/out"
check_json "$work/out/results.json"
[[ $(grep -o '"status":"skipped"' "$work/out/results.json" | wc -l) == 11 ]] ||
  { echo "FAILED: not every part is reported as skipped" >&2; exit 1; }
grep -q '^racecheck *skipped' "$work/out/results.txt"
(($(find "$work/out" -type f | wc -l) <= 8)) || { echo "FAILED: more files than a lent machine gives back" >&2; exit 1; }

# Without Python: PyTorch would take most of the time.
REHEARSE=cpu PYTHON=none BUDGET=150 "$here/gpu_check.sh" "$work/rehearsal"
check_json "$work/rehearsal/results.json"
for part in data agreement training two-ranks; do
  grep -q "^$part *ok" "$work/rehearsal/results.txt" || { echo "FAILED: part $part" >&2; exit 1; }
done
