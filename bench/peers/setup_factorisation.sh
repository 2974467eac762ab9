#!/usr/bin/env bash
# Makes the Python environment of the peers that factorise where it is missing, and prints the path of its python.
#
#   bench/peers/setup_factorisation.sh [DIRECTORY]      default: ${XDG_CACHE_HOME:-$HOME/.cache}/neumf/factorisation-venv
set -euo pipefail
venv=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/neumf/factorisation-venv}
python=$venv/bin/python
if ! "$python" -c 'import h5py, implicit, numpy, scipy' 2>/dev/null; then
  [[ -x $python ]] || python3 -m venv "$venv" >&2
  "$python" -m pip install --quiet h5py implicit numpy scipy >&2
fi
echo "$python"
