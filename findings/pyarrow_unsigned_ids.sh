#!/usr/bin/env bash
# pyarrow reads 64-bit hash ids as floating point: different users become one.
#
# Versions: pyarrow 26.0.1; polars 2.1.0 and duckdb 2.0.1 to compare.
# Expected: ids from 2^63 to 2^64 - 1 become uint64, which Arrow has, or strings, as other values that are no int64.
# Seen: read_csv makes the whole column double as soon as one value passes 2^63 - 1, and so does read_json. Ids that lie less
#   than 2,048 apart become equal: three users are one. In JSON one such id also merges 2^53 and 2^53 + 1 elsewhere in the
#   column. polars and DuckDB choose a 128-bit integer and keep all.
# Why it matters: half of all unsigned 64-bit hashes are that large, so the column is double in practice. Ids that were hashed
#   at random seldom collide, but none equals its original any more: joins with other tables find nothing or the wrong
#   user, and consecutive ids (a shard number in the upper bits) collapse. Give column_types={"user": pyarrow.uint64()}.
source "$(dirname "$0")/common.sh"
fresh pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1

"$python" - <<'PYTHON' || changed "pyarrow, polars or DuckDB choose other types for large ids"
import sys
import duckdb, polars, pyarrow, pyarrow.csv, pyarrow.json

ids = [2**63 + 1, 2**63 + 2, 2**63 + 3]
with open("ids.csv", "w") as file:
    file.write("user,item\n" + "".join(f"{i},1\n" for i in ids))
with open("ids.json", "w") as file:
    file.writelines('{"user": %d}\n' % i for i in [2**53, 2**53 + 1] + ids)

seen = {
    "pyarrow, CSV": pyarrow.csv.read_csv("ids.csv")["user"],
    "pyarrow, JSON": pyarrow.json.read_json("ids.json")["user"],
    "pyarrow, CSV, uint64": pyarrow.csv.read_csv(
        "ids.csv", convert_options=pyarrow.csv.ConvertOptions(column_types={"user": pyarrow.uint64()}))["user"],
}
distinct = {}
for name, column in seen.items():
    distinct[name] = len(set(column.to_pylist()))
    print(f"{name}: {column.type}, {distinct[name]} of {len(column)} users")
frame = polars.read_csv("ids.csv")["user"]
table = duckdb.sql("select typeof(any_value(\"user\")), count(distinct \"user\") from read_csv('ids.csv')").fetchall()[0]
print(f"polars: {frame.dtype}, {frame.n_unique()}; DuckDB: {table[0]}, {table[1]}")
sys.exit(not (distinct == {"pyarrow, CSV": 1, "pyarrow, JSON": 2, "pyarrow, CSV, uint64": 3}
              and frame.n_unique() == 3 and table[1] == 3))
PYTHON
echo "unchanged: large ids become double"
