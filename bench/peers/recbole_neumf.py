#!/usr/bin/env python3
"""NeuMF as a user of RecBole trains it, until HR@10 reaches a target.

RecBole's own data loader, negative sampling, model, trainer and sampled evaluation, from a ratings file. The split is
that of neumf-preprocess, given to RecBole as benchmark files: only the latest interaction of each user is held out, and
it is ranked among 100 items that the user does not have, drawn anew for every evaluation.

Prints JSON lines with the names of neumf's log: "start", an "epoch" after each, "summary". Seconds count from the start
of training: reading the ratings and trying settings (--tune) come before.
"""
import argparse
import bz2
import gzip
import io
import itertools
import json
import lzma
import os
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

# RecBole 1.2.1 sets aliases of names that NumPy 2 does not have any more.
for old, new in (("float_", np.float64), ("complex_", np.complex128), ("unicode_", np.str_)):
    if not hasattr(np, old):
        setattr(np, old, new)

from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.data.utils import get_dataloader  # noqa: E402
from recbole.trainer import Trainer  # noqa: E402
from recbole.utils import get_model, init_seed  # noqa: E402

OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COLUMNS = {"userId": "user_id", "movieId": "item_id", "user": "user_id", "item": "item_id"}


def read_ratings(path: str) -> pd.DataFrame:
    """user_id, item_id and timestamp of a CSV with a header, u.data or ratings.dat, or a MovieLens archive of one."""
    if not path.endswith(".zip"):
        with OPEN.get(Path(path).suffix, open)(path, "rb") as file:
            return parse_ratings(file.read(), path)
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if Path(n).name in ("ratings.csv", "ratings.dat", "u.data")]
        if len(names) != 1:
            sys.exit(f"{path}: must hold one of ratings.csv, ratings.dat and u.data")
        return parse_ratings(archive.read(names[0]), path)


def parse_ratings(text: bytes, path: str) -> pd.DataFrame:
    first = text[:text.find(b"\n")].decode()
    options = {"header": None, "names": ["user_id", "item_id", "rating", "timestamp"]}
    if "::" in first:
        text, separator = text.replace(b"::", b"\t"), "\t"
    else:
        separator = next((s for s in "\t;|" if s in first), ",")
        if not first.strip()[-1:].isdigit():
            options = {}
    table = pd.read_csv(io.BytesIO(text), sep=separator, dtype={0: str, 1: str}, **options).rename(columns=COLUMNS)
    wanted = ["user_id", "item_id", "timestamp"]
    if not set(wanted) <= set(table):
        sys.exit(f"{path}: {first!r} does not name user_id, item_id and timestamp")
    return table[wanted]


def write_benchmark_files(ratings: pd.DataFrame, min_ratings: int, folder: Path) -> tuple[int, int]:
    """The rules of neumf-preprocess. Returns the numbers of training and of held-out interactions."""
    ratings = ratings[ratings.groupby("user_id")["item_id"].transform("size") >= min_ratings]
    ratings = ratings.sort_values("timestamp", kind="stable").drop_duplicates(["user_id", "item_id"])
    held_out = ~ratings.duplicated("user_id", keep="last")
    folder.mkdir()
    header = ["user_id:token", "item_id:token"]
    for name, rows in (("train", ~held_out), ("held_out", held_out)):
        ratings.loc[rows, ["user_id", "item_id"]].to_csv(folder / f"ratings.{name}.inter", sep="\t", index=False,
                                                         header=header)
    return int((~held_out).sum()), int(held_out.sum())


class Stop(Exception):
    """The target is reached, or the time is up: RecBole itself only stops when HR@10 no longer rises."""


