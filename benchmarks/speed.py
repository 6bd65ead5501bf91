"""A round of the engine against the usual tutorial loop: same networks, batch, data and order of play.

The loops stand in `tutorials.py`. A loop is spared what no loop can do without: its data lie ready in batches on the
device (but where the case says `loader`: there a DataLoader with two workers transforms sample by sample), and it
neither averages nor logs. The engine deals samples, draws, averages and keeps its sums as in any run, with the
precision and the number of threads that it chooses by itself; `compiled` cases play with `--compile on`.

Both and a large matrix product in the engine's number format take turns in one process. The ratio of a turn's speeds
is one measurement: a figure is the median of all turns, its spread the quartiles. `peak_share` is the FLOP/s of the
engine's own round over those of the matrix product (on all cores); FLOP are those of convolutions and matrix products,
by torch's formulas (`torch.utils.flop_counter`), of the round that is not compiled. `ceiling` is the ratio of a round
that reached all of that speed: what no engine can pass beside this loop on this machine. `kernels` is the share of our
rounds that torch's own convolutions and matrix products take, by its profiler; `kernel_ceiling` the ratio of a round of
these kernels and nothing else: what no engine can pass that calls the same ones.

`seeds` cases play so many seeds side by side, against as many loops one after the other.
"""

import copy
import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader
from torch.utils.flop_counter import flop_registry

from records import Case, Measured, Target, run
from tutorials import TUTORIALS, Loop, NextBatch, Round
from zerosum.draw import Draw
from zerosum.runs.setup import Setup, settle
from zerosum.training.devices import make_fabric, threads
from zerosum.training.engine import Engine
from zerosum.training.plan import Plan
from zerosum.training.progress import follow
from zerosum.training.side_by_side import SideBySide

TURNS = 11
TURN_SECONDS = 1.0
KERNEL_ROUNDS = 5
"""Periods of rounds that the profiler looks at."""
ROUNDS = "all rounds"
"""What the profiler calls them."""
PRODUCTS = {
    *(f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "convolution_backward", "_convolution")),
    *(f"aten::{name}" for name in ("mkldnn_convolution", "_slow_conv2d_forward", "_slow_conv2d_backward")),
    *(f"aten::{name}" for name in ("slow_conv_transpose2d", "slow_conv_transpose2d_backward")),
    *(
        f"mkldnn::{name}"
        for name in ("_convolution_pointwise", "_convolution_transpose_pointwise", "_linear_pointwise")
    ),
}
"""What the kernels are called in which convolutions and matrix products are worked out on a CPU."""
READY = 16
"""Batches that lie ready for the tutorial's loop."""
IMAGES = 1024
"""How many pictures of noise the image cases train on."""
MATRIX = {"cpu": 2048, "cuda": 8192}
"""Side of the matrices whose product sets the peak."""


class Turn(NamedTuple):
    """Seconds of a round of ours, of a round of theirs, of a matrix product."""

    ours: float
    theirs: float
    product: float


def measure(
    seed: int,
    trial: bool,
    *,
    recipe: str,
    data: str,
    given: Mapping[str, Any],
    loader: bool,
    compiled: bool,
    precision: str = "auto",
) -> Measured:
    """Let both take turns."""
    setup = settle(recipe, material(data), given, seed=seed, precision=precision, progress=False)
    plan = setup.plan()
    theirs = tutorial(setup, plan, loader)
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_for(setup, plan, Path(folder))
        ours = engine_round(engine)
        period = math.lcm(*(phase.every for phase in plan.game.phases))
        flop = {"ours": counted(ours, period), "theirs": counted(theirs, period)}
        if compiled:
            with threads(setup.threads_for(plan)):
                assert engine.compile("on"), f"{recipe} on {data} was not compiled"
        product, work = matrix_product(engine.fabric.device, setup.precision_for(plan))
        took = turns(ours, theirs, product, period, *how_long(trial), own_threads=setup.threads_for(plan))
        found = figures(took, flop, work, plan.batch_size)
        if engine.fabric.device.type == "cpu":
            share = kernels(ours, period * (1 if trial else KERNEL_ROUNDS), setup.threads_for(plan))
            found |= {"kernels": share, "kernel_ceiling": found["ratio"] / share}
    return Measured(found | {"bfloat16": float(setup.precision_for(plan) == "bfloat16")})


