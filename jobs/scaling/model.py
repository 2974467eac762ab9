"""What an update costs, from a few measured or assumed numbers. All times in seconds, sizes in bytes.

    step = compute + what is left of the exchange after the compute time that hides it + optimizer

    compute    fixed + sample * n            n samples on this rank; `fixed` is work that does not depend on n: the first
                                             layer's products for every item of the catalogue, launches
    optimizer  parameter * rank parameters   dense Adam: every row that the rank holds, at every step
    exchange   within a node, then between nodes, each 2 log2(g) latency + 2 (g - 1) / g * bytes / bandwidth; a bucket
               starts when its gradients are complete and the one before it has been sent
               sharded items: a rank keeps a share of the items, asks the others for the rows that its samples read before
               it computes, and gives their gradients back after it; nothing hides that

Ranks that share a node's memory slow each other down on a CPU: `slowdown` holds measured factors by ranks on a node.
"""
import bisect
import dataclasses
import math
import random
import statistics

FLOAT = 4
# Weights, gradients, two moments in fp32, and the compute copies of mixed precision.
BYTES_PER_PARAMETER = 4 * FLOAT + 2
# Of a row that is read of sharded items: weights, gradients and copies, and the sum of its gradients at its owner.
BYTES_PER_READ_PARAMETER = 3 * FLOAT + 2


