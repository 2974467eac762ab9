#!/usr/bin/env bash
# The codes of a polars Categorical are not the dense ids 0 .. n-1 of its column.
#
# Versions: polars 2.1.0.
# Expected: cast(Categorical).to_physical() numbers the values of a column from 0, as pandas' category codes do.
# Seen: the three items of a catalogue get the codes 2, 3 and 4 while the process holds a categorical column of two users, and
#   0, 1 and 2 otherwise: codes are shared by all categorical columns of the process.
# Why it matters: to_physical() looks like the way to dense ids for an embedding table. With len(unique) rows the last ids
#   are out of range (an error on a CPU, an assertion or worse on a GPU), the same file gives other ids in another script,
#   so a model that was saved no longer fits its ids, and a user and an item of the same name share a code. Number them with
#   rank("dense") - 1, a join with an index, or a Categories object of the column's own.
source "$(dirname "$0")/common.sh"
fresh polars==2.1.0

cat >codes.py <<'PYTHON'
import sys
import polars

def categorical(values):
    return polars.Series(values).cast(polars.Categorical)

users = categorical(["ann", "bob"]) if "users" in sys.argv else None
print(*categorical(["alien", "brazil", "casino"]).to_physical())
del users
PYTHON
alone=$("$python" codes.py)
after=$("$python" codes.py users)
echo "codes of three items: $alone; beside a column of two users: $after"
[[ $alone == "0 1 2" && $after == "2 3 4" ]] || changed "codes of a Categorical start elsewhere"
echo "unchanged: codes depend on what else the process holds"
