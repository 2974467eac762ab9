#!/usr/bin/env bash
# USearch fills up a batch's short lists with key 0, which is an item.
#
# Versions: usearch 2.26.6.
# Expected: keys that mean nothing (FAISS gives -1), or an error (hnswlib), where the index has fewer than k items; a single
#   query is answered with a shorter list.
# Seen: with the items 7 and 0 in the index and k = 4, a batch of two users gives the rows [7, 0, 0, 0] and [0, 7, 0, 0]. Only
#   the separate array counts says that two are valid.
# Why it matters: code that takes result.keys of a batch recommends item 0 again and again for categories or regions with few
#   items, and counts it as a hit where it is held out. Cut each row at counts, or reserve key 0.
source "$(dirname "$0")/common.sh"
fresh usearch==2.26.6 numpy==2.4.6

"$python" - <<'PYTHON' || changed "short lists of a batch are filled otherwise"
import sys
import numpy
from usearch.index import Index

index = Index(ndim=2, metric="ip", dtype="f32")
index.add(numpy.array([7, 0]), numpy.array([[1, 0.5], [0.5, 1]], "f4"))
users = numpy.eye(2, dtype="f4")
batch = index.search(users, 4, exact=True)
single = index.search(users[0], 4, exact=True)
print("batch:", batch.keys.tolist(), "distances", batch.distances.tolist(), "counts", batch.counts.tolist())
print("one user:", single.keys.tolist())
sys.exit(not (batch.keys.tolist() == [[7, 0, 0, 0], [0, 7, 0, 0]] and batch.counts.tolist() == [2, 2]
              and single.keys.tolist() == [7, 0]))
PYTHON
echo "unchanged: rows of a batch end in key 0"
