#!/usr/bin/env bash
# user * items + item, the usual key of a (user, item) pair, wraps in three libraries that chose the integer type themselves.
#
# Versions: pandas 3.1.1, scipy 1.17.1, polars 2.1.0, numpy 2.4.6.
# Expected: dense ids are 64-bit integers, or an overflow is an error.
# Seen:
#   - pandas: .cat.codes has the smallest type that holds the categories, int16 for 1,000 users, and a Python number does
#     not widen it. 1,000 users x 3,706 items: keys below zero, and 65,536 different ones instead of 3,706,000.
#   - scipy: coo_matrix turns 64-bit coordinates that it is given into int32. In MovieLens 20M's shape the key of the last
#     pair is negative. (coo_array keeps int64.)
#   - polars: UInt8 * 200 stays UInt8, 200 * 200 is 64. (A factor beyond 255 widens it.)
# Why it matters: the key tells sampled negatives from positives, removes repeated pairs and what was already seen; keys that
#   collide drop pairs or take free items for positives, without an error and only from a certain catalogue size on. Convert
#   ids to int64 before the product.
source "$(dirname "$0")/common.sh"
fresh pandas==3.1.1 scipy==1.17.1 polars==2.1.0 numpy==2.4.6

"$python" - <<'PYTHON' || changed "one of the keys no longer wraps"
import sys
import numpy, pandas, polars, scipy.sparse

users, items = 1000, 3706
codes = pandas.Series(numpy.arange(users)).astype("category").cat.codes
keys = numpy.concatenate([(codes * items + item).to_numpy() for item in range(items)])
distinct = len(numpy.unique(keys))
print(f"pandas: codes {codes.dtype}, keys {keys.dtype} from {keys.min()}, {distinct:,} different of {users * items:,}")

last_user, last_item = numpy.array([138492], "i8"), numpy.array([26743], "i8")
ratings = scipy.sparse.coo_matrix((numpy.ones(1), (last_user, last_item)), shape=(138493, 26744))
key = int((ratings.row * ratings.shape[1] + ratings.col)[0])
print(f"scipy: row {ratings.row.dtype}, key {key}, true {138492 * 26744 + 26743}")

small = polars.select(polars.Series([200], dtype=polars.UInt8) * 200).item()
print(f"polars: 200 * 200 = {small}")
sys.exit(not (distinct == 65536 and keys.min() < 0 and key == 138492 * 26744 + 26743 - 2**32 and small == 64))
PYTHON
echo "unchanged: pair keys wrap"
