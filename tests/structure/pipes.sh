#!/usr/bin/env bash
# No script pipes into `grep -q`: grep leaves at the first match, what writes to it dies of SIGPIPE, and with pipefail a match
# counts as a failure, at random.
#   pipes.sh SOURCE_DIR
set -euo pipefail
cd "$1"
found=$(grep -rnE '(^|[^|])\| *(e|f)?grep +(-[a-zA-Z]+ +)*-[a-zA-Z]*q' --include='*.sh' --include='*.sbatch' \
  jobs bench tests tools findings .ci 2>/dev/null | grep -v '^tests/structure/pipes.sh:' || true)
[[ -z $found ]] || { printf 'pipes into grep -q; use grep >/dev/null:\n%s\n' "$found" >&2; exit 1; }
echo "all checks passed"
