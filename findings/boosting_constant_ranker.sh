#!/usr/bin/env bash
# LightGBM and XGBoost give a model that scores all items alike NDCG 1.0, if the file lists positives first.
#
# Versions: lightgbm 4.7.0, xgboost 3.2.0.
# Expected: a constant model is worth what a random order is: of 10 items with one positive NDCG@1 = 0.1, as their AUC for
#   the same scores is 0.5.
# Seen: items with equal scores keep the order of the file. Positive first: NDCG@1 = NDCG@3 = MAP@1 = 1. Positive last:
#   NDCG@1 = 0. In one call, on the same scores, AUC is 0.5.
# Why it matters: sampled negatives are usually appended to their positive, for NCF too. Early stopping and "best iteration"
#   then prefer the model that separates least (the first trees, a strong regularisation, a dead feature), and the reported
#   NDCG is that of the file. Shuffle the rows of each group before building the data set, or put positives last.
source "$(dirname "$0")/common.sh"
fresh lightgbm==4.7.0 xgboost==3.2.0 numpy==2.4.6

"$python" - <<'PYTHON' || changed "equal scores are ranked in another way"
import sys
import lightgbm, numpy, xgboost

def evaluate(positive):
    labels, features = numpy.zeros(200), numpy.ones((200, 1))
    labels[positive::10] = 1
    groups = [10] * 20
    data, seen = lightgbm.Dataset(features, labels, group=groups), {}
    lightgbm.train({"objective": "lambdarank", "metric": ["ndcg", "auc"], "eval_at": [1, 3], "verbose": -1, "num_threads": 1},
                   data, 1, valid_sets=[data], valid_names=["v"], callbacks=[lightgbm.record_evaluation(seen)])
    light = {name: values[-1] for name, values in seen["v"].items()}
    data, seen = xgboost.DMatrix(features, labels), {}
    data.set_group(groups)
    xgboost.train({"objective": "rank:ndcg", "eval_metric": ["ndcg@1", "ndcg@3", "auc"], "nthread": 1}, data, 1,
                  evals=[(data, "v")], evals_result=seen, verbose_eval=False)
    gradient = {name: values[-1] for name, values in seen["v"].items()}
    print(f"positive at place {positive + 1} of 10: LightGBM {light}, XGBoost {gradient}")
    return light, gradient

first, last = evaluate(0), evaluate(9)
sys.exit(not all(f["ndcg@1"] == 1 and l["ndcg@1"] == 0 and f["auc"] == l["auc"] == 0.5 for f, l in zip(first, last)))
PYTHON
echo "unchanged: a constant model has the NDCG of the file's order"
