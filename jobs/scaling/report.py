#!/usr/bin/env python3
"""OUT_DIR/report.md: what a study measured, how well the cost model reproduces it, and what the model predicts.

    report.py OUT_DIR
"""
import pathlib
import statistics
import sys

import model
import study as studies

PREDICTED_RANKS = (1, 8, 16, 64, 512, 4096)
ML_20M = model.Shape()
BILLION = model.Shape(users=1_000_000_000, items=1_000_000)
MLPERF_LARGE = model.Shape(users=2_197_225, items=855_776)
MLPERF_LARGE_SAMPLES = 5 * 1_220_000_000  # of an epoch: 1.22 G positives, with four negatives each
MLPERF_BATCHES = (65_536, 1 << 20)
STRONG_BATCH = 1 << 20
WEAK_BATCH = 1 << 17
# Of the straggler simulation: deviation of compute times; share of updates in which a rank is held up; seconds.
VARIATION, HICCUP_RATE, HICCUP_SECONDS = 0.02, 1e-4, 0.01


def si(value, digits=3):
    """12345678 -> '12.3 M'"""
    for factor, prefix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{value / factor:.{digits}g}{prefix}" if value < 1e15 else f"{value:.3g}"
    return f"{value:.{digits}g}"


def count(number, what):
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def size(number):
    return si(number) + ("B" if number >= 1000 else " B")


