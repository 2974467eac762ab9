#!/usr/bin/env python3
"""The logs of a study as two tables: runs.csv, a row per run, and allreduce.csv, a row per measured message size.

    collect.py OUT_DIR

Times in runs.csv are seconds per update and medians over the run's epochs but the first, which warms up. Phases have the
least, mean and most of any rank.
"""
import csv
import json
import pathlib
import statistics
import sys

PHASES = ["sample", "forward", "backward", "allreduce", "optimizer"]
FACTS = ["ranks", "nodes", "threads", "device", "precision", "user_embeddings", "item_embeddings", "gradients",
         "batch_size", "users", "items", "factors", "layers", "shared_parameters", "rank_parameters"]
COLUMNS = (["kind", "repeat", *FACTS, "throughput", "step", "bytes_per_update", "hit_rate"] +
           [f"{phase}_{which}" for phase in PHASES for which in ("min", "mean", "max")])


def json_lines(path):
    """The objects of a file of JSON lines; a last line that was cut off is left out."""
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return


def run_row(path):
    """The row of one training run, or None where it did not get as far as an epoch."""
    kind, _, _, _, repeat = path.stem.split("-")
    lines = list(json_lines(path))
    facts = next((line["run"] for line in lines if line["type"] == "start"), None)
    epochs = [line for line in lines if line["type"] == "epoch"]
    if facts is None or not epochs:
        return None
    counted = epochs[1:] or epochs

    def median(value):
        return statistics.median(value(epoch) for epoch in counted)

    row = {"kind": kind, "repeat": int(repeat), **{name: facts[name] for name in FACTS if name in facts},
           "layers": " ".join(str(size) for size in facts["layers"]),
           "throughput": median(lambda e: e["train_throughput"]),
           "step": median(lambda e: e["train_epoch_time"] / e["updates"]),
           "bytes_per_update": counted[0]["bytes_per_update"],
           "hit_rate": max(value for e in epochs for key, value in e.items() if key.startswith("hr@"))}
    if "phases" in counted[0]:
        for phase in PHASES:
            for which in ("min", "mean", "max"):
                row[f"{phase}_{which}"] = median(lambda e: e["phases"][phase][which] / e["updates"])
    return row


def write_csv(path, columns, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    runs, exchanges, lost = [], [], []
    for path in sorted((out / "logs").glob("*.json")):
        if path.stem.startswith("allreduce-"):
            exchanges += [line for line in json_lines(path) if line["type"] == "allreduce"]
        elif row := run_row(path):
            runs.append(row)
        else:
            lost.append(path.name)
    if lost:
        print(f"collect.py: left out, for they have no finished epoch: {', '.join(lost)}", file=sys.stderr)
    if not runs:
        sys.exit(f"collect.py: {out}/logs: no training run finished; its .out files say why")
    runs.sort(key=lambda r: (r["batch_size"], r["ranks"], r["user_embeddings"], r["kind"], r["repeat"]))
    write_csv(out / "runs.csv", COLUMNS, runs)
    write_csv(out / "allreduce.csv", ["ranks", "nodes", "reducer", "bytes", "seconds", "algbw", "busbw", "error"],
              [{key: value for key, value in line.items() if key != "type"} for line in exchanges])
    print(f"{out}/runs.csv: {len(runs)} runs; {out}/allreduce.csv: {len(exchanges)} sizes")


if __name__ == "__main__":
    main()
