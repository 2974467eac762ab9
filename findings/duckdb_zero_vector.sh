#!/usr/bin/env bash
# In DuckDB an item whose vector is zero is everybody's most similar item.
#
# Versions: duckdb 2.0.1.
# Expected: the cosine with a zero vector is 0 or NULL, and ORDER BY similarity DESC LIMIT k, or arg_max, leave such an item
#   out; FAISS, USearch, Voyager and hnswlib treat its similarity as 0.
# Seen: array_cosine_similarity gives NaN, and NaN is the greatest number in DuckDB: the zero vector comes first in the order
#   by similarity and is arg_max's answer. In the order by array_cosine_distance, which is 1 minus that, it comes last.
# Why it matters: items without interactions have zero factors in ALS, and padding rows are zero. Such an item tops every
#   user's list, and changing similarity DESC to distance ASC, the same thing on paper, changes the answer. Filter with
#   NOT isnan(...), or order by distance.
source "$(dirname "$0")/common.sh"
fresh duckdb==2.0.1

"$python" - <<'PYTHON' || changed "a zero vector is ranked otherwise"
import sys
import duckdb

duckdb.sql("""create table items as select * from (values ('near', [1, 2]::FLOAT[2]), ('far', [2, 1]::FLOAT[2]),
              ('untrained', [0, 0]::FLOAT[2])) t(item, v)""")
cosine = lambda kind: f"array_cosine_{kind}(v, [1, 2]::FLOAT[2])"
by_similarity = duckdb.sql(f"select item, {cosine('similarity')} s from items order by s desc").fetchall()
by_distance = duckdb.sql(f"select item, {cosine('distance')} d from items order by d").fetchall()
best = duckdb.sql(f"select arg_max(item, {cosine('similarity')}) from items").fetchall()[0][0]
print("similarity, descending:", by_similarity)
print("distance, ascending:", by_distance)
print("arg_max:", best)
sys.exit(not (by_similarity[0][0] == by_distance[-1][0] == best == "untrained"))
PYTHON
echo "unchanged: the zero vector is first by similarity and last by distance"