def measure_seeds(seed: int, trial: bool, *, recipe: str, data: str, given: Mapping[str, Any], seeds: int) -> Measured:
    """Many seeds side by side, and a tutorial's loop that is played as often, take turns."""
    setup = replace(settle(recipe, material(data), given, seed=seed, progress=False), trainings=seeds)
    plans = [replace(setup, seed=place).plan() for place in range(seeds)]
    theirs = tutorial(setup, plans[0])
    with tempfile.TemporaryDirectory() as folder:
        engines = [engine_for(replace(setup, seed=place), plan, Path(folder)) for place, plan in enumerate(plans)]
        together, every = SideBySide(engines, code=not trial, tell=print), itertools.count(1)

        def ours() -> None:
            together.round([True] * seeds)
            if next(every) % 50 == 0:
                for engine in engines:
                    engine.table.tally.means()
                    engine.table.tally.clear()

        def all_of_theirs() -> None:
            for _ in range(seeds):
                theirs()

        product, work = matrix_product(engines[0].fabric.device, setup.precision_for(plans[0]))
        flop = seeds * counted(theirs, 1)  # what is vectorised is counted otherwise; it has the same products
        own_threads = setup.threads_for(plans[0])
        took = turns(ours, all_of_theirs, product, 1, *how_long(trial), own_threads=own_threads)
    return Measured(figures(took, {"ours": flop, "theirs": flop}, work, seeds * plans[0].batch_size))


def figures(took: list[Turn], flop: Mapping[str, float], work: float, batch_size: int) -> dict[str, float]:
    """The figures of a case."""
    low, ratio, high = statistics.quantiles([turn.theirs / turn.ours for turn in took], n=4)
    ours, theirs, product = (statistics.median(column) for column in zip(*took, strict=True))
    return {
        "ratio": ratio,
        "lower_quartile": low,
        "upper_quartile": high,
        "peak_share": statistics.median((flop["ours"] / turn.ours) / (work / turn.product) for turn in took),
        "ceiling": statistics.median(turn.theirs * (work / turn.product) / flop["ours"] for turn in took),
        "samples_per_second": batch_size / ours,
        "tutorial_samples_per_second": batch_size / theirs,
        "gflop_a_sample": flop["ours"] / batch_size / 1e9,
        "tutorial_gflop_a_sample": flop["theirs"] / batch_size / 1e9,
        "peak_gflop_per_second": work / product / 1e9,
    }


def material(data: str) -> Any:
    """What to train on: a name, or pictures of noise as `height x width x channels`."""
    if "x" not in data:
        return data
    shape = tuple(map(int, data.split("x")))
    return np.random.default_rng(0).integers(0, 256, (IMAGES, *shape), dtype=np.uint8)


def tutorial(setup: Setup, plan: Plan, loader: bool = False) -> Round:
    """The tutorial's round, with copies of the plan's networks."""
    device = torch.device(setup.device)
    networks = {name: copy.deepcopy(network).to(device) for name, network in plan.game.networks.items()}
    latent = next(iter(plan.game.samplers.values())).latent
    next_batch = (loaded if loader else ready)(setup, plan.batch_size)
    return TUTORIALS[setup.name](Loop(networks, plan.game, next_batch, latent.prior.size if latent else 0))


def ready(setup: Setup, size: int) -> NextBatch:
    """Batches that lie on the device."""
    train = setup.data.train
    places = [torch.randperm(train.size)[:size] if train.size else torch.arange(size) for _ in range(READY)]
    draws = [Draw("ready", index, device=setup.device) for index in range(READY)]
    batches = [train.batch(place, draw) for place, draw in zip(places, draws, strict=True)]
    turn = itertools.cycle((batch.real, batch.condition) for batch in batches)
    return lambda: next(turn)


def loaded(setup: Setup, size: int) -> NextBatch:
    """Batches of a DataLoader that shuffles and transforms every picture on its own, in two workers."""
    samples = Transformed([Image.fromarray(picture) for picture in setup.source])
    loader = DataLoader(samples, size, shuffle=True, drop_last=True, num_workers=2, persistent_workers=True)
    endless = itertools.chain.from_iterable(itertools.repeat(loader))
    return lambda: (next(endless).to(setup.device), None)


