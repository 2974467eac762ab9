#!/usr/bin/env bash
# Sets up, builds and runs every test. Arguments go to ctest, for example: tests/run.sh -R trainer
#   PRESET=asan tests/run.sh    under AddressSanitizer and UndefinedBehaviorSanitizer
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${PRESET:-release}
jobs/setup.sh --preset "$preset" --tests
folder=build
case $preset in debug | asan) folder=build-$preset ;; esac
# Open MPI leaves memory behind at the end; leaks would be its.
[[ $preset == asan ]] && export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}
exec ctest --test-dir "$folder" --parallel "$(nproc)" --output-on-failure "$@"