@dataclasses.dataclass(frozen=True)
class Shape:
    """The model, by the default sizes of neumf."""
    users: int = 138493
    items: int = 26744
    factors: int = 64
    layers: tuple = (256, 256, 128, 64)

    @property
    def row(self):
        """Parameters of a user or an item."""
        return self.factors + self.layers[0] // 2

    def buckets(self, items="replicated"):
        """Shared parameters, in the order in which the backward pass completes their gradients."""
        hidden = sum(i * o + o for i, o in zip(self.layers[1:], self.layers[2:]))
        first = self.layers[0] * self.layers[1] + self.layers[1]
        rows = self.items if items == "replicated" else 0
        return [hidden + self.layers[-1] + 1,
                self.factors + rows * self.factors,
                first + rows * (self.layers[0] // 2)]

    def shared(self, items="replicated"):
        return sum(self.buckets(items))

    def on_rank(self, ranks, scheme, items="replicated"):
        """Parameters that a rank holds."""
        own = self.users if scheme == "replicated" else math.ceil(self.users / ranks)
        if items == "sharded":
            own += math.ceil(self.items / ranks)
        return self.shared(items) + self.row * own

    def reads(self, samples):
        """Items that so many samples read, each counted once, if all are as likely."""
        return self.items * -math.expm1(-samples / self.items)

    def memory(self, ranks, batch, scheme, items="replicated"):
        """Bytes of a rank's parameters and of what belongs to them."""
        read = self.reads(batch / ranks) * self.row * BYTES_PER_READ_PARAMETER if items == "sharded" else 0
        return self.on_rank(ranks, scheme, items) * BYTES_PER_PARAMETER + read


@dataclasses.dataclass(frozen=True)
class Link:
    latency: float    # of one message
    bandwidth: float  # of a rank, bytes/s

    def allreduce(self, size, ranks):
        if ranks == 1 or size == 0:
            return 0.0
        return 2 * math.log2(ranks) * self.latency + 2 * (ranks - 1) / ranks * size / self.bandwidth


@dataclasses.dataclass(frozen=True)
class Network:
    ranks_per_node: int
    within: Link
    between: Link
    measured: dict = dataclasses.field(default_factory=dict)  # ranks -> [(bytes, seconds), ...], ascending

    def allreduce(self, size, ranks):
        if ranks in self.measured:
            return interpolate(self.measured[ranks], size)
        local = min(ranks, self.ranks_per_node)
        nodes = math.ceil(ranks / self.ranks_per_node)
        # Every rank of a node carries its part of the sum between the nodes.
        return self.within.allreduce(size, local) + self.between.allreduce(size / local, nodes)

    def alltoall(self, size, ranks):
        """Each rank sends `size` bytes, the same part to every rank; what stays with it costs nothing."""
        if ranks == 1:
            return 0.0
        local = min(ranks, self.ranks_per_node)
        seconds = (local - 1) * self.within.latency + size * (local - 1) / ranks / self.within.bandwidth
        if ranks > local:
            seconds += (ranks - local) * self.between.latency + size * (ranks - local) / ranks / self.between.bandwidth
        return seconds


@dataclasses.dataclass(frozen=True)
class Machine:
    name: str
    sample: float
    fixed: float
    parameter: float
    network: Network
    memory: float = math.inf     # of a rank
    ready: tuple = (1, 1, 1)     # share of the compute time after which each bucket is complete; 1: nothing is hidden
    slowdown: dict = dataclasses.field(default_factory=dict)             # ranks on a node -> of compute
    optimizer_slowdown: dict = dataclasses.field(default_factory=dict)   # ranks on a node -> of the optimizer

    def factor(self, table, ranks):
        local = min(ranks, self.network.ranks_per_node)
        known = [count for count in sorted(table) if count <= local]
        return table[known[-1]] if known else 1.0


@dataclasses.dataclass(frozen=True)
class Step:
    compute: float
    exchange: float  # all of it
    exposed: float   # the part that compute does not hide
    optimizer: float
    bytes: int

    @property
    def total(self):
        return self.compute + self.exposed + self.optimizer

    def limit(self):
        """What takes most of the step."""
        parts = {"compute": self.compute, "exchange": self.exposed, "optimizer": self.optimizer}
        return max(parts, key=parts.get)


def step(machine, shape, ranks, batch, scheme, items="replicated"):
    """The cost of one update of `batch` samples on `ranks` ranks."""
    compute = (machine.fixed + machine.sample * batch / ranks) * machine.factor(machine.slowdown, ranks)
    optimizer = (machine.parameter * shape.on_rank(ranks, scheme, items) *
                 machine.factor(machine.optimizer_slowdown, ranks))
    messages = [(compute * share, size * FLOAT) for share, size in zip(machine.ready, shape.buckets(items))]
    if scheme == "replicated":
        messages.append((compute, shape.users * shape.row * FLOAT))
    exchange, done = 0.0, compute
    if ranks > 1:
        done = 0.0
        for complete, size in messages:
            seconds = machine.network.allreduce(size, ranks)
            exchange += seconds
            done = max(done, complete) + seconds
    sent = sum(size for _, size in messages) if ranks > 1 else 0
    exposed = max(0.0, done - compute)
    if items == "sharded" and ranks > 1:
        # The rows' numbers (a word each) and weights come before, their gradients go after.
        reads = shape.reads(batch / ranks)
        for size in (reads * FLOAT, reads * shape.row * FLOAT, reads * shape.row * FLOAT):
            seconds = machine.network.alltoall(size, ranks)
            exchange, exposed = exchange + seconds, exposed + seconds
            sent += round(size * (ranks - 1) / ranks)
    return Step(compute, exchange, exposed, optimizer, sent)


def fit_two(points):
    """a, b >= 0 of y = a x1 + b x2; points are (x1, x2, y).

    The least sum of (fit - y)^2 / (fit y): large and small y count alike, and half as much is as wrong as twice as much.
    By least squares with weights from the fit before.
    """
    fitted = [y for _, _, y in points]
    for _ in range(30):
        a, b = weighted_two(points, [1 / (y * f) for (_, _, y), f in zip(points, fitted)])
        fitted = [a * x1 + b * x2 for x1, x2, _ in points]
    return a, b


def weighted_two(points, weights):
    def sums(i, j):
        return sum(w * p[i] * p[j] for p, w in zip(points, weights))

    s11, s12, s22, s1y, s2y = sums(0, 0), sums(0, 1), sums(1, 1), sums(0, 2), sums(1, 2)
    determinant = s11 * s22 - s12 * s12
    if determinant > 1e-12 * s11 * s22:
        a, b = (s1y * s22 - s2y * s12) / determinant, (s2y * s11 - s1y * s12) / determinant
        if a >= 0 and b >= 0:
            return a, b
    # One term alone: the one that fits better.
    alone = [(s1y / s11, 0.0)] if s11 else []
    alone += [(0.0, s2y / s22)] if s22 else []
    return min(alone, key=lambda ab: sum(w * (ab[0] * p[0] + ab[1] * p[1] - p[2]) ** 2
                                         for p, w in zip(points, weights)))


def fit_link(rows):
    """A Link from measured exchanges: (ranks, bytes, seconds)."""
    latency, per_byte = fit_two([(2 * math.log2(ranks), 2 * (ranks - 1) / ranks * size, seconds)
                                 for ranks, size, seconds in rows])
    return Link(latency, 1 / per_byte if per_byte else math.inf)


def interpolate(table, size):
    """Seconds of a message between measured sizes, straight in logarithms; beyond the last, by its bandwidth."""
    sizes = [s for s, _ in table]
    at = bisect.bisect_left(sizes, size)
    if at == len(table):
        return table[-1][1] * size / table[-1][0]
    if at == 0 or sizes[at] == size:
        return table[at][1]
    (s0, t0), (s1, t1) = table[at - 1], table[at]
    share = math.log(size / s0) / math.log(s1 / s0)
    return t0 * (t1 / t0) ** share


def stragglers(base, ranks, variation, hiccup_rate, hiccup_seconds, updates=4000, seed=1):
    """Mean seconds of an update if everybody waits for the slowest of `ranks`.

    Compute times vary by `variation` (deviation over mean, normal). Besides, each rank is held up in a share
    `hiccup_rate` of the updates, for a time that is exponential with mean `hiccup_seconds`: a lost packet, a busy link,
    the operating system.
    """
    draw, normal = random.Random(seed), statistics.NormalDist()
    total = 0.0
    for _ in range(updates):
        # The largest of `ranks` independent values has the distribution function F ** ranks.
        slowest = normal.inv_cdf(min(max(draw.random() ** (1 / ranks), 1e-12), 1 - 1e-12))
        compute = base.compute * max(0.0, 1 + variation * slowest)
        held = 0.0
        if hiccup_rate > 0 and hiccup_seconds > 0:
            # F of one rank's delay t is 1 - rate * exp(-t / mean); invert its power.
            below = 1 - draw.random() ** (1 / ranks)
            held = max(0.0, -hiccup_seconds * math.log(max(below, 1e-300) / hiccup_rate))
        total += compute + held + base.exposed + base.optimizer
    return total / updates