class Transformed:
    """What `ToTensor` and `Normalize` make of pictures."""

    def __init__(self, pictures: list[Image.Image]) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> Tensor:
        values = torch.from_numpy(np.array(self.pictures[place])).permute(2, 0, 1).contiguous()
        return values.float().div(255).sub(0.5).div(0.5)


def engine_for(setup: Setup, plan: Plan, folder: Path) -> Engine:
    """The engine, as `zerosum.train` sets it up."""
    fabric = make_fabric(setup.device, setup.devices, setup.precision_for(plan))
    fabric.launch()
    listener = follow(plan.length_samples, show=False)
    identity = setup.identity(plan)
    return Engine(plan, setup.data, run=folder, fabric=fabric, seed=setup.seed, identity=identity, listener=listener)


def engine_round(engine: Engine) -> Round:
    """A round, and now and then what `play` does with the sums at a report."""
    every = itertools.count(1)

    def one_round() -> None:
        engine.round()
        if next(every) % 50 == 0:
            engine.table.tally.means()
            engine.table.tally.clear()

    return one_round


def matrix_product(device: torch.device, precision: str) -> tuple[Round, float]:
    """A product of large square matrices, and its FLOP."""
    side = MATRIX[device.type]
    a, b = (torch.randn(side, side, device=device, dtype=getattr(torch, precision)) for _ in range(2))
    return lambda: torch.mm(a, b, out=None), 2.0 * side**3


class Flop(TorchDispatchMode):
    """Counts like torch's FlopCounterMode, which itself cannot follow gradients with respect to samples."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operation and do it."""
        found = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.total += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=found)
        return found


def counted(one_round: Round, period: int) -> float:
    """FLOP a round, the mean over so many."""
    with Flop() as flop:
        for _ in range(period):
            one_round()
    return flop.total / period


def kernels(one_round: Round, rounds: int, count: int) -> float:
    """The share of so many rounds' time that is spent inside convolutions and matrix products."""
    with threads(count):
        one_round()
        with profile(activities=[ProfilerActivity.CPU]) as seen, record_function(ROUNDS):
            for _ in range(rounds):
                one_round()
    events = {event.key: event for event in seen.key_averages()}
    own = sum(event.self_cpu_time_total for name, event in events.items() if name in PRODUCTS)
    return own / events[ROUNDS].cpu_time_total


def how_long(trial: bool) -> tuple[int, float]:
    """How many turns, and the seconds of each."""
    return (2, 0.0) if trial else (TURNS, TURN_SECONDS)


def turns(
    ours: Round,
    theirs: Round,
    product: Round,
    period: int,
    count: int,
    seconds: float,
    own_threads: int | None = None,
) -> list[Turn]:
    """Let all take turns, so many times; who begins alternates.

    Args:
        ours, theirs, product: what is timed.
        period: rounds after which all phases have been played; a turn has a multiple of it.
        count: turns.
        seconds: about how long a turn of the tutorial's loop is.
        own_threads: those of our rounds; the others have as many as torch takes.
    """
    number = {ours: own_threads}
    for player in (ours, theirs):
        timed(player, 4 * period if seconds else period, number.get(player))
    rounds = period * max(1, round(seconds / timed(theirs, period) / period))
    took = []
    for turn in range(count):
        order = (ours, theirs) if turn % 2 else (theirs, ours)
        taken = {player: timed(player, rounds, number.get(player)) for player in order}
        took.append(Turn(taken[ours], taken[theirs], timed(product, 5)))
    return took


def timed(one_round: Callable[[], object], rounds: int, count: int | None = None) -> float:
    """Seconds a round takes with so many threads; setting these is not part of it, nor is the round after that."""
    with threads(count or torch.get_num_threads()):
        one_round()
        synchronise()
        began = time.perf_counter()
        for _ in range(rounds):
            one_round()
        synchronise()
        return (time.perf_counter() - began) / rounds


