#!/usr/bin/env bash
# A program that was compiled for what this processor lacks says so and ends, and does not die of a signal.
#
#   foreign_processor.sh PROGRAM
source "$(dirname "$0")/../checks.sh"
status=0
"$1" >"$work/output" 2>&1 || status=$?
((status == 1)) || fail "status $status: $(<"$work/output")"
[[ $(wc -l <"$work/output") == 1 ]] || fail "more than one line: $(<"$work/output")"
pattern='^foreign_processor: error: compiled for processors with .*fma4.*, which this one \(.*, x86-64-v[1-4]\) lacks: build neumf with -DNEUMF_ARCH='
grep -E "$pattern" "$work/output" >/dev/null || fail "$(<"$work/output")"
finish
