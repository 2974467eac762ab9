#!/usr/bin/env bash
# implicit's precision@K is neither hits / K nor a mean over users.
#
# Versions: implicit 0.7.3 (scipy 1.17.1), implicit.evaluation.ranking_metrics_at_k.
# Expected: precision@10 is the mean over users of (held-out items among the first 10) / 10.
# Seen: all hits of all users, divided by the sum over users of min(K, held-out items). With one held-out item per user it is
#   the hit rate, ten times the textbook's precision@10. Where one user has ten held-out items, all found, and two users have
#   one each, not found, it is 10 / 12 = 0.83 instead of 1/3. The same call's MAP and NDCG are means over users.
# Why it matters: the figure is not comparable with that of other libraries or papers, it rises when heavy users are served
#   well whatever happens to the others, and precision and NDCG of one call can order two models differently. With one
#   held-out item per user, call it HR@K.
source "$(dirname "$0")/common.sh"
fresh implicit==0.7.3 scipy==1.17.1 numpy==2.4.6

OPENBLAS_NUM_THREADS=1 "$python" - <<'PYTHON' || changed "precision@K is computed in another way"
import sys
import numpy, scipy.sparse
from implicit.cpu.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k

def metrics(held_out):  # of a model that ranks 30 items by their number, for all users
    model = AlternatingLeastSquares(factors=1)
    model.user_factors = numpy.ones((len(held_out), 1), "f4")
    model.item_factors = numpy.arange(30, 0, -1, dtype="f4").reshape(-1, 1)
    test = scipy.sparse.lil_matrix((len(held_out), 30))
    for user, items in enumerate(held_out):
        test[user, items] = 1
    result = ranking_metrics_at_k(model, scipy.sparse.csr_matrix(test.shape), test.tocsr(), K=10, show_progress=False)
    mean = numpy.mean([sum(item < 10 for item in items) / 10 for items in held_out])
    print(f"precision@10 {result['precision']:.4f}, mean of hits / 10 {mean:.4f}, map {result['map']:.4f}, "
          f"ndcg {result['ndcg']:.4f}")
    return result

one_each = metrics([[0], [3], [29]])
heavy = metrics([list(range(10)), [28], [29]])
sys.exit(not (abs(one_each["precision"] - 2 / 3) < 1e-9 and abs(heavy["precision"] - 10 / 12) < 1e-9
              and abs(heavy["ndcg"] - 1 / 3) < 1e-6))
PYTHON
echo "unchanged: precision@K is pooled and divided by min(K, held-out items)"
