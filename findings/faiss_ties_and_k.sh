#!/usr/bin/env bash
# Of items with equal scores, an exact FAISS index returns others when more neighbours are asked for.
#
# Versions: faiss-cpu 1.15.1, IndexFlatIP, one thread.
# Expected: an exact index has one ranking, and the first 10 of k = 99 are those of k = 10.
# Seen: of 300 items, 200 share the best score. k = 10 returns items 9, 8, ... 0: the lowest ids, highest first. The first 10
#   of k = 99 are items 98, 97, ... 89: none of them is the same. k decides which items are kept, and the order is reversed.
# Why it matters: servers ask for more than they show, to drop what a user has seen; with scores that tie (8-bit or binary
#   vectors, copies of an item, items that were never trained) the shown items then depend on how many were asked for, and
#   agree neither with NumPy's stable sort nor with a system that ranks the first of equal items first. Order by
#   (-score, id) after asking for enough to cover the tie.
source "$(dirname "$0")/common.sh"
fresh faiss-cpu==1.15.1 numpy==2.4.6

OMP_NUM_THREADS=1 "$python" - <<'PYTHON' || changed "the first items no longer depend on k"
import sys
import faiss, numpy

items = numpy.zeros((300, 4), "f4")
items[:200, 0] = 1
user = numpy.array([[1, 0, 0, 0]], "f4")
index = faiss.IndexFlatIP(4)
index.add(items)
first = {}
for k in (10, 99, 150, 300):
    scores, ids = index.search(user, k)
    first[k] = ids[0, :10].tolist()
    print(f"k = {k}: scores {scores[0, 0]:g} to {scores[0, 9]:g}, items {first[k]}")
sys.exit(not (sorted(first[10]) == list(range(10)) and not set(first[10]) & set(first[99])))
PYTHON
echo "unchanged: the first ten of equal items depend on k"
