# Shared by the test scripts: a work directory, counting failures.
set -uo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

finish() {
  ((failures == 0)) && echo "all checks passed"
  exit $((failures > 0))
}