class TimedTrainer(Trainer):
    """RecBole's trainer with a clock around each part."""

    train_seconds = train_epoch_time = validation_epoch_time = 0.0

    def _train_epoch(self, *arguments, **options):
        start = time.perf_counter()
        result = super()._train_epoch(*arguments, **options)
        self.train_epoch_time = time.perf_counter() - start
        self.train_seconds += self.train_epoch_time
        return result

    def _valid_epoch(self, *arguments, **options):
        start = time.perf_counter()
        result = super()._valid_epoch(*arguments, **options)
        self.validation_epoch_time = time.perf_counter() - start
        return result


def configure(options: argparse.Namespace, folder: Path) -> Config:
    return Config(model="NeuMF", dataset="ratings", config_dict={
        "data_path": str(folder), "benchmark_filename": ["train", "held_out", "held_out"],
        "load_col": {"inter": ["user_id", "item_id"]}, "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id",
        "gpu_id": "0" if options.device == "cuda" else "", "use_gpu": options.device == "cuda",
        "seed": options.seed, "worker": options.workers, "state": "ERROR", "show_progress": False,
        "mf_embedding_size": options.factors, "mlp_embedding_size": options.layers[0] // 2,
        "mlp_hidden_size": options.layers[1:], "dropout_prob": options.dropout,
        "epochs": options.epochs, "learner": "adam", "learning_rate": options.learning_rate,
        # A batch counts the negatives too, as in neumf.
        "train_batch_size": options.batch_size,
        "train_neg_sample_args": {"distribution": "uniform", "sample_num": options.negative_samples},
        "eval_args": {"mode": "uni100", "order": "TO", "group_by": "user"}, "eval_batch_size": options.eval_batch_size,
        "metrics": ["Hit", "NDCG"], "topk": [10], "valid_metric": "Hit@10", "metric_decimal_place": 6,
        "eval_step": 1, "stopping_step": options.epochs})


def new_trainer(config: Config, train_data) -> TimedTrainer:
    init_seed(config["seed"], config["reproducibility"])
    model = get_model(config["model"])(config, train_data.dataset).to(config["device"])
    return TimedTrainer(config, model)


def with_workers(config: Config, data, phase: str, workers: int):
    """The same data, loaded by so many further processes (0: by the trainer itself)."""
    config["worker"] = workers
    return get_dataloader(config, phase)(config, data.dataset, data._sampler, shuffle=data.shuffle)


class Limited:
    """Batches until some seconds have passed, counting samples."""

    def __init__(self, batches, seconds: float):
        self.batches, self.seconds, self.samples = batches, seconds, 0

    def __iter__(self):
        end = time.perf_counter() + self.seconds
        for batch in self.batches:
            self.samples += len(batch)
            yield batch
            if time.perf_counter() > end:
                return


def tune(config: Config, train_data, threads: int, steps: int) -> tuple[tuple[int, int], dict[str, float]]:
    """PyTorch threads and loader processes that train fastest, and the best samples/s of all that were tried, twice."""
    trials: dict[tuple[int, int], float] = {}
    for workers, used in 2 * list(itertools.product((0, 1, 2), sorted({1, threads}))):
        torch.set_num_threads(used)
        trainer = new_trainer(config, train_data)
        batches = iter(with_workers(config, train_data, "train", workers))
        for count in (10, steps):  # the first start the processes and fill their queues
            timed = Limited(itertools.islice(batches, count), seconds=3.0)
            trainer._train_epoch(timed, 0)
        rate = timed.samples / trainer.train_epoch_time
        print(f"{used} threads, {workers} loader processes: {rate:.0f} samples/s", file=sys.stderr)
        trials[used, workers] = max(rate, trials.get((used, workers), 0.0))
        del batches
    return max(trials, key=trials.get), {f"threads {t}, workers {w}": rate for (t, w), rate in trials.items()}


