#!/usr/bin/env bash
# USearch with 8-bit integers and the inner product ranks by the cosine: the length of an item's vector is thrown away.
#
# Versions: usearch 2.26.6.
# Expected: dtype="i8" rounds and perhaps clips values; the order by inner product is kept where vectors differ clearly, as it
#   is with f32, f16, bf16, e5m2 and e4m3.
# Seen: items (0.1, 0, 0), (0.5, 0, 0) and (3, 0, 0) for the user (1, 0, 0). All types but i8 rank 3, 0.5, 0.1. With i8 the
#   first two are equal and the largest is last: each vector is scaled to length 127 when it is added, by a factor of its own.
# Why it matters: in matrix factorisation the length of an item's vector carries its popularity. An index of a quarter of the
#   size recommends popular and unpopular items alike, and nothing says so; recall against the exact ranking is the only
#   sign. Scale all items by one factor and round to int8 yourself: integer vectors are taken as they are.
source "$(dirname "$0")/common.sh"
fresh usearch==2.26.6 numpy==2.4.6

"$python" - <<'PYTHON' || changed "i8 now ranks by inner product, or another type no longer does"
import sys
import numpy
from usearch.index import Index

items = numpy.array([[0.1, 0, 0], [0.5, 0, 0], [3, 0, 0]], "f4")
user = numpy.array([1, 0, 0], "f4")
orders = {}
for kind in ("f32", "f16", "bf16", "e5m2", "e4m3", "i8"):
    index = Index(ndim=3, metric="ip", dtype=kind)
    index.add(numpy.arange(3), items)
    found = index.search(user, 3, exact=True)
    orders[kind] = found.keys.tolist()
    print(f"{kind:4}: items {orders[kind]}, distances {found.distances.tolist()}")

own = Index(ndim=3, metric="ip", dtype="i8")
own.add(numpy.arange(3), numpy.rint(items * (127 / 3)).astype("i1"))
scaled = own.search(numpy.array([127, 0, 0], "i1"), 3, exact=True).keys.tolist()
print(f"int8 scaled by one factor beforehand: items {scaled}")
others = [order for kind, order in orders.items() if kind != "i8"]
sys.exit(not (orders["i8"][-1] == 2 and all(order == [2, 1, 0] for order in others) and scaled == [2, 1, 0]))
PYTHON
echo "unchanged: i8 loses the length of vectors"
