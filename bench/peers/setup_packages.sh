#!/usr/bin/env bash
# Makes a Python environment of peers where it is missing, and prints the path of its python.
#
#   bench/peers/setup_packages.sh NAME PACKAGE...     in ${XDG_CACHE_HOME:-$HOME/.cache}/neumf/NAME-venv; packages are
#                                                     called as they are imported
set -euo pipefail
(($# >= 2)) || { echo "usage: setup_packages.sh NAME PACKAGE..." >&2; exit 2; }
venv=${XDG_CACHE_HOME:-$HOME/.cache}/neumf/$1-venv
shift
python=$venv/bin/python
if ! "$python" -c "import $(IFS=,; echo "$*")" 2>/dev/null; then
  [[ -x $python ]] || python3 -m venv "$venv" >&2
  "$python" -m pip install --quiet "$@" >&2
fi
echo "$python"
