#!/usr/bin/env python3
"""Draws HR@K, NDCG@K and the losses of training runs, by epoch and by second, from their --log_path files.

    tools/plot_log.py runs/a/log.json runs/b/log.json --output curves.png
    tools/plot_log.py runs/a/log.json --csv curves.csv

The picture needs matplotlib (Debian: python3-matplotlib), and takes the format that its name says; the CSV file,
one row per run and epoch, needs nothing. With --full the metrics are those over the whole catalogue (--eval full).
"""
import argparse
import csv
import json
import pathlib
import sys


def read_epochs(path):
    """The epochs of a log in order. Where one is there twice (a resumed run), the later line counts."""
    epochs = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            sys.exit(f"plot_log.py: {path}:{number}: not a JSON object: {error}")
        if entry.get("type") == "epoch":
            epochs[entry["epoch"]] = entry
    if not epochs:
        sys.exit(f"plot_log.py: {path}: no epochs; name a file that neumf --log_path wrote")
    return [epochs[number] for number in sorted(epochs)]


def write_csv(path, runs):
    columns = []
    for epochs in runs.values():
        for entry in epochs:
            columns += [key for key in entry if key not in columns and key != "type"]
    columns.sort(key=lambda name: (name != "epoch", name != "time", name))
    with sys.stdout if str(path) == "-" else open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["run", *columns], restval="", extrasaction="ignore")
        writer.writeheader()
        for name, epochs in runs.items():
            for entry in epochs:
                writer.writerow({"run": name, **entry})


def draw(path, runs, metrics):
    try:
        import matplotlib
    except ImportError:
        sys.exit("plot_log.py: matplotlib is not installed (Debian: apt install python3-matplotlib); "
                 "--csv does without it")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(14, 7), layout="constrained")
    for row, (key, label) in enumerate([("epoch", "epoch"), ("time", "seconds")]):
        for column, metric in enumerate([*metrics, "loss"]):
            axis = axes[row][column]
            for number, (name, epochs) in enumerate(runs.items()):
                colour = f"C{number % 10}"
                lines = [("train_loss", "-"), ("validation_loss", "--")] if metric == "loss" else [(metric, "-")]
                for line, style in lines:
                    points = [(e[key], e[line]) for e in epochs if line in e]
                    suffix = f", {line.split('_')[0]}" if metric == "loss" else ""
                    axis.plot(*zip(*points), style, color=colour, label=name + suffix,
                              marker="o" if len(points) == 1 else None)
            axis.set(xlabel=label, ylabel=metric.upper() if metric != "loss" else "loss")
            axis.grid(alpha=0.3)
    for column in range(0, 3, 2):
        axes[0][column].legend(fontsize="small")
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=pathlib.Path, help="files that neumf --log_path wrote")
    parser.add_argument("--output", type=pathlib.Path, help="picture: .png, .svg, .pdf")
    parser.add_argument("--csv", type=pathlib.Path, help="CSV file; - is standard output")
    parser.add_argument("--topk", type=int, help="K of HR@K and NDCG@K; default: the first in the log")
    parser.add_argument("--full", action="store_true", help="metrics over the whole catalogue")
    options = parser.parse_args()
    if not options.output and not options.csv:
        parser.error("name --output, --csv or both")

    runs = {}
    for path in options.logs:
        if not path.is_file():
            sys.exit(f"plot_log.py: {path}: no such file")
        # Runs are often runs/NAME/log.json: then the folder says more.
        name = path.parent.name if path.stem == "log" and path.parent.name else path.stem
        runs[name if name not in runs else str(path)] = read_epochs(path)

    prefix = "full_hr@" if options.full else "hr@"
    found = [key for key in next(iter(runs.values()))[0] if key.startswith(prefix)]
    if options.topk:
        found = [prefix + str(options.topk)]
    metrics = [found[0], found[0].replace("hr@", "ndcg@")] if found else []
    for name, epochs in runs.items():
        if options.output and (not metrics or any(metric not in epochs[0] for metric in metrics)):
            sys.exit(f"plot_log.py: {name}: has no {metrics[0] if metrics else prefix + 'K'}"
                     + ("; --full needs a run with --eval full" if options.full else ""))
    if options.csv:
        write_csv(options.csv, runs)
    if options.output:
        draw(options.output, runs, metrics)


if __name__ == "__main__":
    main()
