#!/usr/bin/env python3
"""Writes a preprocessed data set as the ratings file that it might have come from: write_ratings.py DIR OUT.csv

Rows are in random order; each user's held-out item has the latest time.
"""
import sys

import h5py
import numpy as np
import pandas as pd


def main():
    directory, output = sys.argv[1:]
    with h5py.File(f"{directory}/dataset.h5") as file:
        counts = file["train/counts"][:].astype(np.int64)
        train, test = file["train/items"][:].astype(np.int64), file["test/items"][:].astype(np.int64)
    generator = np.random.default_rng(1)
    users = np.concatenate((np.repeat(np.arange(len(counts)), counts), np.arange(len(counts))))
    items = np.concatenate((train, test))
    times = 1_000_000_000 + generator.integers(100_000_000, size=len(items))
    times[len(train):] = 1_100_000_000
    ratings = pd.DataFrame({"user_id": users + 1, "item_id": items + 1, "timestamp": times})
    ratings.sample(frac=1, random_state=1).to_csv(output, index=False)


if __name__ == "__main__":
    main()
