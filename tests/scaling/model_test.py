#!/usr/bin/env python3
"""The cost model of scaling studies against costs worked out by hand, and a whole report from logs made up here."""
import contextlib
import io
import json
import math
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "jobs/scaling"))
import collect  # noqa: E402
import model  # noqa: E402
import report  # noqa: E402
import study as studies  # noqa: E402

SMALL = model.Shape(users=1000, items=100, factors=4, layers=(16, 8, 4))
LINK = model.Link(latency=1e-5, bandwidth=1e9)
MACHINE = model.Machine("made up", sample=1e-6, fixed=1e-3, parameter=1e-9, network=model.Network(4, LINK, LINK))


class Costs(unittest.TestCase):
    def test_parameters_are_those_of_movielens_20m(self):
        shape = model.Shape()
        self.assertEqual(shape.on_rank(1, "partitioned"), 31_832_577)
        self.assertEqual(shape.on_rank(64, "replicated"), 31_832_577)
        self.assertEqual(shape.on_rank(2, "partitioned"), shape.shared() + 192 * 69247)

    def test_one_rank_exchanges_nothing(self):
        cost = model.step(MACHINE, SMALL, 1, 5000, "replicated")
        self.assertAlmostEqual(cost.compute, 1e-3 + 5e-3)
        self.assertAlmostEqual(cost.optimizer, 1e-9 * SMALL.on_rank(1, "partitioned"))
        self.assertEqual((cost.exchange, cost.exposed, cost.bytes), (0, 0, 0))

    def test_exchange_without_overlap(self):
        cost = model.step(MACHINE, SMALL, 4, 4000, "partitioned")
        expected = sum(2 * 2 * 1e-5 + 2 * 3 / 4 * 4 * size / 1e9 for size in SMALL.buckets())
        self.assertAlmostEqual(cost.exchange, expected)
        self.assertAlmostEqual(cost.exposed, expected)
        self.assertAlmostEqual(cost.total, 1e-3 + 1e-3 + expected + cost.optimizer)
        self.assertEqual(cost.bytes, 4 * SMALL.shared())

    def test_replicated_users_are_exchanged_as_well(self):
        cost = model.step(MACHINE, SMALL, 4, 4000, "replicated")
        self.assertEqual(cost.bytes, 4 * SMALL.on_rank(1, "partitioned"))

    def test_overlap_hides_what_is_sent_before_the_end(self):
        import dataclasses
        early = dataclasses.replace(MACHINE, ready=(0.0, 0.0, 1.0))
        cost = model.step(early, SMALL, 4, 400000, "partitioned")
        last = LINK.allreduce(4 * SMALL.buckets()[2], 4)
        self.assertAlmostEqual(cost.exposed, last)
        self.assertGreater(cost.exchange, last)

    def test_sharded_items_travel_as_rows(self):
        self.assertAlmostEqual(SMALL.reads(1), 1, delta=0.006)
        self.assertAlmostEqual(SMALL.reads(1e6), 100)
        self.assertEqual(SMALL.on_rank(4, "partitioned", "sharded"), SMALL.shared("sharded") + 12 * (250 + 25))
        cost = model.step(MACHINE, SMALL, 4, 4e6, "partitioned", "sharded")  # every rank reads every row
        rows = sum(3 * 1e-5 + size * 3 / 4 / 1e9 for size in (100 * 4, 100 * 48, 100 * 48))
        layers = sum(LINK.allreduce(4 * size, 4) for size in SMALL.buckets("sharded"))
        self.assertAlmostEqual(cost.exchange, rows + layers)
        self.assertAlmostEqual(cost.exposed, rows + layers)
        self.assertEqual(cost.bytes, 4 * SMALL.shared("sharded") + 3 * (100 + 1200 + 1200))
        self.assertAlmostEqual(cost.optimizer, 1e-9 * SMALL.on_rank(4, "partitioned", "sharded"))
        alone = model.step(MACHINE, SMALL, 1, 4000, "partitioned", "sharded")
        self.assertEqual((alone.exchange, alone.exposed, alone.bytes), (0, 0, 0))
        self.assertEqual(alone.total, model.step(MACHINE, SMALL, 1, 4000, "partitioned").total)

    def test_sharded_items_save_memory_where_few_rows_are_read(self):
        large = model.Shape(users=1000, items=1_000_000)
        whole = large.memory(8, 1000, "partitioned")
        self.assertEqual(whole, 18 * large.on_rank(8, "partitioned"))
        self.assertLess(large.memory(8, 1000, "partitioned", "sharded"), whole / 7)
        self.assertGreater(large.memory(1, 1e9, "partitioned", "sharded"), whole)

    def test_an_exchange_of_rows_between_nodes(self):
        network = model.Network(4, model.Link(1e-6, 1e9), model.Link(1e-5, 1e8))
        self.assertAlmostEqual(network.alltoall(8e6, 8), 3e-6 + 3e6 / 1e9 + 4e-5 + 4e6 / 1e8)
        self.assertEqual(network.alltoall(8e6, 1), 0)

    def test_between_nodes_each_rank_carries_its_part(self):
        network = model.Network(4, model.Link(0, 1e9), model.Link(0, 1e8))
        self.assertAlmostEqual(network.allreduce(8e6, 8), 2 * 3 / 4 * 8e6 / 1e9 + 2 * 1 / 2 * 2e6 / 1e8)


