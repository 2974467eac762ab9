#!/usr/bin/env python3
"""The best items for every user in PyTorch, from a checkpoint of neumf: what bench/peers/recommend.sh compares with.

Embeddings, concatenation, linear layers and torch.topk, as the model is written down. Users are scored some at a
time against the whole catalogue; --tune tries how many, and torch.compile, first. Prints one line of JSON.
"""
import argparse
import contextlib
import itertools
import json
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn


class NeuMF(nn.Module):
    """The model with the checkpoint's weights; the halves of the first layer are joined again."""

    def __init__(self, path):
        super().__init__()
        with h5py.File(path) as f:
            weights = {name: f["model"][name][:] for name in f["model"]}
            generation, parts = f.attrs["generation"], int(f.attrs["parts"])
            if isinstance(generation, bytes):
                generation = generation.decode()
        tables = {"user_gmf": [], "user_mlp": []}
        for part in range(parts):
            name = f"{Path(path).stem}.{generation}.part-{part:04}-of-{parts:04}.h5"
            with h5py.File(Path(path).parent / name) as f:
                for table, rows in tables.items():
                    rows.append(f["model"][table][:])
        weights |= {table: np.concatenate(rows) for table, rows in tables.items()}
        tensor = {name: torch.from_numpy(value) for name, value in weights.items()}
        for table in ("user_gmf", "item_gmf", "user_mlp", "item_mlp"):
            setattr(self, table, nn.Embedding.from_pretrained(tensor[table]))
        layers = [(torch.cat([tensor["pair_user"], tensor["pair_item"]], 1), tensor["pair_bias"])]
        for i in itertools.count(1):
            if f"hidden{i}_weight" not in tensor:
                break
            layers.append((tensor[f"hidden{i}_weight"], tensor[f"hidden{i}_bias"]))
        head = (torch.cat([tensor["head_gmf"], tensor["head_mlp"]], 1), tensor["head_bias"])
        self.mlp = nn.Sequential(*itertools.chain.from_iterable((linear(*layer), nn.ReLU()) for layer in layers))
        self.head = linear(*head)

    def forward(self, users, items):
        gmf = self.user_gmf(users) * self.item_gmf(items)
        mlp = self.mlp(torch.cat([self.user_mlp(users), self.item_mlp(items)], 1))
        return self.head(torch.cat([gmf, mlp], 1)).squeeze(1)


def linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias.reshape(-1))
    return layer


class Recommender:
    def __init__(self, model, topk, at_once, compiled, precision):
        self.model, self.topk, self.at_once = model, topk, at_once
        self.run = torch.compile(self.best) if compiled else self.best
        half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
        device = model.item_gmf.weight.device
        self.context = (lambda: torch.autocast(device.type, dtype=half)) if half else contextlib.nullcontext
        self.items = torch.arange(model.item_gmf.num_embeddings, device=device)

    def best(self, users):
        pairs = users.repeat_interleave(len(self.items)), self.items.repeat(len(users))
        return torch.topk(self.model(*pairs).float().view(len(users), -1), self.topk)

    def recommend(self, users, seconds=float("inf")):
        """Scores and items of users until the time is up, and how many users that were."""
        results, done, start = [], 0, time.perf_counter()
        with torch.inference_mode(), self.context():
            for block in users.split(self.at_once):
                scores, items = self.run(block)
                results.append((scores.cpu(), items.cpu()))
                done += len(block)
                if time.perf_counter() - start > seconds:
                    break
        return results, done, time.perf_counter() - start


def choose(model, users, options):
    """The fastest settings, and the users per second of all."""
    trials = {}
    precisions = [options.precision] if options.precision != "auto" else ["fp32", "bf16"]
    for precision, compiled, at_once in itertools.product(precisions, (False, True), (1, 4, 16, 64, 256)):
        recommender = Recommender(model, options.topk, at_once, compiled, precision)
        try:
            recommender.recommend(users[:2 * at_once])  # compiles
            _, done, seconds = recommender.recommend(users, options.tune)
        except Exception as error:  # pylint: disable=broad-except  # settings that this version cannot do
            print(f"{precision} {compiled} {at_once}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        finally:
            torch._dynamo.reset()
        trials[precision, compiled, at_once] = done / seconds
        print(f"precision {precision}, compile {compiled}, {at_once} users at once: {done / seconds:.0f} users/s",
              file=sys.stderr)
    return max(trials, key=trials.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("checkpoint")
    add("--topk", type=int, default=10)
    add("--device", default="cpu")
    add("--threads", type=int, default=0)
    add("--precision", choices=("fp32", "bf16", "fp16", "auto"), default="fp32", help="auto needs --tune")
    add("--users_at_once", type=int, default=16)
    add("--compile", action="store_true")
    add("--seconds", type=float, default=float("inf"), help="stop after so long; what was done by then counts")
    add("--tune", type=float, default=0, metavar="SECONDS", help="try settings for so long each")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    model = NeuMF(options.checkpoint).to(options.device).eval()
    users = torch.arange(model.user_gmf.num_embeddings, device=options.device)
    precision, compiled, at_once = options.precision, options.compile, options.users_at_once
    if options.tune:
        precision, compiled, at_once = choose(model, users, options)
    recommender = Recommender(model, options.topk, at_once, compiled, precision)
    recommender.recommend(users[:2 * at_once])
    _, done, seconds = recommender.recommend(users, options.seconds)
    print(json.dumps({"program": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads(),
                      "precision": precision, "compile": compiled, "users_at_once": at_once, "users": done,
                      "seconds": seconds, "users_per_second": done / seconds,
                      "scores_per_second": done * len(recommender.items) / seconds}))


if __name__ == "__main__":
    main()
