#!/usr/bin/env python3
"""The steps of neumf-preprocess with pandas and NumPy, as the reference does them, for comparison.

  pandas_preprocess.py RATINGS.csv OUTPUT.h5    (columns user_id, item_id, timestamp)

Prints one line of JSON: rows, seconds by step and in total.
"""
import argparse
import json
import time

import h5py
import numpy as np
import pandas as pd


class Stopwatch:
    """Seconds by step."""

    def __init__(self):
        self.seconds, self.begin, self.last = {}, time.perf_counter(), time.perf_counter()

    def lap(self, step):
        now = time.perf_counter()
        self.seconds[step], self.last = now - self.last, now

    def total(self):
        return time.perf_counter() - self.begin


def draw_negatives(train, users, items, count, generator):
    """Test negatives that the user does not have in training, with replacement: redrawn until none is left."""
    known = np.sort(train["user_id"].to_numpy() * items + train["item_id"].to_numpy())
    negatives = generator.integers(items, size=(users, count))
    user = np.arange(users)[:, None]
    todo = np.ones(negatives.shape, dtype=bool)
    while todo.any():
        rows, columns = np.nonzero(todo)
        keys = user[rows, 0] * items + negatives[rows, columns]
        at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        bad = known[at] == keys
        todo[:] = False
        todo[rows[bad], columns[bad]] = True
        negatives[todo] = generator.integers(items, size=bad.sum())
    return negatives


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--min_ratings", type=int, default=20)
    parser.add_argument("--valid_negative", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    watch = Stopwatch()
    ratings = pd.read_csv(options.input, usecols=["user_id", "item_id", "timestamp"])
    rows = len(ratings)
    watch.lap("read")

    size = ratings.groupby("user_id")["user_id"].transform("size")
    ratings = ratings[size >= options.min_ratings]
    watch.lap("filter")

    ratings["user_id"], user_ids = pd.factorize(ratings["user_id"])
    ratings["item_id"], item_ids = pd.factorize(ratings["item_id"])
    watch.lap("ids")

    ratings = ratings.sort_values("timestamp", kind="stable")
    ratings = ratings.drop_duplicates(["user_id", "item_id"])
    watch.lap("sort and drop duplicates")

    latest = ~ratings.duplicated("user_id", keep="last")
    test = ratings[latest].sort_values("user_id")
    train = ratings[~latest].sort_values(["user_id", "item_id"])
    watch.lap("split")

    users, items = len(user_ids), len(item_ids)
    negatives = draw_negatives(train, users, items, options.valid_negative, np.random.default_rng(options.seed))
    watch.lap("negatives")

    small = np.min_scalar_type(max(items - 1, 0))
    with h5py.File(options.output, "w") as file:
        counts = np.bincount(train["user_id"], minlength=users)
        for name, values in (("train/counts", counts.astype(np.min_scalar_type(int(counts.max())))),
                             ("train/items", train["item_id"].to_numpy().astype(small)),
                             ("test/items", test["item_id"].to_numpy().astype(small)),
                             ("test/negatives", negatives.astype(small)),
                             ("ids/users", np.asarray(user_ids)), ("ids/items", np.asarray(item_ids))):
            file.create_dataset(name, data=values, chunks=True, fletcher32=True)
        file.attrs.update(users=users, items=items, positives=len(train))
    watch.lap("write")
    print(json.dumps({"program": f"pandas {pd.__version__}", "rows": rows, "users": users, "items": items,
                      "positives": len(train), "seconds": watch.total(), "steps": watch.seconds}))


if __name__ == "__main__":
    main()