class Fits(unittest.TestCase):
    def test_recovers_a_link(self):
        link = model.fit_link([(ranks, size, LINK.allreduce(size, ranks)) for ranks in (2, 4, 16)
                               for size in (4, 1e4, 1e8)])
        self.assertAlmostEqual(link.latency / LINK.latency, 1, places=6)
        self.assertAlmostEqual(link.bandwidth / LINK.bandwidth, 1, places=6)

    def test_a_term_that_would_be_negative_is_zero(self):
        a, b = model.fit_two([(1, 1, 1.0), (1, 2, 3.0), (1, 3, 5.0)])
        self.assertEqual(a, 0)
        self.assertGreater(b, 1)

    def test_interpolates_in_logarithms(self):
        points = [(100, 1e-6), (10000, 1e-4)]
        self.assertAlmostEqual(model.interpolate(points, 1000), 1e-5)
        self.assertAlmostEqual(model.interpolate(points, 20000), 2e-4)
        self.assertEqual(model.interpolate(points, 4), 1e-6)


class Stragglers(unittest.TestCase):
    def test_without_variation_nothing_changes(self):
        base = model.step(MACHINE, SMALL, 4, 4000, "partitioned")
        self.assertAlmostEqual(model.stragglers(base, 64, 0, 0, 0), base.total)

    def test_slowest_of_two_normal_values(self):
        base = model.Step(1.0, 0, 0, 0, 0)
        expected = 1 + 0.1 / math.sqrt(math.pi)  # mean of the larger of two
        self.assertAlmostEqual(model.stragglers(base, 2, 0.1, 0, 0, updates=40000), expected, delta=0.003)

    def test_hiccups_of_one_rank(self):
        base = model.Step(1.0, 0, 0, 0, 0)
        self.assertAlmostEqual(model.stragglers(base, 1, 0, 0.5, 0.2, updates=40000), 1 + 0.5 * 0.2, delta=0.01)


def write_logs(folder):
    """Logs as neumf and allreduce_bench write them, for a machine that is exactly MACHINE."""
    logs = folder / "logs"
    logs.mkdir()
    (folder / "machine.txt").write_text("made up\n")
    (folder / "study.json").write_text(json.dumps({"batch": 4000, "batch_per_rank": 2000, "options": ""}))
    partitioned, replicated = ("partitioned", "replicated"), ("replicated", "replicated")
    sharded = "partitioned", "sharded"
    for (scheme, items), ranks, batch in [(partitioned, 1, 1000), (partitioned, 1, 2000), (partitioned, 1, 4000),
                                          (partitioned, 2, 1000), (replicated, 2, 1000), (partitioned, 2, 4000),
                                          (replicated, 2, 4000), (sharded, 2, 1000)]:
        cost = model.step(MACHINE, SMALL, ranks, batch, scheme, items)
        updates = 10
        phases = {"sample": 0, "forward": cost.compute / 2, "backward": cost.compute / 2, "allreduce": cost.exposed,
                  "optimizer": cost.optimizer}
        facts = {"ranks": ranks, "nodes": 1, "threads": 1, "device": "cpu", "precision": "fp32",
                 "user_embeddings": scheme, "item_embeddings": items, "gradients": "MPI", "batch_size": batch,
                 "users": SMALL.users, "items": SMALL.items, "factors": SMALL.factors, "layers": list(SMALL.layers),
                 "shared_parameters": SMALL.shared(), "rank_parameters": SMALL.on_rank(ranks, scheme, items)}
        epoch = {"type": "epoch", "train_epoch_time": updates * cost.total, "updates": updates,
                 "train_throughput": batch / cost.total, "bytes_per_update": cost.bytes, "hr@10": 0.5,
                 "phases": {name: dict.fromkeys(("min", "mean", "max"), updates * seconds)
                            for name, seconds in phases.items()}}
        slow_start = {**epoch, "train_epoch_time": 100, "train_throughput": 1}
        lines = [{"type": "start", "run": facts}, slow_start, epoch]
        (logs / f"profile-{scheme}.{items}-{ranks}-{batch}-1.json").write_text(
            "\n".join(json.dumps(line) for line in lines) + '\n{"type": "cut o')
    (logs / "allreduce---2---1.json").write_text("\n".join(
        json.dumps({"type": "allreduce", "ranks": 2, "nodes": 1, "reducer": "MPI", "bytes": size,
                    "seconds": LINK.allreduce(size, 2), "algbw": 0, "busbw": 0, "error": 0})
        for size in (4, 64, 256, 1024, 2048, 4096, 16384, 32768, 1 << 20)))


class Report(unittest.TestCase):
    def test_of_a_machine_that_is_the_model(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_logs(folder)
            sys.argv = ["", name]
            with contextlib.redirect_stdout(io.StringIO()):
                collect.main()
                report.main()
            study = studies.Study(name)
            machine = study.machine()
            self.assertAlmostEqual(machine.sample / MACHINE.sample, 1, places=6)
            self.assertAlmostEqual(machine.fixed / MACHINE.fixed, 1, places=6)
            self.assertAlmostEqual(machine.parameter / MACHINE.parameter, 1, places=6)
            self.assertAlmostEqual(machine.slowdown[2], 1, places=6)
            for run in study.runs:
                cost = model.step(machine, study.shape, run.ranks, run.batch, run.scheme, run.items)
                # Exchanges are interpolated between sizes.
                self.assertLess(abs(cost.total / run.step - 1), 0.01)
            self.assertEqual([run.ranks for run in study.weak("partitioned")], [1, 2])
            self.assertEqual({run.batch for run in study.runs if study.held_out(run)}, {1000})
            text = (folder / "report.md").read_text()
            for part in ("## Strong scaling (measured)", "## Weak scaling (measured)", "held out: mean 0.",
                         "## Larger machines (predicted)", "needs 3,459 GB", "## Stragglers (simulated)"):
                self.assertIn(part, text)
            ratio = 4 * SMALL.on_rank(1, "partitioned") / (4 * SMALL.shared())
            self.assertIn(f"1/{ratio:.2f}", text)


if __name__ == "__main__":
    unittest.main()
