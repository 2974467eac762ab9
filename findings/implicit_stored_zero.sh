#!/usr/bin/env bash
# In implicit's ALS a stored zero differs from no entry, and what was seen with a value below 1 weighs less than what was not.
#
# Versions: implicit 0.7.3 (scipy 1.17.1), use_cg=False, one thread.
# Expected: with Hu, Koren and Volinsky's confidence 1 + alpha * r an entry of value 0 is the same as no entry, and any
#   positive value pulls the item's score towards 1 more strongly than no entry pulls it to 0.
# Seen: the value itself (times alpha) is the confidence, and what is not stored has confidence 1. Explicit zeros change all
#   scores: they take away the pull to 0. A matrix of ones gives positives no more weight than the rest, and at 0.01 the
#   items that users have score near 0, with 40 near 1.
# Why it matters: scipy keeps explicit zeros (a difference of matrices, a decayed or normalised count, rows set to 0 to hold
#   them out), and weights such as tf-idf, shares or recency lie below 1. Call eliminate_zeros(), and add 1 to weights that
#   are meant as alpha * r.
source "$(dirname "$0")/common.sh"
fresh implicit==0.7.3 scipy==1.17.1 numpy==2.4.6

export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
"$python" - <<'PYTHON' || changed "stored zeros or small values are treated in another way"
import sys
import numpy, scipy.sparse
from implicit.cpu.als import AlternatingLeastSquares

rng = numpy.random.default_rng(0)
dense = (rng.random((60, 20)) < 0.3).astype("f4")
users, items = numpy.nonzero(dense)

def scores(value, zeros=0):
    free = numpy.argwhere(dense == 0)[:zeros]
    rows, columns = numpy.r_[users, free[:, 0]], numpy.r_[items, free[:, 1]]
    values = numpy.r_[numpy.full(len(users), value, "f4"), numpy.zeros(len(free), "f4")]
    matrix = scipy.sparse.csr_matrix((values, (rows, columns)), shape=dense.shape)
    model = AlternatingLeastSquares(factors=4, regularization=0.1, iterations=15, random_state=1, use_cg=False, num_threads=1)
    model.fit(matrix, show_progress=False)
    return model.user_factors @ model.item_factors.T

plain, zeros = scores(1), scores(1, zeros=200)
difference = abs(plain - zeros).max()
print(f"200 stored zeros change a score by up to {difference:.3f}")
means = {value: scores(value)[users, items].mean() for value in (0.01, 1, 40)}
for value, mean in means.items():
    print(f"all values {value:g}: mean score of the items that users have {mean:.3f}")
sys.exit(not (difference > 0.02 and means[0.01] < means[1] < means[40]))
PYTHON
echo "unchanged: stored zeros count, and small values lower the scores of what users have"
