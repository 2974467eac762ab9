#!/usr/bin/env bash
# Makes the Python environment of the peers where it is missing, and prints the path of its python.
#
#   bench/peers/setup_python.sh [DIRECTORY]      default: ${XDG_CACHE_HOME:-$HOME/.cache}/neumf/venv
#
# On a machine without a GPU PyTorch's smaller CPU build is taken where it can be reached.
set -euo pipefail
venv=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/neumf/venv}
python=$venv/bin/python
if ! "$python" -c 'import torch, numpy, pandas, h5py' 2>/dev/null; then
  [[ -x $python ]] || python3 -m venv "$venv" >&2
  "$python" -m pip install --quiet numpy pandas h5py >&2
  if ! "$python" -c 'import torch' 2>/dev/null; then
    cpu_wheels=https://download.pytorch.org/whl/cpu
    if nvidia-smi >/dev/null 2>&1 || ! curl -fsSI --max-time 10 "$cpu_wheels/torch/" >/dev/null 2>&1 ||
      ! "$python" -m pip install --quiet --index-url "$cpu_wheels" torch >&2; then
      "$python" -m pip install --quiet torch >&2
    fi
  fi
fi
echo "$python"
