#!/usr/bin/env python3
"""implicit's ALS, or EASE in numpy, on a data set of neumf-preprocess: its time and how it ranks the held-out items.

    factorisation_peers.py als|ease DATA_DIR [--threads N] [--seed N] [--factors N] [--alpha X] [--regularization X]
                           [--iterations N]

Prints a JSON object: seconds to fit (reading, scoring and ranking left out), HR@10 and NDCG@10 of the test items in the
whole catalogue but what the user has in training, ties against the test item.
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("method", choices=["als", "ease"])
parser.add_argument("data")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--factors", type=int, default=64)
parser.add_argument("--alpha", type=float, default=1.0)
parser.add_argument("--regularization", type=float)  # default: 0.01 of ALS, 500 of EASE
parser.add_argument("--iterations", type=int, default=15)
arguments = parser.parse_args()
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # before numpy is loaded
    os.environ[name] = "1" if arguments.method == "als" else str(arguments.threads)

import h5py
import numpy as np
import scipy.sparse as sp


def read(directory):
    with h5py.File(os.path.join(directory, "dataset.h5")) as f:
        counts, items, held_out = f["train/counts"][:], f["train/items"][:], f["test/items"][:]
        if f.attrs["format_version"] != 1:
            raise SystemExit("the data set must have one test item of each user and no validation")
        shape = (len(counts), int(f.attrs["items"]))
    begin = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return sp.csr_matrix((np.ones(len(items), np.float32), items.astype(np.int32), begin), shape=shape), held_out


def fit_als(users):
    """X and Y of scores X Y^T. implicit's threads are its own; those of BLAS would be in their way."""
    from implicit.cpu.als import AlternatingLeastSquares

    regularization = 0.01 if arguments.regularization is None else arguments.regularization
    model = AlternatingLeastSquares(factors=arguments.factors, alpha=arguments.alpha, regularization=regularization,
                                    iterations=arguments.iterations, num_threads=arguments.threads,
                                    random_state=arguments.seed)
    begin = time.perf_counter()
    model.fit(users, show_progress=False)
    return time.perf_counter() - begin, model.user_factors, model.item_factors.T


def fit_ease(users):
    """X and B of scores X B."""
    regularization = 500.0 if arguments.regularization is None else arguments.regularization
    begin = time.perf_counter()
    gram = (users.T @ users).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    weights = np.linalg.inv(gram)
    weights /= -np.diag(weights)
    weights[np.diag_indices_from(weights)] = 0
    return time.perf_counter() - begin, users, weights.astype(np.float32)


users, held_out = read(arguments.data)
seconds, left, right = (fit_als if arguments.method == "als" else fit_ease)(users)
hits, gain = 0, 0.0
for first in range(0, users.shape[0], 512):
    rows = slice(first, min(first + 512, users.shape[0]))
    scores = np.asarray(left[rows] @ right)
    own = scores[np.arange(scores.shape[0]), held_out[rows]][:, None]
    above = scores >= own
    above[users[rows].nonzero()] = False
    ranks = above.sum(axis=1) - 1  # the test item is not above itself
    hits += int((ranks < 10).sum())
    gain += float((np.log(2) / np.log(ranks[ranks < 10] + 2)).sum())
print(json.dumps({"method": arguments.method, "threads": arguments.threads, "seed": arguments.seed, "seconds": seconds,
                  "full_hr@10": hits / users.shape[0], "full_ndcg@10": gain / users.shape[0]}))
