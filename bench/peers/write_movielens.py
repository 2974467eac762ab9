#!/usr/bin/env python3
"""Writes a preprocessed data set as a file of MovieLens' form: write_movielens.py DIR OUT.csv [--dates]

Users in order, each one's movies in order, ids with gaps, half stars. A user's held-out item has the latest time.
Columns userId,movieId,rating,timestamp; the time is in seconds or, with --dates, text such as 2009-03-14 15:09:26.
"""
import argparse

import h5py
import numpy as np
import polars as pl


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("output")
    parser.add_argument("--dates", action="store_true")
    options = parser.parse_args()

    with h5py.File(f"{options.directory}/dataset.h5") as file:
        counts = file["train/counts"][:].astype(np.int64)
        train, test = file["train/items"][:].astype(np.int64), file["test/items"][:].astype(np.int64)
        items = int(file.attrs["items"])
    generator = np.random.default_rng(1)
    users = np.concatenate((np.repeat(np.arange(len(counts)), counts), np.arange(len(counts))))
    movies = np.sort(generator.choice(5 * items, size=items, replace=False))
    times = 800_000_000 + generator.integers(600_000_000, size=len(users))
    times[len(train):] = 1_400_000_000 + generator.integers(1_000_000, size=len(test))
    table = pl.DataFrame({"userId": users + 1, "movieId": movies[np.concatenate((train, test))] + 1,
                          "rating": generator.integers(1, 11, size=len(users)) / 2, "timestamp": times})
    table = table.sort("userId", "movieId")
    if options.dates:
        table = table.with_columns(pl.from_epoch("timestamp").dt.strftime("%Y-%m-%d %H:%M:%S"))
    table.write_csv(options.output, float_precision=1)


if __name__ == "__main__":
    main()
