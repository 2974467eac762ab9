#!/usr/bin/env python3
"""Checks recommendations of neumf against a ranking of the whole catalogue computed with numpy.

    check_recommendations.py CHECKPOINT RECOMMENDATIONS.csv|.jsonl|.h5 [--topk K] [--seen DATASET]

Everything is computed in double precision from the checkpoint's weights, as README.md describes them. Scores may
differ by what single precision explains, and items whose scores are that close may change places.
"""
import argparse
import csv
import json
import sys
from pathlib import Path

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

TOLERANCE = 2e-5  # of logits of size 1


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


class Model:
    def __init__(self, path):
        path = Path(path)
        with h5py.File(path) as f:
            self.weights = {name: f["model"][name][:].astype(np.float64) for name in f["model"]}
            self.users = [text(user) for user in f["ids/users"][:]]
            self.items = [text(item) for item in f["ids/items"][:]]
            generation, parts = text(f.attrs["generation"]), int(f.attrs["parts"])
        rows = {"user_gmf": [], "user_mlp": []}
        for part in range(parts):
            with h5py.File(path.parent / f"{path.stem}.{generation}.part-{part:04}-of-{parts:04}.h5") as f:
                for table in rows:
                    rows[table].append(f["model"][table][:].astype(np.float64))
        self.weights |= {table: np.concatenate(parts) for table, parts in rows.items()}

    def scores(self, user):
        """Logits of all items for one user."""
        w = self.weights
        pairs = np.concatenate([np.broadcast_to(w["user_mlp"][user], w["item_mlp"].shape), w["item_mlp"]], 1)
        h = np.maximum(pairs @ np.concatenate([w["pair_user"], w["pair_item"]], 1).T + w["pair_bias"], 0)
        layer = 1
        while f"hidden{layer}_weight" in w:
            h = np.maximum(h @ w[f"hidden{layer}_weight"].T + w[f"hidden{layer}_bias"], 0)
            layer += 1
        gmf = w["user_gmf"][user] * w["item_gmf"]
        return gmf @ w["head_gmf"][0] + h @ w["head_mlp"][0] + w["head_bias"][0, 0]


def read_recommendations(path):
    """By user: [(item, score)], best first."""
    found = {}
    if path.endswith(".h5"):
        with h5py.File(path) as f:
            ids = [text(item) for item in f["catalogue/ids"][:]]
            rows = zip(f["users"][:], f["items"][:], f["scores"][:])
            for user, items, scores in rows:
                found[text(user)] = [(ids[i], float(s)) for i, s in zip(items, scores) if i != 0xFFFFFFFF]
    elif path.endswith(".jsonl"):
        with open(path, encoding="utf-8") as f:
            for line in map(json.loads, f):
                found[line["user"]] = [(entry["item"], entry["score"]) for entry in line["items"]]
    else:
        with open(path, newline="", encoding="utf-8") as f:
            for line in csv.DictReader(f):
                entries = found.setdefault(line["user_id"], [])
                assert int(line["rank"]) == len(entries) + 1, f"user {line['user_id']}: ranks are not 1, 2, 3, ..."
                entries.append((line["item_id"], float(line["score"])))
    return found


def read_seen(directory):
    with h5py.File(Path(directory) / "dataset.h5") as f:
        users, items = ([text(i) for i in f[f"ids/{kind}"][:]] for kind in ("users", "items"))
        begin = np.concatenate([[0], np.cumsum(f["train/counts"][:], dtype=np.int64)])
        train, held_out = f["train/items"][:], f["test/items"][:]
    return {user: {items[i] for i in train[begin[u]:begin[u + 1]]} | {items[held_out[u]]}
            for u, user in enumerate(users)}


def check(user, entries, scores, items, topk):
    """`scores`: by row of the catalogue; -inf where an item must not be recommended."""
    count = min(topk, int(np.isfinite(scores).sum()))
    assert len(entries) == count, f"user {user}: {len(entries)} items instead of {count}"
    tolerance = TOLERANCE * max(1.0, float(np.abs(scores[np.isfinite(scores)]).max()))
    row_of = {item: row for row, item in enumerate(items)}
    rows = [row_of[item] for item, _ in entries]
    assert len(set(rows)) == count, f"user {user}: an item is recommended twice"
    want = np.sort(scores)[::-1][:count]
    for place, (row, (item, score)) in enumerate(zip(rows, entries)):
        assert abs(score - scores[row]) <= tolerance, f"user {user}, item {item}: {score}, numpy says {scores[row]}"
        assert abs(scores[row] - want[place]) <= tolerance, \
            f"user {user}: item {item} in place {place + 1} has {scores[row]}, numpy's has {want[place]}"
    return rows == list(np.argsort(-scores, kind="stable")[:count])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("recommendations")
    parser.add_argument("--topk", type=int, default=10)
    parser.add_argument("--seen")
    options = parser.parse_args()
    model = Model(options.checkpoint)
    rows = {user: row for row, user in enumerate(model.users)}
    items = {item: row for row, item in enumerate(model.items)}
    seen = read_seen(options.seen) if options.seen else {}
    found = read_recommendations(options.recommendations)
    assert found, "no recommendations"
    identical = 0
    for user, entries in found.items():
        scores = model.scores(rows[user])
        scores[[items[item] for item in seen.get(user, ())]] = -np.inf
        identical += check(user, entries, scores, model.items, options.topk)
    print(f"{len(found)} users checked; {identical} in exactly numpy's order")
    assert identical > 0.9 * len(found), "more than rounding is different"


if __name__ == "__main__":
    main()
