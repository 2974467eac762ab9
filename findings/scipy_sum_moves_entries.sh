#!/usr/bin/env bash
# Asking a scipy sparse matrix for its sum changes it: entries are sorted, and repeated ones merged, in place.
#
# Versions: scipy 1.17.1, numpy 2.4.6; coo and csr, array and matrix.
# Expected: sum(), max(), abs() and count_nonzero() read.
# Seen: a coo_array of four interactions in order of time, all different: after sum() its row, col and data are sorted by user
#   and item. With a repeated pair, five entries are four. tocsr(), toarray(), nnz, products and printing leave it alone.
# Why it matters: coordinates are used beside arrays that scipy knows nothing of: timestamps, a mask that holds out the last
#   item of each user, weights. One line that reports the sum or the density moves them against each other without an
#   error, and the "last" item of a user is another one. Keep row, col and data in arrays of your own, or work on a copy().
source "$(dirname "$0")/common.sh"
fresh scipy==1.17.1 numpy==2.4.6

"$python" - <<'PYTHON' || changed "sum() and the like now leave the entries alone"
import sys
import numpy, scipy.sparse

def entries(matrix):
    return list(zip(matrix.row.tolist(), matrix.col.tolist()))

def watched(pairs):
    users, items = numpy.array(pairs).T
    return scipy.sparse.coo_array((numpy.ones(len(pairs)), (users, items)), shape=(3, 5))

in_time = [(2, 1), (0, 4), (1, 3), (0, 2)]
moved, read = {}, {}
for name in ("sum", "max", "__abs__", "count_nonzero", "tocsr", "toarray"):
    matrix = watched(in_time)
    getattr(matrix, name)()
    (read if name.startswith("to") else moved)[name] = entries(matrix)
print("in order of time:", in_time)
for name, pairs in (moved | read).items():
    print(f"after {name}: {pairs}")
repeated = watched(in_time + [(2, 1)])
repeated.sum()
print("with a repeated pair, five entries are", len(repeated.data))
sys.exit(not (all(pairs == sorted(in_time) for pairs in moved.values()) and all(pairs == in_time for pairs in read.values())
              and len(repeated.data) == 4))
PYTHON
echo "unchanged: sum() sorts and merges the entries of the matrix"
