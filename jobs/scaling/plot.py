#!/usr/bin/env python3
"""The figures of a study, as OUT_DIR/*.png and OUT_DIR/*.svg; needs matplotlib.

    plot.py OUT_DIR
"""
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("plot.py: matplotlib is not installed: apt-get install python3-matplotlib, or pip install matplotlib "
             "and PYTHON=that python")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)

import report  # noqa: E402
import study as studies  # noqa: E402
import model  # noqa: E402

COLOURS = {"partitioned": "tab:blue", "replicated": "tab:orange"}
PHASE_COLOURS = dict(zip(studies.PHASES, ("tab:gray", "tab:blue", "tab:cyan", "tab:red", "tab:green")))
KINDS = (("strong scaling", "o-"), ("weak scaling", "s--"))


def rank_axis(axes, ranks):
    axes.set_xscale("log", base=2)
    axes.set_xticks(ranks, [str(count) for count in ranks])
    axes.minorticks_off()
    axes.set_xlabel("ranks")
    axes.grid(alpha=0.3)


def save(figure, axes, study, name, quantity, title, size=8):
    """Labels a figure of `quantity` and writes it as study.folder/name.*; `size`: of the legend's letters."""
    axes.set_ylabel(quantity)
    axes.set_title(title, fontsize=10 if size < 8 else None)
    axes.legend(fontsize=size)
    figure.tight_layout()
    for kind in ("png", "svg"):
        figure.savefig(study.folder / f"{name}.{kind}", dpi=150)
    plt.close(figure)


def throughput(study):
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    ranks = sorted({run.ranks for run in study.runs})
    for scheme in study.schemes:
        for (kind, style), series in zip(KINDS, (study.strong, study.weak)):
            runs = series(scheme)
            axes.plot([run.ranks for run in runs], [run.throughput for run in runs], style, color=COLOURS[scheme],
                      label=f"{scheme}, {kind}")
    first = study.strong(study.schemes[0])[0]
    axes.plot(ranks, [first.throughput * count / first.ranks for count in ranks], "k:", label="ideal")
    rank_axis(axes, ranks)
    axes.set_yscale("log")
    save(figure, axes, study, "throughput", "samples/s", "Throughput, measured")


def efficiency(study):
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    every = {run.ranks for run in study.runs}
    for scheme in study.schemes:
        for (kind, style), series in zip(KINDS, (study.strong, study.weak)):
            runs = series(scheme)
            axes.plot([run.ranks for run in runs],
                      [run.throughput / runs[0].throughput / (run.ranks / runs[0].ranks) for run in runs], style,
                      color=COLOURS[scheme], label=f"{scheme}, {kind}")
    for (name, speedups), marker in zip(studies.PUBLISHED.items(), "x+"):
        axes.plot(list(speedups), [speedup / ranks for ranks, speedup in speedups.items()], marker + ":", color="tab:gray",
                  label=f"{name}, strong scaling (published)")
        every |= set(speedups)
    rank_axis(axes, sorted(every))
    axes.set_ylim(0, None)
    save(figure, axes, study, "efficiency", "parallel efficiency", "Efficiency, measured; the reference as published")


def phases(study):
    """Time per update by phase; beside each bar the cost model's."""
    runs = [run for scheme in study.schemes for run in study.strong(scheme)
            if run.phases and (run.ranks > 1 or scheme == study.schemes[0])]
    if not runs:
        return
    machine = study.machine()
    figure, axes = plt.subplots(figsize=(max(6.4, 1.2 * len(runs)), 4.4))
    labels = []
    for place, run in enumerate(runs):
        bottom = 0.0
        for phase in studies.PHASES:
            height = 1e3 * run.phases[phase]["mean"]
            axes.bar(place - 0.2, height, 0.36, bottom, color=PHASE_COLOURS[phase], label=None if place else phase)
            bottom += height
        cost = model.step(machine, study.shape, run.ranks, run.batch, run.scheme, run.items)
        axes.bar(place + 0.2, 1e3 * cost.total, 0.36, color="none", edgecolor="black", hatch="//",
                 label=None if place else "the cost model")
        labels.append(f"{run.ranks} rank{'' if run.ranks == 1 else 's'}" +
                      ("" if run.ranks == 1 else f"\n{run.scheme}"))
    axes.set_xticks(range(len(runs)), labels, fontsize=8)
    save(figure, axes, study, "phases", "ms per update, mean over ranks",
         f"Time by phase, measured; {study.plan['batch']:,} samples per update")


def exchanged_bytes(study):
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    counts = sorted({run.ranks for run in study.runs if run.ranks > 1})
    if not counts:
        plt.close(figure)
        return
    for place, scheme in enumerate(study.schemes):
        runs = {run.ranks: run for run in study.strong(scheme) if run.ranks > 1}
        bars = axes.bar([at + 0.4 * place - 0.2 for at in range(len(runs))],
                        [runs[ranks].bytes / 1e6 for ranks in sorted(runs)], 0.36, color=COLOURS[scheme], label=scheme)
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(range(len(counts)), [str(count) for count in counts])
    axes.set_xlabel("ranks")
    save(figure, axes, study, "bytes", "MB that a rank gives to the exchange of an update",
         "Communicated bytes per update, measured")


def predicted(study):
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    for (machine, _), marker in zip(studies.assumed_machines(), "os^v"):
        for scheme in COLOURS:
            costs = {ranks: model.step(machine, report.ML_20M, ranks, report.WEAK_BATCH * ranks, scheme)
                     for ranks in report.PREDICTED_RANKS}
            axes.plot(list(costs), [report.WEAK_BATCH * ranks / cost.total for ranks, cost in costs.items()],
                      marker + "--", color=COLOURS[scheme], label=f"{machine.name}; {scheme}")
    rank_axis(axes, report.PREDICTED_RANKS)
    axes.set_xlabel("GPUs")
    axes.set_yscale("log")
    save(figure, axes, study, "predicted", "samples/s",
         f"Predicted, not measured: MovieLens 20M, {report.WEAK_BATCH:,} samples per GPU", size=7)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    study = studies.Study(sys.argv[1])
    for draw in (throughput, efficiency, phases, exchanged_bytes, predicted):
        draw(study)
    print(f"{study.folder}: throughput, efficiency, phases, bytes, predicted, as .png and .svg")


if __name__ == "__main__":
    main()
