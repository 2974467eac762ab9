#!/usr/bin/env bash
# ir_measures ranks one run in two ways within one call: RR@10 can be 1 where RR is 0.08.
#
# Versions: ir_measures 0.4.3 with pytrec_eval-terrier 0.5.11.
# Expected: RR@10 is RR or 0, and a user whose item is first by RR has nDCG@10 = Success@1 = 1: all measures see one ranking.
# Seen: a model scores 12 items alike. Item "1" is held out: RR@10 = 1, RR = 1/12, nDCG@10 = Success@1 = 0. Item "9" is:
#   RR@10 = 0 and the others 1. RR@10 comes from a program that puts equal scores in ascending order of the item's name,
#   the others from trec_eval, where that order is descending. And trec_eval keeps scores as float32: 0.99999999 and
#   0.99999998 are equal for it, RR is 0.5, while RR@10 tells them apart.
# Why it matters: probabilities near 1 and scores that were rounded tie often; which of two models wins then depends on the
#   names of the items and on the measure, and MRR@10 and nDCG@10 of one table do not belong to one ranking. Pass ranks
#   (minus the position) as scores.
source "$(dirname "$0")/common.sh"
fresh ir_measures==0.4.3 pytrec_eval-terrier==0.5.11

"$python" - <<'PYTHON' || changed "the measures now see one ranking, or others"
import sys
import ir_measures
from ir_measures import RR, Success, nDCG

def measure(title, held_out, scores):
    asked = [RR @ 10, RR, nDCG @ 10, Success @ 1]
    values = ir_measures.calc_aggregate(asked, {"user": {held_out: 1}}, {"user": scores})
    print(f"{title}: " + ", ".join(f"{name} {values[name]:.4f}" for name in asked))
    return [round(values[name], 4) for name in asked]

constant = {str(item): 0.5 for item in range(1, 13)}
seen = [measure("constant model, item 1 held out", "1", constant), measure("constant model, item 9 held out", "9", constant),
        measure("probabilities 1e-8 apart", "1", {"1": 0.99999999, "2": 0.99999998}),
        measure("ranks as scores", "1", {"1": -1, "2": -2})]
sys.exit(seen != [[1, 0.0833, 0, 0], [0, 1, 1, 1], [1, 0.5, 0.6309, 0], [1, 1, 1, 1]])
PYTHON
echo "unchanged: RR@10 and RR of one call belong to different rankings"
