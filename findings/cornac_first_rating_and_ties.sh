#!/usr/bin/env bash
# Cornac keeps the first of a user's ratings of an item, and its AUC gives a constant model 0.
#
# Versions: cornac 3.0.1.
# Expected: the last rating counts (it is the user's present opinion), or all do; AUC counts a tie as half, so a model that
#   scores all items alike has 0.5, as scikit-learn's does.
# Seen: a user rates an item 1 and later 5: the data set holds 1. The AUC of equal scores is 0; of scores rounded to one
#   digit it is lower than that of the same scores in full, however fair the rounding.
# Why it matters: MovieLens has one rating per pair, logs do not: sort by time, newest first, before Dataset.from_uir. And a
#   model with few distinct scores (popularity, trees, quantised vectors) compares badly by Cornac's AUC with one that has
#   many, though it ranks as well; break ties at random before.
source "$(dirname "$0")/common.sh"
fresh cornac==3.0.1 scipy==1.17.1 numpy==2.4.6

"$python" -W ignore - <<'PYTHON' || changed "Cornac keeps another rating, or counts ties in the AUC otherwise"
import sys
import numpy
from cornac.data import Dataset
from cornac.metrics import AUC

kept = Dataset.from_uir([("ann", "film", 1.0), ("ann", "book", 3.0), ("ann", "film", 5.0)]).matrix.toarray().tolist()
print("ratings film, book:", kept)

def auc(scores):
    return float(AUC().compute(item_indices=numpy.arange(len(scores)), pd_scores=scores, gt_pos=numpy.array([0])))

scores = numpy.random.default_rng(0).random(1001)
scores[0] = 0.5
values = {"constant": auc(numpy.zeros(1001)), "in full": auc(scores), "rounded": auc(scores.round(1))}
print("AUC:", values)
sys.exit(not (kept == [[1.0, 3.0]] and values["constant"] == 0 and values["rounded"] < values["in full"] - 0.03))
PYTHON
echo "unchanged: the first rating stays, and ties count as wrong"
