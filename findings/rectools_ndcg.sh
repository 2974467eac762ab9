#!/usr/bin/env bash
# RecTools' NDCG@10 of a perfect ranking is 0.22, and repeated interactions double it.
#
# Versions: rectools 0.19.0 (pandas 2.3.3, numpy 1.26.4).
# Expected: NDCG is 1 where every held-out item stands first, since DCG is divided by the best DCG that this user allows.
# Seen: it is divided by the DCG of ten held-out items, whatever the user has. With one held-out item, ranked first,
#   NDCG@10 = 1 / 4.5436 = 0.2201, while MAP and MRR are 1. If the held-out interaction is in the table twice, NDCG@10
#   is 0.4402 and precision@10 0.2: one item counts as two hits. With divide_by_achievable=True it is 1 and, repeated, 1.23.
# Why it matters: for leave-one-out evaluation, the usual one for NCF, the figure is 4.5 times smaller than that of other
#   libraries, and it grows with the number of held-out items, so users with many dominate. Pass
#   divide_by_achievable=True, and drop repeated (user, item) pairs first, or NDCG passes 1.
source "$(dirname "$0")/common.sh"
fresh rectools==0.19.0 pandas==2.3.3 numpy==1.26.4 scipy==1.17.1

OPENBLAS_NUM_THREADS=1 "$python" - <<'PYTHON' || changed "NDCG or precision is computed in another way"
import sys, warnings
warnings.filterwarnings("ignore")
import pandas
from rectools.metrics import MAP, MRR, NDCG, Precision

ranking = pandas.DataFrame({"user_id": 1, "item_id": range(1, 11), "rank": range(1, 11)})
once = pandas.DataFrame({"user_id": [1], "item_id": [1]})
twice = pandas.concat([once, once])
metrics = {"NDCG@10": NDCG(10), "precision@10": Precision(10), "MAP@10": MAP(10), "MRR@10": MRR(10),
           "NDCG@10, divide_by_achievable": NDCG(10, divide_by_achievable=True)}
seen = {name: (metric.calc(ranking, once), metric.calc(ranking, twice)) for name, metric in metrics.items()}
for name, values in seen.items():
    print(f"{name}: {values[0]:.4f}, interaction repeated: {values[1]:.4f}")
ndcg, precision = seen["NDCG@10"], seen["precision@10"]
sys.exit(not (abs(ndcg[0] - 0.2201) < 1e-3 and abs(ndcg[1] - 0.4402) < 1e-3 and abs(precision[1] - 0.2) < 1e-9
              and seen["NDCG@10, divide_by_achievable"][0] == 1))
PYTHON
echo "unchanged: a perfect ranking has NDCG@10 0.22"
