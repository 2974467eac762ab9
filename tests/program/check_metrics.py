"""check_metrics.py DIR: what `neumf test` wrote there against pytrec_eval or ranx, on the scores of `neumf recommend`.

For the catalogue and for the stored negatives: the means in test.json, and every user's values in users.csv and users.h5.
"""
import csv
import json
import sys
from pathlib import Path

import h5py
import numpy as np

KS = (10, 1, 3, 50)


def by_library(qrels, run):
    """{user: {name of neumf: value}}"""
    try:
        import pytrec_eval
    except ImportError:
        import ranx
        names = {}
        for k in KS:
            names |= {f"hr@{k}": f"hit_rate@{k}", f"precision@{k}": f"precision@{k}", f"recall@{k}": f"recall@{k}",
                      f"ndcg@{k}": f"ndcg@{k}", f"map@{k}": f"map@{k}"}
        names["mrr"] = "mrr"
        result = ranx.Run(run)
        ranx.evaluate(ranx.Qrels(qrels), result, sorted(set(names.values())), make_comparable=True)
        return {user: {ours: result.scores[theirs][user] for ours, theirs in names.items()} for user in qrels}
    cuts = ",".join(str(k) for k in sorted(KS))
    measures = {f"{name}.{cuts}" for name in ("success", "P", "recall", "ndcg_cut", "map_cut")} | {"recip_rank"}
    found = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    names = {"mrr": "recip_rank"}
    for k in KS:
        names |= {f"hr@{k}": f"success_{k}", f"precision@{k}": f"P_{k}", f"recall@{k}": f"recall_{k}",
                  f"ndcg@{k}": f"ndcg_cut_{k}", f"map@{k}": f"map_cut_{k}"}
    return {user: {ours: values[theirs] for ours, theirs in names.items()} for user, values in found.items()}


def lists(file, counts, items):
    ends = np.cumsum(file[counts][:], dtype=np.int64)
    return np.split(file[items][:], ends[:-1])


def main(folder):
    with h5py.File(folder / "data/dataset.h5") as data:
        train, valid, test = (lists(data, f"{part}/counts", f"{part}/items") for part in ("train", "valid", "test"))
        negatives = data["test/negatives"][:]
        user_ids = [name.decode() for name in data["ids/users"][:]]
    with h5py.File(folder / "scores.h5") as file:
        scores = np.empty(file["scores"].shape)
        np.put_along_axis(scores, file["items"][:].astype(np.int64), file["scores"][:], axis=1)
    assert any(len(items) > 1 for items in test), "no user has several held-out items"
    log = json.loads((folder / "test.json").read_text().splitlines()[-1])
    rows = {row["user_id"]: row for row in csv.DictReader((folder / "users.csv").open())}
    hdf5 = h5py.File(folder / "users.h5")
    order = [name.decode() for name in hdf5["users"][:]]
    compared = 0
    for prefix in ("", "full_"):
        qrels, run = {}, {}
        for u, name in enumerate(user_ids):
            if len(test[u]) == 0:
                continue
            if prefix:
                candidates = set(range(scores.shape[1])) - set(train[u].tolist()) - set(valid[u].tolist())
            else:
                candidates = set(negatives[u].tolist()) | set(test[u].tolist())
            qrels[name] = {str(item): 1 for item in test[u]}
            run[name] = {str(item): float(scores[u, item]) for item in candidates}
        expected = by_library(qrels, run)
        assert sorted(expected) == sorted(order) == sorted(rows), "other users"
        for metric in next(iter(expected.values())):
            values = [expected[name][metric] for name in order]
            np.testing.assert_allclose(hdf5[f"metrics/{prefix}{metric}"][:], values, atol=1e-7, err_msg=metric)
            np.testing.assert_allclose([float(rows[name][prefix + metric]) for name in order], values, atol=1e-7)
            np.testing.assert_allclose(log[prefix + metric], np.mean(values), atol=1e-7, err_msg=prefix + metric)
            compared += 1
        for i, name in enumerate(order):
            u = user_ids.index(name)
            offsets = hdf5[f"{prefix}ranks/offsets"]
            ranks = hdf5[f"{prefix}ranks/ranks"][offsets[i]:offsets[i + 1]]
            ranked = sorted(run[name].values(), reverse=True)
            places = sorted(1 + ranked.index(run[name][str(item)]) for item in test[u])
            assert ranks.tolist() == places == [int(r) for r in rows[name][f"{prefix}ranks"].split()], name
    print(f"{compared} metrics of {len(order)} users agree")


main(Path(sys.argv[1]))
