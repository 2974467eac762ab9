#!/usr/bin/env bash
# 256 plays of one item, collected in a scipy sparse matrix of int8 or uint8, are no play.
#
# Versions: scipy 1.17.1, numpy 2.4.6.
# Expected: repeated (user, item) pairs are added up, as scipy documents; NumPy's sum of 8-bit numbers is 64-bit.
# Seen: converting coo to csr adds in the type of the values: 256 ones are a stored 0, 200 ones of int8 are -56. scipy's sum()
#   of the coo matrix is the wrapped number too, while NumPy's sum of its values is right. A matrix of bool stays True.
# Why it matters: interactions are ones, and int8 looks wide enough for them. Play counts of heavy listeners vanish or turn
#   negative, without a warning, and -56 is a confidence that implicit's ALS takes as "dislikes". Give the ones a type that
#   holds the largest count, or make pairs unique first.
source "$(dirname "$0")/common.sh"
fresh scipy==1.17.1 numpy==2.4.6

"$python" - <<'PYTHON' || changed "8-bit counts no longer wrap"
import sys
import numpy, scipy.sparse

def counted(plays, kind):
    at = numpy.zeros(plays, "i4")
    pairs = scipy.sparse.coo_array((numpy.ones(plays, kind), (at, at)), shape=(1, 1))
    true = int(pairs.data.sum())
    stored = pairs.tocsr().data.tolist()
    print(f"{plays} plays as {kind}: NumPy's sum {true}, scipy's {pairs.sum()}, stored in csr {stored}")
    return true, stored[0]

seen = [counted(256, "u1"), counted(256, "i1"), counted(200, "i1"), counted(256, "i4")]
sys.exit(seen != [(256, 0), (256, 0), (200, -56), (256, 256)])
PYTHON
echo "unchanged: 8-bit play counts wrap"