def ms(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def percent(share):
    return f"{100 * share:.0f} %"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def scaling_table(runs, weak):
    first = runs[0]
    rows = []
    for run in runs:
        speedup = run.throughput / first.throughput
        efficiency = speedup / (run.ranks / first.ranks)
        times = [ms(run.phases[phase]["mean"]) for phase in studies.PHASES] if run.phases else ["-"] * 5
        rows.append([run.ranks, run.nodes, f"{run.batch:,}", si(run.throughput), f"{speedup:.2f}",
                     percent(efficiency), ms(run.step), *times, size(run.bytes)])
    return table(["ranks", "nodes", "batch", "samples/s", "speedup", "efficiency", "update ms", *studies.PHASES,
                  "bytes per update"], rows)


def measured_scaling(study):
    text = []
    for name, series, explanation in (
            ("Strong scaling", study.strong, "The global batch stays. The reference, for comparison: 4.19x on 8 A100 and "
             "6.09x on 16 V100 (published; ML-20m, 1,048,576 samples per update, mixed precision)."),
            ("Weak scaling", study.weak, "The batch per rank stays; efficiency one would be a constant update time.")):
        text.append(f"## {name} (measured)\n\n{explanation} Phases are the mean over ranks, in ms per update; waiting "
                    "for the slowest rank counts as allreduce.\n")
        for scheme in study.schemes:
            runs = series(scheme)
            if runs:
                text.append(f"User embeddings {scheme}:\n\n{scaling_table(runs, series == study.weak)}")
    return text


def bytes_section(study):
    pairs = {}
    for run in study.runs:
        if run.ranks > 1:
            pairs.setdefault((run.ranks, run.batch), {})[run.scheme] = run
    rows = []
    for (ranks, batch), by_scheme in sorted(pairs.items()):
        if len(by_scheme) == 2:
            p, r = by_scheme["partitioned"], by_scheme["replicated"]
            exchange = [ms(run.phases["allreduce"]["mean"]) if run.phases else "-" for run in (p, r)]
            optimizer = [ms(run.phases["optimizer"]["mean"]) if run.phases else "-" for run in (p, r)]
            rows.append([ranks, f"{batch:,}", f"{p.bytes:,}", f"{r.bytes:,}", f"1/{r.bytes / p.bytes:.2f}", *exchange,
                         *optimizer, ms(p.step), ms(r.step), f"{r.step / p.step:.2f}"])
    if not rows:
        return []
    return ["## Partitioned against replicated user embeddings (measured)\n\n"
            "Bytes are what one rank gives to the gradient exchange of one update; p: partitioned, r: replicated; times "
            "in ms per update.\n\n" +
            table(["ranks", "batch", "bytes p", "bytes r", "ratio", "allreduce p", "allreduce r", "optimizer p",
                   "optimizer r", "update p", "update r", "r / p"], rows)]


def exchange_section(study, network):
    rows = [[ranks, nodes, f"{length:,}", f"{1e6 * seconds:.2f}", f"{length / seconds / 1e9:.3f}",
             f"{length / seconds * 2 * (ranks - 1) / ranks / 1e9:.3f}",
             percent((network.within.allreduce(length, ranks) if nodes == 1 else
                      model.Network(network.ranks_per_node, network.within, network.between).allreduce(length, ranks))
                     / seconds - 1)]
            for ranks, nodes, length, seconds in study.exchanges]
    if not rows:
        return []
    link = network.within
    return [f"## The gradient exchange (measured)\n\nThrough {', '.join(study.gradients)}, by `allreduce_bench`. The fit "
            f"is 2 log2(ranks) x {1e6 * link.latency:.2f} us + 2 (ranks - 1) / ranks x bytes / "
            f"{link.bandwidth / 1e9:.3f} GB/s. It is used for numbers of ranks that were not measured; for the others "
            "the model interpolates this table.\n\n" +
            table(["ranks", "nodes", "bytes", "time us", "algbw GB/s", "busbw GB/s", "fit is off by"], rows)]


def reproduction(study, machine):
    rows, errors = [], {False: [], True: []}
    for run in study.runs:
        if not run.phases:
            continue
        cost = model.step(machine, study.shape, run.ranks, run.batch, run.scheme, run.items)
        error = cost.total / run.step - 1
        held_out = study.held_out(run)
        errors[held_out].append(abs(error))
        rows.append([run.scheme, run.ranks, f"{run.batch:,}", "held out" if held_out else "fitted",
                     f"{ms(run.compute)} / {ms(cost.compute)}",
                     f"{ms(run.phases['allreduce']['mean'])} / {ms(cost.exposed)}",
                     f"{ms(run.phases['optimizer']['mean'])} / {ms(cost.optimizer)}",
                     f"{ms(run.step)} / {ms(cost.total)}", f"{100 * error:+.1f} %", cost.limit()])
    summary = "; ".join(
        f"{name}: mean {100 * statistics.mean(values):.1f} %, at most {100 * max(values):.1f} % off"
        for name, values in (("fitted", errors[False]), ("held out", errors[True])) if values)
    factors = ", ".join(f"{count}: {machine.slowdown[count]:.2f} and {machine.optimizer_slowdown[count]:.2f}"
                        for count in sorted(machine.slowdown))
    return [f"## The cost model against the measurements\n\n"
            f"{1e9 * machine.sample:.1f} ns per sample, {ms(machine.fixed)} ms per update whatever the batch, "
            f"{1e9 * machine.parameter:.3f} ns per parameter of the optimizer. Slowdown of compute and of the optimizer "
            f"by ranks on a node: {factors}. Measured / modelled, in ms per update:\n\n" +
            table(["users", "ranks", "batch", "", "compute", "exchange", "optimizer", "update", "error", "limit"], rows) +
            f"\nUpdate times, {summary}.\n"]


def prediction_rows(machine, shape, batch_of):
    base = model.step(machine, shape, 1, batch_of(1), "partitioned")
    rows = []
    for ranks in PREDICTED_RANKS:
        batch = batch_of(ranks)
        row = [f"{ranks:,}"]
        for scheme in ("partitioned", "replicated"):
            memory = shape.on_rank(ranks, scheme) * model.BYTES_PER_PARAMETER
            if memory > machine.memory:
                row += [f"needs {memory / 1e9:,.0f} GB", "-", "-", "-"]
                continue
            cost = model.step(machine, shape, ranks, batch, scheme)
            throughput = batch / cost.total
            # Against one GPU of the same scheme, where one GPU could hold the model at all.
            fits = shape.on_rank(1, scheme) * model.BYTES_PER_PARAMETER <= machine.memory
            efficiency = percent(throughput / (batch_of(1) / base.total) / ranks) if fits else "-"
            row += [ms(cost.total), si(throughput), efficiency, cost.limit()]
        rows.append(row)
    return rows


def item_scheme_rows(machine, shape, batch, samples):
    """A row for each number of ranks: what replicated and sharded items cost."""
    rows = []
    for ranks in (1, 2, 4, 8, 16, 32, 64):
        row = [ranks]
        for items in ("replicated", "sharded"):
            cost = model.step(machine, shape, ranks, batch, "partitioned", items)
            memory = shape.memory(ranks, batch, "partitioned", items)
            row += [ms(cost.total), si(batch / cost.total), f"{samples / batch * cost.total / 60:.1f}",
                    size(cost.bytes), f"{memory / 1e9:.2f}", cost.limit()]
        rows.append(row)
    return rows


def item_schemes(machine):
    header = ["GPUs", *(f"{column} {scheme}" for scheme in ("r", "s")
                        for column in ("update ms", "samples/s", "epoch min", "bytes per update", "GB per rank", "limit"))]
    shape = MLPERF_LARGE
    return [f"MLPerf's large set, {shape.users:,} users and {shape.items:,} items, default model, {batch:,} samples per "
            "update; r: items replicated, s: items sharded, which CPU ranks do and GPUs do not yet. GB per rank are those of "
            "parameters and what belongs to them, not of data and activations:\n\n" +
            table(header, item_scheme_rows(machine, shape, batch, MLPERF_LARGE_SAMPLES)) for batch in MLPERF_BATCHES]


def predictions(machine, source):
    header = ["GPUs", *(f"{column} {scheme}" for scheme in ("p", "r")
                        for column in ("update ms", "samples/s", "efficiency", "limit"))]
    text = [f"### {machine.name} (predicted)\n\n{source}\n"]
    text.append(f"Strong scaling, MovieLens 20M, {STRONG_BATCH:,} samples per update:\n\n" +
                table(header, prediction_rows(machine, ML_20M, lambda ranks: STRONG_BATCH)))
    text.append(f"Weak scaling, MovieLens 20M, {WEAK_BATCH:,} samples per GPU and update:\n\n" +
                table(header, prediction_rows(machine, ML_20M, lambda ranks: WEAK_BATCH * ranks)))
    text.append(f"Weak scaling, {si(BILLION.users)} users and {si(BILLION.items)} items, {WEAK_BATCH:,} samples per GPU "
                "and update:\n\n" + table(header, prediction_rows(machine, BILLION, lambda ranks: WEAK_BATCH * ranks)))
    text += item_schemes(machine)
    strong = [model.step(machine, ML_20M, ranks, STRONG_BATCH, "replicated") for ranks in (1, 8)]
    text.append(f"Check: with replicated users the model gives a speedup of {strong[0].total / strong[1].total:.2f} on 8 "
                "GPUs; the reference published 4.19, for a program whose other parts are not in this model.\n")
    return text


def straggler_section(machine):
    rows = []
    for ranks in PREDICTED_RANKS:
        cost = model.step(machine, ML_20M, ranks, WEAK_BATCH * ranks, "partitioned")
        uneven = model.stragglers(cost, ranks, VARIATION, 0, 0)
        held = model.stragglers(cost, ranks, VARIATION, HICCUP_RATE, HICCUP_SECONDS)
        rows.append([f"{ranks:,}", ms(cost.total), ms(uneven), ms(held), f"{held / cost.total:.2f}"])
    return [f"## Stragglers (simulated)\n\nAll ranks wait for the slowest. {machine.name}, weak scaling on MovieLens 20M "
            f"with partitioned users; compute times vary by {percent(VARIATION)}, and each rank is held up in one of "
            f"{round(1 / HICCUP_RATE):,} updates, for {ms(HICCUP_SECONDS)} ms on average. These rates are assumptions.\n\n" +
            table(["GPUs", "update ms", "uneven ms", "and held up ms", "slowdown"], rows)]


def sources(parameters):
    return table(["parameter", "value", "source"],
                 [[key.replace("_", " "), value if not isinstance(value, float) else f"{value:g}", source]
                  for key, (value, source) in parameters.items()])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    study = studies.Study(sys.argv[1])
    machine = study.machine()
    text = [f"# Scaling study\n\n```\n{(study.folder / 'machine.txt').read_text().rstrip()}\n```\n"
            f"{study.shape.users:,} users, {study.shape.items:,} items, {study.shape.on_rank(1, 'partitioned'):,} "
            f"parameters; {study.device}, {study.precision}, {count(study.threads, 'thread')} per rank; "
            f"medians of {count(study.repeats, 'repeat')}, taken in turns. Options of neumf besides the batch and the scheme: "
            f"{study.plan['options'] or 'none'}.\n\n**What is measured:** every section whose title says so. **What is "
            "predicted:** the section of larger machines, from the cost model with the parameters listed there; "
            "nothing in it was run.\n"]
    text += measured_scaling(study) + bytes_section(study)
    if machine:
        text += exchange_section(study, machine.network) + reproduction(study, machine)
    text.append("## Larger machines (predicted)\n\nEfficiency is against one GPU of the same machine. p: user embeddings "
                "partitioned, r: replicated. The limit is the largest part of an update; what the backward pass hides of "
                "the exchange does not count.\n")
    assumed = list(studies.assumed_machines())
    if machine and study.device != "cpu":
        text += predictions(machine, "Every parameter as measured by this study.")
    for described, parameters in assumed:
        text += predictions(described, sources(parameters))
    text += straggler_section(assumed[0][0])
    (study.folder / "report.md").write_text("\n".join(text))
    print(study.folder / "report.md")


if __name__ == "__main__":
    main()
