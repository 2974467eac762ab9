#!/usr/bin/env bash
# pandas.read_json turns ids that JSON says are strings into numbers: "007" and "7" become one user.
#
# Versions: pandas 3.1.1.
# Expected: a JSON string stays a string, that is what the quotes are for; polars, DuckDB and pyarrow keep it.
# Seen: users "007" and "7" are both the integer 7, item codes "1e5" and "100000" the number 100000.0, and where one user is
#   null, "9007199254740993" is 9007199254740992.0, another user. Strings inside lists stay as they are, so ids of the same
#   file no longer match each other.
# Why it matters: recommendations as JSON lines ({"user": "007", "items": [{"item": "0050"}]}) lose users when they are
#   merged on ids. Pass dtype=False (or dtype={"user": str}), and compare the number of distinct ids.
source "$(dirname "$0")/common.sh"
fresh pandas==3.1.1

cat >top.jsonl <<'LINES'
{"user": "007", "code": "1e5", "items": [{"item": "0050"}]}
{"user": "7", "code": "100000", "items": [{"item": "50"}]}
LINES
cat >null.jsonl <<'LINES'
{"user": "9007199254740993"}
{"user": null}
LINES
"$python" - <<'PYTHON' || changed "read_json now keeps strings, or also converts those in lists"
import sys
import pandas

top = pandas.read_json("top.jsonl", lines=True)
print(top)
large = pandas.read_json("null.jsonl", lines=True).user[0]
kept = pandas.read_json("top.jsonl", lines=True, dtype=False)
print(f"with a null: {large!r}; with dtype=False: {kept.user.tolist()} {kept.code.tolist()}")
sys.exit(not (top.user.tolist() == [7, 7] and top.code.nunique() == 1 and top["items"][0] == [{"item": "0050"}]
              and large == 9007199254740992 and kept.user.tolist() == ["007", "7"]))
PYTHON
echo "unchanged: strings of digits become numbers"
