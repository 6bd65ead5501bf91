"""What a training would see on many devices: throughput from bytes and FLOP a round, for stated speeds.

python benchmarks/scale.py                                               # DCGAN 128², on assumed nodes of H100
python benchmarks/scale.py --recipe r3gan --resolution 64 --batch-size 256 --device-tflops 60 --share 0.4
python benchmarks/scale.py --link-gbytes 12.5 --latency-us 20 --devices 1 8 64

The model, with N devices and B samples a round over all of them:

    t = F B / (N p s) + o  +  2 (N - 1) / N · G / w  +  2 log2(N) l m

F FLOP a sample (torch's formulas, forward and backward, of a small round played here), p and s the peak of a device
and the share of it that is reached, o what a round costs besides; G bytes of gradients a round, which a ring
all-reduce moves 2 (N - 1) / N times over every link of w bytes a second (Patarasu & Yuan 2009), l latency of a
message, which small all-reduces pay along a tree (Sanders 2009, as NCCL does), m all-reduces a round. Gradients go in
one flat all-reduce a move, after its backward pass: nothing is overlapped, and nothing is assumed to be. Statistics
of batch normalisation over processes are messages, too, two a layer and pass.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch.nn.modules.batchnorm import _BatchNorm

import playing
from speed import Flop
from zerosum.games import Phase
from zerosum.training.engine import Engine
from zerosum.training.moves import EngineMove

PROBE = 4
"""Samples of the round that is played to count; enough for batch normalisation."""


@dataclass(frozen=True)
class Work:
    """What a round takes.

    Attributes:
        flop: a sample, of networks forward and backward.
        gradient_bytes: that all devices must agree on, a round.
        messages: all-reduces a round.
    """

    flop: float
    gradient_bytes: float
    messages: float


@dataclass(frozen=True)
class Machines:
    """What it is played on.

    Attributes:
        flop_a_second: of a device, at best.
        share: of that which is reached.
        link_bytes_a_second: of the slowest link of the ring.
        latency: of a message, in seconds.
        overhead: of a round, in seconds.
    """

    flop_a_second: float
    share: float
    link_bytes_a_second: float
    latency: float
    overhead: float

    def seconds(self, work: Work, batch_size: int, devices: int) -> tuple[float, float]:
        """Of a round: computing, and communication."""
        moved = 2 * (devices - 1) / devices * work.gradient_bytes
        computing = work.flop * batch_size / (devices * self.flop_a_second * self.share) + self.overhead
        waiting = 2 * math.log2(devices) * self.latency * work.messages
        return computing, moved / self.link_bytes_a_second + waiting


def work_of(engine: Engine) -> Work:
    """Of every phase once, counted by how often it is played."""
    flop, gradients, messages = 0.0, 0.0, 0.0
    for phase in engine.plan.game.phases:
        often = phase.repeats(engine.position.samples_seen) / phase.every
        with Flop() as counted, norms_used(engine) as used:
            EngineMove(engine.table, phase, 0, 0).gradients()
        flop += often * counted.total / engine.plan.batch_size
        gradients += often * gradient_bytes(engine, phase)
        messages += often * (1 + 2 * len(used))
    return Work(flop, gradients, messages)


def gradient_bytes(engine: Engine, phase: Phase) -> int:
    """What the movers' gradients take."""
    weights = (p for name in phase.players for p in engine.position.movers[name].parameters)
    return sum(p.numel() * p.element_size() for p in weights)


@contextmanager
def norms_used(engine: Engine) -> Iterator[list[str]]:
    """Batch normalisations, as often as they are used."""
    used: list[str] = []
    layers = [
        m for network in engine.plan.game.networks.values() for m in network.modules() if isinstance(m, _BatchNorm)
    ]
    hooks = [layer.register_forward_hook(lambda module, given, made: used.append("norm")) for layer in layers]
    try:
        yield used
    finally:
        for hook in hooks:
            hook.remove()


def table(work: Work, machines: Machines, batch_size: int, devices: Sequence[int], grow: bool) -> list[str]:
    """A line for each number of devices; with `grow` each of them has the whole batch."""
    alone = batch_size / sum(machines.seconds(work, batch_size, 1))
    lines = [f"{'devices':>8}{'batch':>8}{'compute':>12}{'exchange':>12}{'samples/s':>12}{'efficiency':>12}"]
    for count in devices:
        batch = batch_size * count if grow else batch_size
        computing, exchange = machines.seconds(work, batch, count)
        rate = batch / (computing + exchange)
        lines.append(
            f"{count:>8}{batch:>8}{computing * 1e3:>9.2f} ms{exchange * 1e3:>9.2f} ms{rate:>12,.0f}"
            f"{rate / (count * alone):>12.0%}"
        )
    return lines


def main(words: Sequence[str] | None = None) -> None:
    """Count, and print what the model says."""
    parser = argparse.ArgumentParser(prog="python benchmarks/scale.py", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--recipe", default="dcgan")
    parser.add_argument("--data", default="digits", help="only its form counts")
    parser.add_argument("--resolution", default="128", help="of images; none for points")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256, help="over all devices; with --grow of each")
    parser.add_argument("--grow", action="store_true", help="every device has a batch of its own of this size")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--device-tflops", type=float, default=989.0, help="peak; H100 SXM in bfloat16, dense: 989")
    parser.add_argument("--share", type=float, default=0.25, help="of the peak that is reached: measure it, speed.py")
    parser.add_argument("--link-gbytes", type=float, default=50.0, help="a second; 400 Gbit/s between nodes: 50")
    parser.add_argument("--latency-us", type=float, default=10.0, help="of a message")
    parser.add_argument("--overhead-ms", type=float, default=2.0, help="of a round: launches, Python")
    asked = parser.parse_args(words)
    options = {"data": asked.data, "width": asked.width, "batch_size": PROBE}
    if asked.resolution != "none":
        options["resolution"] = asked.resolution
    with playing.engine(asked.recipe, **options) as engine:
        work = work_of(engine)
    machines = Machines(
        asked.device_tflops * 1e12,
        asked.share,
        asked.link_gbytes * 1e9,
        asked.latency_us * 1e-6,
        asked.overhead_ms / 1e3,
    )
    print(
        f"{asked.recipe}: {work.flop / 1e9:.3g} GFLOP a sample, {work.gradient_bytes / 1e6:.3g} MB of gradients and "
        f"{work.messages:g} all-reduces a round"
    )
    print("\n".join(table(work, machines, asked.batch_size, asked.devices, asked.grow)))


if __name__ == "__main__":
    main()