def report(kind: str, **values) -> None:
    print(json.dumps({"type": kind, **values}, separators=(",", ":")), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("ratings", help="CSV with user_id, item_id and timestamp, ratings.dat, u.data; compressed, or a MovieLens .zip")
    add("--target", type=float, default=1.0, help="stop once HR@10 reaches this")
    add("--epochs", type=int, default=20, help="at most so many")
    add("--seconds", type=float, default=float("inf"), help="begin no epoch after so many seconds of training")
    add("--factors", type=int, default=8)
    add("--layers", type=int, nargs="+", default=[64, 32, 16, 8], help="as in neumf: both embeddings, then each layer")
    add("--dropout", type=float, default=0.0)
    add("--negative_samples", type=int, default=4)
    add("--batch_size", type=int, default=2048, help="samples, negatives included")
    add("--eval_batch_size", type=int, default=4096, help="RecBole's default is 4096")
    add("--learning_rate", type=float, default=0.002)
    add("--min_ratings", type=int, default=20)
    add("--seed", type=int, default=1)
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--threads", type=int, default=os.cpu_count())
    add("--workers", type=int, default=0, help="loader processes")
    add("--tune", type=int, default=0, metavar="STEPS", help="try 1 and --threads threads with 0 to 2 loader processes")
    add("--keep_subnormals", action="store_true", help="as PyTorch does by default, which is slower")
    return parser.parse_args()


def run(options: argparse.Namespace, folder: Path) -> None:
    begin = time.perf_counter()
    positives, users = write_benchmark_files(read_ratings(options.ratings), options.min_ratings, folder / "ratings")
    os.chdir(folder)  # RecBole writes TensorBoard's files into the working directory
    config = configure(options, folder)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train_data, valid_data, _ = data_preparation(config, dataset)
    prepare_seconds = time.perf_counter() - begin

    threads, workers, trials = options.threads, options.workers, {}
    if options.tune:
        (threads, workers), trials = tune(config, train_data, options.threads, options.tune)
    torch.set_num_threads(threads)
    train_data = with_workers(config, train_data, "train", workers)
    valid_data = with_workers(config, valid_data, "valid", workers)
    trainer = new_trainer(config, train_data)
    report("start", program=f"RecBole 1.2.1, PyTorch {torch.__version__}", device=options.device, threads=threads,
           workers=workers, users=users, items=dataset.item_num - 1, positives=positives, factors=options.factors,
           layers=options.layers, dropout=options.dropout, negative_samples=options.negative_samples,
           batch_size=options.batch_size, learning_rate=options.learning_rate, prepare_seconds=prepare_seconds,
           trials=trials)

    samples = positives * (1 + options.negative_samples)
    epochs: list[dict] = []

    def after_epoch(_: int, hit_rate: float) -> None:
        epochs.append({"epoch": len(epochs) + 1, "hr@10": float(hit_rate), "seconds": time.perf_counter() - start,
                       "train_seconds": trainer.train_seconds, "train_epoch_time": trainer.train_epoch_time,
                       "validation_epoch_time": trainer.validation_epoch_time,
                       "train_throughput": samples / trainer.train_epoch_time})
        report("epoch", **epochs[-1])
        if hit_rate >= options.target or epochs[-1]["seconds"] > options.seconds:
            raise Stop

    start = time.perf_counter()
    try:
        trainer.fit(train_data, valid_data, verbose=False, saved=False, callback_fn=after_epoch)
    except Stop:
        pass
    last = epochs[-1]
    report("summary", epochs=len(epochs), best_accuracy=max(e["hr@10"] for e in epochs),
           time_to_target=last["seconds"] if last["hr@10"] >= options.target else None, seconds=last["seconds"],
           train_seconds=last["train_seconds"], mean_train_throughput=samples * len(epochs) / last["train_seconds"])


def main() -> None:
    options = parse_options()
    sys.argv = sys.argv[:1]  # RecBole would read options from there
    warnings.simplefilter("ignore", FutureWarning)  # about RecBole's use of pandas and PyTorch
    # Worker threads inherit this, so it comes first.
    torch.set_flush_denormal(not options.keep_subnormals)
    options.ratings = os.path.abspath(options.ratings)
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(options, Path(folder))
        finally:
            os.chdir("/")


if __name__ == "__main__":
    main()