def synchronise() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def case(
    name: str,
    recipe: str,
    data: str,
    target: float | None = None,
    *,
    peak: float | None = None,
    loader: bool = False,
    compiled: bool = False,
    precision: str | None = None,
    **given: Any,
) -> Case:
    """A recipe on data, with its options, and the ratio and the share of the peak that it must reach."""
    how: dict[str, Any] = {"loader": loader, "compiled": compiled}
    if precision is not None:  # by default the engine's own choice
        how["precision"] = precision
    wanted = {"ratio": target, "peak_share": peak}
    return Case(
        name=name,
        measure=partial(measure, recipe=recipe, data=data, given=given, **how),
        options={"recipe": recipe, "data": data, "turns": TURNS, **how, **given},
        targets={name: Target(low=low) for name, low in wanted.items() if low is not None},
        seeds=1,
    )


def seeds_case(name: str, recipe: str, data: str, target: float, *, seeds: int, **given: Any) -> Case:
    """Many seeds at once."""
    return Case(
        name=name,
        measure=partial(measure_seeds, recipe=recipe, data=data, given=given, seeds=seeds),
        options={"recipe": recipe, "data": data, "turns": TURNS, "seeds": seeds, **given},
        targets={"ratio": Target(low=target)},
        seeds=1,
    )


def here(cpu: float | None, gpu: float | None) -> float | None:
    """The target for the device that is here."""
    return gpu if torch.cuda.is_available() else cpu


MLP = {"network": "mlp", "width": 128}
CASES = [
    case("mlp-points-512", "gan", "ring", batch_size=512, **MLP),
    case("mlp-784", "gan", "28x28x1", here(1.0, 1.0), batch_size=64, network="mlp"),
    case("mlp-784-compiled", "gan", "28x28x1", here(1.0, 8.0), compiled=True, batch_size=64, network="mlp"),
    case("r3gan-points-64", "r3gan", "ring", batch_size=64, **MLP),
    case("r3gan-points-64-compiled", "r3gan", "ring", here(2.5, 8.0), compiled=True, batch_size=64, **MLP),
    case("r3gan-points-64-bfloat16", "r3gan", "ring", precision="bfloat16", batch_size=64, **MLP),
    case("r3gan-points-256", "r3gan", "ring", batch_size=256, **MLP),
    case("r3gan-points-256-bfloat16", "r3gan", "ring", precision="bfloat16", batch_size=256, **MLP),
    case("r3gan-points-512", "r3gan", "ring", batch_size=512, **MLP),
    case("r3gan-points-512-float32", "r3gan", "ring", precision="float32", batch_size=512, **MLP),
    case("r3gan-points-512-compiled", "r3gan", "ring", here(1.3, None), compiled=True, batch_size=512, **MLP),
    seeds_case("r3gan-points-64-seeds-16", "r3gan", "ring", 4.0, seeds=16, batch_size=64, **MLP),
    case("dcgan-32", "dcgan", "32x32x3", batch_size=64),
    case("dcgan-32-loader", "dcgan", "32x32x3", loader=True, batch_size=64),
    case("dcgan-64", "dcgan", "64x64x3", here(1.9, None), peak=here(0.75, None), batch_size=64),
    case(
        "dcgan-64-compiled",
        "dcgan",
        "64x64x3",
        here(2.2, 4.0),
        peak=here(0.75, None),
        compiled=True,
        batch_size=64,
    ),
    case("wgan-gp-64", "wgan-gp", "64x64x3", here(1.9, None), batch_size=64),
    case("wgan-gp-64-compiled", "wgan-gp", "64x64x3", compiled=True, batch_size=64),
    case("r3gan-32", "r3gan", "32x32x3", here(1.9, None), batch_size=64),
    case("r3gan-32-compiled", "r3gan", "32x32x3", compiled=True, batch_size=64),
    case("cyclegan-32", "cyclegan", "glyphs:sans-serif", here(1.9, None), batch_size=8),
    case("cyclegan-32-compiled", "cyclegan", "glyphs:sans-serif", compiled=True, batch_size=8),
]
if torch.cuda.is_available():
    CASES += [
        case("dcgan-128", "dcgan", "128x128x3", batch_size=64),
        case("dcgan-128-compiled", "dcgan", "128x128x3", 4.0, compiled=True, batch_size=64),
        case("r3gan-256", "r3gan", "256x256x3", batch_size=32, network="resnet", width=128),
    ]

if __name__ == "__main__":
    run("speed", __doc__, CASES)
