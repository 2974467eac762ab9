# Sourced by every finding. `fresh NAME==VERSION ...` makes a temporary folder, removed at exit, with a virtual environment
# of exactly these packages (wheels only), and goes there; $python is its interpreter. `changed SENTENCE` ends with
# status 1. Status 2: the packages could not be installed, which says nothing about the finding. `fresh_folder` makes the
# folder alone.
set -euo pipefail

fresh_folder() {
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  cd "$folder"
}

fresh() {
  fresh_folder
  "${PYTHON:-python3}" -m venv environment
  python=$folder/environment/bin/python
  if ! "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$@"; then
    echo "could not install $*: no answer (set PYTHON to another interpreter; these were seen with Python 3.11)" >&2
    exit 2
  fi
}

changed() {
  echo "changed: $*" >&2
  exit 1
}
