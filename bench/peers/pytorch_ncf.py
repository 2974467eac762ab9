#!/usr/bin/env python3
"""The same model, data, sampling and optimizer in PyTorch, for comparison.

Reads a data set of neumf-preprocess (or, without h5py, makes random data of a given shape), trains, evaluates as
neumf does, and prints one line of JSON: samples/s by the median step, the epochs' losses, HR@K.

What makes PyTorch faster is used where the device has it: fused Adam, torch.compile, autocast (bf16 on a CPU, fp16
with a GradScaler on a GPU), TF32. `--tune` tries the combinations for a few steps and keeps the fastest.
"""
import argparse
import contextlib
import itertools
import json
import math
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn


class NeuMF(nn.Module):
    """He et al., "Neural Collaborative Filtering", WWW 2017; initial values as in neumf."""

    def __init__(self, users, items, factors, layers, dropout):
        super().__init__()
        self.user_gmf = nn.Embedding(users, factors)
        self.item_gmf = nn.Embedding(items, factors)
        self.user_mlp = nn.Embedding(users, layers[0] // 2)
        self.item_mlp = nn.Embedding(items, layers[0] // 2)
        mlp = []
        for inputs, outputs in zip(layers, layers[1:]):
            linear = nn.Linear(inputs, outputs)
            nn.init.xavier_uniform_(linear.weight)
            mlp += [linear, nn.ReLU(inplace=True)]
            if dropout > 0:
                mlp.append(nn.Dropout(dropout))
        self.mlp = nn.Sequential(*mlp)
        self.head = nn.Linear(factors + layers[-1], 1)
        limit = math.sqrt(3 / self.head.in_features)
        nn.init.uniform_(self.head.weight, -limit, limit)
        for table in (self.user_gmf, self.item_gmf, self.user_mlp, self.item_mlp):
            nn.init.normal_(table.weight, std=0.01)

    def forward(self, users, items):
        gmf = self.user_gmf(users) * self.item_gmf(items)
        mlp = self.mlp(torch.cat((self.user_mlp(users), self.item_mlp(items)), dim=1))
        return self.head(torch.cat((gmf, mlp), dim=1)).squeeze(1)


class Data:
    """Training positives and test cases on the device."""

    def __init__(self, counts, items, test_items, test_negatives, item_count, device):
        counts = torch.as_tensor(counts.astype(np.int64))
        self.users = torch.repeat_interleave(torch.arange(len(counts)), counts).to(device)
        self.items = torch.as_tensor(items.astype(np.int64), device=device)
        test = np.concatenate((test_items[:, None], test_negatives), axis=1)
        self.test = torch.as_tensor(test.astype(np.int64), device=device)
        self.user_count, self.item_count = len(counts), item_count

    @staticmethod
    def read(directory, device):
        import h5py

        with h5py.File(f"{directory}/dataset.h5") as file:
            return Data(file["train/counts"][:], file["train/items"][:], file["test/items"][:],
                        file["test/negatives"][:], int(file.attrs["items"]), device)

    @staticmethod
    def random(shape, device):
        users, items, positives = shape
        generator = np.random.default_rng(1)
        counts = np.full(users, positives // users)
        return Data(counts, generator.integers(items, size=counts.sum()), generator.integers(items, size=users),
                    generator.integers(items, size=(users, 1)), items, device)


class Sampler:
    """Batches of an epoch; negatives are drawn on the device as they are used."""

    def __init__(self, data, batch_size, negatives, sampling):
        self.data, self.negatives, self.sampling = data, negatives, sampling
        self.per_positive = 1 + negatives
        self.group = self.per_positive if sampling == "grouped" else 1
        self.groups = batch_size // self.group
        self.device = data.users.device

    def epoch(self):
        """Yields (users, items, labels); the last batch may be smaller."""
        total = len(self.data.items) * (1 if self.group > 1 else self.per_positive)
        order = torch.randperm(total, device=self.device)
        for first in range(0, total, self.groups):
            yield self.batch(order[first:first + self.groups])

    def batch(self, drawn):
        if self.group > 1:
            users = self.data.users[drawn].repeat_interleave(self.group)
            items = torch.randint(self.data.item_count, (len(drawn), self.group), device=self.device)
            items[:, 0] = self.data.items[drawn]
            labels = torch.zeros(items.shape, device=self.device)
            labels[:, 0] = 1
            return users, items.view(-1), labels.view(-1)
        positive = drawn // self.per_positive
        labels = drawn % self.per_positive == 0
        negatives = torch.randint(self.data.item_count, drawn.shape, device=self.device)
        return self.data.users[positive], torch.where(labels, self.data.items[positive], negatives), labels.float()


def evaluate(model, data, topk, context):
    """HR and NDCG at K; repeated negatives are ignored, ties count against the held-out item."""
    model.eval()
    hits = gain = 0.0
    width = data.test.shape[1]
    with torch.inference_mode(), context():
        for first in range(0, data.user_count, 8192):
            items = data.test[first:first + 8192]
            users = torch.arange(first, first + len(items), device=items.device).repeat_interleave(width)
            scores = model(users, items.reshape(-1)).float().view(-1, width)
            ordered, at = torch.sort(items, dim=1, stable=True)  # the held-out item comes before its copies
            repeated = torch.zeros_like(ordered, dtype=torch.bool)
            repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
            ignored = torch.zeros_like(repeated).scatter(1, at, repeated)
            rank = ((scores[:, 1:] >= scores[:, :1]) & ~ignored[:, 1:]).sum(1).double()
            hit = rank < topk
            hits += hit.sum().item()
            gain += (math.log(2) / torch.log(rank[hit] + 2)).sum().item()
    model.train()
    return hits / data.user_count, gain / data.user_count


class Trainer:
    """One model under one combination of settings."""

    def __init__(self, data, options, precision, compiled, micro_batch):
        torch.manual_seed(options.seed)
        self.device = torch.device(options.device)
        self.settings = {"precision": precision, "compile": compiled, "micro_batch": micro_batch}
        self.micro_batch = micro_batch
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        self.model = NeuMF(data.user_count, data.item_count, options.factors, options.layers,
                           options.dropout).to(self.device)
        self.forward = torch.compile(self.loss) if compiled else self.loss
        self.criterion = nn.BCEWithLogitsLoss(reduction="sum")
        adam = dict(lr=options.learning_rate, betas=(options.beta1, options.beta2), eps=options.eps)
        try:
            self.optimizer = torch.optim.Adam(self.model.parameters(), fused=True, **adam)
        except RuntimeError:  # this version has no fused Adam for this device
            self.optimizer = torch.optim.Adam(self.model.parameters(), foreach=True, **adam)
        half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
        self.context = (lambda: torch.autocast(self.device.type, dtype=half)) if half else contextlib.nullcontext
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")

    def loss(self, users, items, labels):
        return self.criterion(self.model(users, items).float(), labels)

    def step(self, users, items, labels):
        """One update; returns the summed loss, on the device."""
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        size = self.micro_batch or len(users)
        for first in range(0, len(users), size):
            part = slice(first, first + size)
            with self.context():
                loss = self.forward(users[part], items[part], labels[part])
            self.scaler.scale(loss / len(users)).backward()
            total += loss.detach()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return total

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def timed_steps(self, sampler, steps, seconds=math.inf):
        """Seconds of each of some full steps, drawing the samples included."""
        times, begin = [], time.perf_counter()
        while len(times) < steps:
            batches, start = sampler.epoch(), time.perf_counter()
            for batch in batches:
                if len(batch[0]) < sampler.groups * sampler.group and len(times) > 0:
                    break
                self.step(*batch)
                self.synchronize()
                times.append(time.perf_counter() - start)
                if len(times) >= steps or time.perf_counter() - begin > seconds:
                    return times
                start = time.perf_counter()
        return times


def candidates(options):
    """Combinations to try, or the one that was asked for."""
    gpu = options.device.startswith("cuda")
    if not options.tune:
        return [(options.precision, options.compile, options.micro_batch)]
    precisions = [options.precision] if options.precision != "auto" else ["tf32", "fp16"] if gpu else ["fp32", "bf16"]
    # On a CPU micro-batches may stay in the caches.
    micro_batches = [0] if gpu or options.batch_size <= 16384 else [0, 16384]
    return list(itertools.product(precisions, [False, True], micro_batches))


def choose(data, sampler, options):
    """The fastest combination and the seconds per step of all."""
    combinations, trials = candidates(options), {}
    if len(combinations) == 1:
        return combinations[0], trials
    for combination in combinations:
        name = "precision {}, compile {}, micro_batch {}".format(*combination)
        try:
            trainer = Trainer(data, options, *combination)
            trainer.timed_steps(sampler, 1)  # compiles
            trials[name] = min(trainer.timed_steps(sampler, options.tune))
        except Exception as error:  # pylint: disable=broad-except  # a combination that this version cannot do
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        finally:
            trainer = None
            torch._dynamo.reset()
        print(f"{name}: {trials[name]:.4f} s per step", file=sys.stderr)
    if not trials:
        sys.exit("no combination of settings works here")
    best = min(trials, key=trials.get)
    return next(c for c in combinations if "precision {}, compile {}, micro_batch {}".format(*c) == best), trials


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", help="directory of a preprocessed data set")
    add("--random_shape", help="instead of --data: USERSxITEMSxPOSITIVES of random data")
    add("--batch_size", type=int, default=1048576)
    add("--epochs", type=int, default=1, help="0: only time steps")
    add("--steps", type=int, default=0, help="steps to time, before training starts")
    add("--seconds", type=float, default=math.inf, help="limit of the timing of steps")
    add("--factors", type=int, default=64)
    add("--layers", type=int, nargs="+", default=[256, 256, 128, 64])
    add("--negative_samples", type=int, default=4)
    add("--sampling", choices=("grouped", "shuffled"), default="grouped")
    add("--learning_rate", type=float, default=0.0045)
    add("--beta1", type=float, default=0.25)
    add("--beta2", type=float, default=0.5)
    add("--eps", type=float, default=1e-8)
    add("--dropout", type=float, default=0.5)
    add("--topk", type=int, default=10)
    add("--seed", type=int, default=1)
    add("--device", default="cpu")
    add("--threads", type=int, default=0)
    add("--precision", choices=("fp32", "tf32", "bf16", "fp16", "auto"), default="fp32", help="auto needs --tune")
    add("--compile", action="store_true")
    add("--micro_batch", type=int, default=0, help="samples per forward and backward pass; 0: the batch")
    add("--tune", type=int, default=0, metavar="STEPS", help="try the combinations of the three for some steps each")
    options = parser.parse_args()
    if (options.data is None) == (options.random_shape is None):
        parser.error("give --data or --random_shape")
    if options.precision == "auto" and not options.tune:
        parser.error("--precision auto needs --tune")
    return options


def main():
    options = parse_options()
    # Adam's moments of rows without gradient decay towards zero, and subnormal arithmetic is slow. Worker threads
    # inherit this, so it comes first.
    torch.set_flush_denormal(True)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.data:
        data = Data.read(options.data, options.device)
    else:
        data = Data.random(tuple(map(int, options.random_shape.split("x"))), options.device)
    sampler = Sampler(data, options.batch_size, options.negative_samples, options.sampling)
    combination, trials = choose(data, sampler, options)
    trainer = Trainer(data, options, *combination)
    result = {"program": f"PyTorch {torch.__version__}", "device": options.device,
              "threads": torch.get_num_threads(), "batch_size": options.batch_size, **trainer.settings}
    if trials:
        result["trials"] = trials
    if options.steps:
        trainer.timed_steps(sampler, 2)
        times = trainer.timed_steps(sampler, options.steps, options.seconds)
        size = min(sampler.groups, len(data.items) * sampler.per_positive // sampler.group) * sampler.group
        result["step_seconds"] = statistics.median(times)
        result["samples_per_second"] = size / result["step_seconds"]
    if options.epochs:
        trainer = Trainer(data, options, *combination)
    epochs = []
    for _ in range(options.epochs):
        start, total, count = time.perf_counter(), torch.zeros((), dtype=torch.double, device=options.device), 0
        for batch in sampler.epoch():
            total += trainer.step(*batch).double()
            count += len(batch[0])
        trainer.synchronize()
        seconds = time.perf_counter() - start
        hit_rate, ndcg = evaluate(trainer.model, data, options.topk, trainer.context)
        epochs.append({"train_loss": total.item() / count, "train_throughput": count / seconds,
                       f"hr@{options.topk}": hit_rate, f"ndcg@{options.topk}": ndcg})
        print(json.dumps(epochs[-1]), file=sys.stderr)
    if epochs:
        result["epochs"] = epochs
    print(json.dumps(result))


if __name__ == "__main__":
    main()
