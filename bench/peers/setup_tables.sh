#!/usr/bin/env bash
# Makes the Python environment of the peers that work on tables where it is missing, and prints the path of its python.
#
#   bench/peers/setup_tables.sh [DIRECTORY]      default: ${XDG_CACHE_HOME:-$HOME/.cache}/neumf/tables-venv
set -euo pipefail
venv=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/neumf/tables-venv}
python=$venv/bin/python
if ! "$python" -c 'import duckdb, h5py, numpy, polars' 2>/dev/null; then
  [[ -x $python ]] || python3 -m venv "$venv" >&2
  "$python" -m pip install --quiet duckdb h5py numpy polars >&2
fi
echo "$python"
