#!/usr/bin/env bash
# Makes the Python environment of RecBole where it is missing, and prints the path of its python.
#
#   bench/peers/setup_recbole.sh [DIRECTORY]     default: ${XDG_CACHE_HOME:-$HOME/.cache}/neumf/recbole-venv
#
# RecBole 1.2.1 asks for an old ray, which has no package for today's Python; ray, thop and plotly are only imported by
# its quick start, its counting of operations and its plots, so it is installed without its dependencies.
set -euo pipefail
venv=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/neumf/recbole-venv}
python=$venv/bin/python
# What recbole_neumf.py imports.
ready='from recbole.data import create_dataset; from recbole.model.general_recommender import NeuMF
from recbole.trainer import Trainer'
if ! "$python" -c "$ready" 2>/dev/null; then
  "$(dirname "$0")/setup_python.sh" "$venv" >&2 # PyTorch, NumPy, pandas
  # RecBole was written for NumPy 1, of which there are packages up to Python 3.12, and pandas before 3.
  "$python" -m pip install --quiet 'numpy<2; python_version < "3.13"' 'pandas<3' scipy scikit-learn tqdm pyyaml \
    tensorboard texttable colorlog==4.7.2 colorama==0.4.4 >&2
  "$python" -m pip install --quiet --no-deps recbole==1.2.1 >&2
  "$python" -c "$ready" >&2
fi
echo "$python"
