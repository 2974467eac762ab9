"""What a study measured, from its tables, and the machine of the cost model that follows from it."""
import csv
import dataclasses
import json
import pathlib
import statistics

import model

PHASES = ("sample", "forward", "backward", "allreduce", "optimizer")
# Speedup over one GPU of the PyTorch reference, by its own tables: ML-20m, mixed precision, global batch 1,048,576.
PUBLISHED = {"reference, A100": {1: 1.0, 8: 4.19}, "reference, V100": {1: 1.0, 16: 6.09}}


@dataclasses.dataclass(frozen=True)
class Run:
    """The median of a configuration's repeats. Times are seconds per update."""
    scheme: str  # of user embeddings
    items: str  # scheme of item embeddings
    ranks: int
    nodes: int
    batch: int
    step: float
    throughput: float
    bytes: int
    rank_parameters: int
    phases: dict  # phase -> {"min": ..., "mean": ..., "max": ...} over ranks

    @property
    def compute(self):
        return sum(self.phases[phase]["mean"] for phase in ("sample", "forward", "backward"))


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def items_of(row):
    """The scheme of item embeddings; tables of studies before there were two lack it."""
    return row.get("item_embeddings") or "replicated"


def combine(rows):
    """One Run of the rows of a configuration. Where runs were made without measuring phases, they give the speed."""
    plain = [row for row in rows if row["kind"] == "train"] or rows
    profiled = [row for row in rows if row["kind"] == "profile"]

    def median(of, column):
        return statistics.median(float(row[column]) for row in of)

    first = rows[0]
    phases = {phase: {which: median(profiled, f"{phase}_{which}") for which in ("min", "mean", "max")}
              for phase in PHASES} if profiled else {}
    return Run(first["user_embeddings"], items_of(first), int(first["ranks"]), int(first["nodes"]),
               int(first["batch_size"]), median(plain, "step"), median(plain, "throughput"), int(first["bytes_per_update"]),
               int(first["rank_parameters"]), phases)


class Study:
    """The folder of a study after collect.py."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.plan = json.loads((self.folder / "study.json").read_text())
        rows = read_csv(self.folder / "runs.csv")
        groups = {}
        for row in rows:
            configuration = row["user_embeddings"], items_of(row), int(row["ranks"]), int(row["batch_size"])
            groups.setdefault(configuration, []).append(row)
        self.runs = [combine(group) for _, group in sorted(groups.items())]
        self.repeats = max(int(row["repeat"]) for row in rows)
        first = rows[0]
        self.device, self.precision, self.threads = first["device"], first["precision"], int(first["threads"])
        self.gradients = sorted({row["gradients"] for row in rows if int(row["ranks"]) > 1})
        self.shape = model.Shape(int(first["users"]), int(first["items"]), int(first["factors"]),
                                 tuple(int(size) for size in first["layers"].split()))
        sizes = {}
        for row in read_csv(self.folder / "allreduce.csv"):
            sizes.setdefault((int(row["ranks"]), int(row["nodes"]), int(row["bytes"])), []).append(
                float(row["seconds"]))
        self.exchanges = [(*key, statistics.median(seconds)) for key, seconds in sorted(sizes.items())]

    @property
    def schemes(self):
        return sorted({run.scheme for run in self.runs})

    def series(self, scheme, batch_of):
        """Runs by number of ranks where the batch is batch_of(ranks). One rank's counts for both schemes."""
        found = {}
        for run in self.runs:
            if run.batch == batch_of(run.ranks) and (run.scheme == scheme or run.ranks == 1):
                found[run.ranks] = run
        return [found[ranks] for ranks in sorted(found)]

    def strong(self, scheme):
        return self.series(scheme, lambda ranks: self.plan["batch"])

    def weak(self, scheme):
        return self.series(scheme, lambda ranks: self.plan["batch_per_rank"] * ranks)

    def held_out(self, run):
        """Whether the model is not fitted to this run."""
        return run.batch not in (self.plan["batch"], self.plan["batch_per_rank"] * run.ranks)

    def machine(self):
        """The cost model's machine, from the runs that are not held out; None where no phases were measured."""
        runs = [run for run in self.runs if run.phases and not self.held_out(run)]
        if not runs:
            return None
        fewest = min(run.ranks for run in runs)
        base = [run for run in runs if run.ranks == fewest]
        if len({run.batch for run in base}) < 2:
            base = runs
        fixed, sample = model.fit_two([(1.0, run.batch / run.ranks, run.compute) for run in base])
        parameter = statistics.median(run.phases["optimizer"]["mean"] / run.rank_parameters for run in base)
        slowdown, optimizer_slowdown = {}, {}
        for local in sorted({run.ranks // run.nodes for run in runs}):
            here = [run for run in runs if run.ranks // run.nodes == local]
            slowdown[local] = statistics.median(
                run.compute / (fixed + sample * run.batch / run.ranks) for run in here)
            optimizer_slowdown[local] = statistics.median(
                run.phases["optimizer"]["mean"] / (parameter * run.rank_parameters) for run in here)
        return model.Machine(
            name=f"measured: {self.device}, {self.threads} thread{'' if self.threads == 1 else 's'} per rank",
            sample=sample, fixed=fixed, parameter=parameter, network=self.network(),
            # NCCL's sums run beside the backward pass, MPI's on the CPU after it.
            ready=(1.0, 1.0, 1.0) if self.device == "cpu" else (0.6, 0.75, 1.0),
            slowdown=slowdown, optimizer_slowdown=optimizer_slowdown)

    def network(self):
        local = max(run.ranks // run.nodes for run in self.runs)
        inside = [(ranks, size, seconds) for ranks, nodes, size, seconds in self.exchanges if nodes == 1]
        within = model.fit_link(inside) if inside else model.Link(0.0, float("inf"))
        beyond = [(nodes, size / (ranks // nodes), max(seconds - within.allreduce(size, ranks // nodes), 1e-9))
                  for ranks, nodes, size, seconds in self.exchanges if nodes > 1]
        measured = {}
        for ranks, _, size, seconds in self.exchanges:
            measured.setdefault(ranks, []).append((size, seconds))
        return model.Network(local, within, model.fit_link(beyond) if beyond else within, measured)


def assumed_machines():
    """(Machine, {parameter: (value, source)}) of every entry of machines.json."""
    described = json.loads((pathlib.Path(__file__).parent / "machines.json").read_text())
    for name, parameters in described.items():
        v = {key: value for key, (value, _) in parameters.items()}
        network = model.Network(v["ranks_per_node"], model.Link(v["within_latency"], v["within_bandwidth"]),
                                model.Link(v["between_latency"], v["between_bandwidth"]))
        yield (model.Machine(name, v["sample"], v["fixed"], v["parameter"], network, v["memory"],
                             tuple(v["ready"])), parameters)
