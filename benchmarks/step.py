"""A training step of the engine against the loop that tutorials teach, same networks, batch and order of play.

The tutorial's loop (PyTorch's DCGAN example; for `wgan-gp` that of the authors) is in float32, makes fakes once a round
and detaches them for the critic, asks the critic about real and fake samples apart, and uses Adam as it comes. It is
spared what a loop cannot do without: its data lie ready in batches, and it neither averages nor logs. The engine deals
samples, draws, averages and keeps its sums as in any run.

Both take turns in one process, and the ratio of each turn's speeds is one measurement: a figure is the median of all
turns, its spread the quartiles.
"""

import copy
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from records import Case, Measured, Target, run
from zerosum.draw import Draw
from zerosum.games import Game
from zerosum.optimizers import Optimizer
from zerosum.runs.setup import Setup, settle
from zerosum.training.devices import make_fabric
from zerosum.training.engine import Engine
from zerosum.training.plan import Plan
from zerosum.training.progress import follow

TURNS = 15
TURN_SECONDS = 1.0
LATENT = 64
READY = 16
"""Batches that lie ready for the tutorial's loop."""
Round = Callable[[], None]


def dcgan_round(G: nn.Module, D: nn.Module, batches: list[Tensor], game: Game) -> Round:
    """A round as in PyTorch's DCGAN tutorial."""
    adam_G, adam_D = adam(G, game, "G"), adam(D, game, "D")
    turn, bce = itertools.cycle(batches), F.binary_cross_entropy_with_logits

    def one_round() -> None:
        real = next(turn)
        D.zero_grad()
        score = D(real)
        bce(score, torch.ones_like(score)).backward()
        fake = G(torch.randn(len(real), LATENT))
        score = D(fake.detach())
        bce(score, torch.zeros_like(score)).backward()
        adam_D.step()
        G.zero_grad()
        score = D(fake)
        bce(score, torch.ones_like(score)).backward()
        adam_G.step()

    return one_round


def adam(network: nn.Module, game: Game, player: str) -> torch.optim.Optimizer:
    """Adam as it comes, with the numbers of the game's player."""
    described = game.players[player].optimizer
    assert isinstance(described, Optimizer)
    assert described.name == "adam"
    return torch.optim.Adam(network.parameters(), described.lr, described.betas)


def wgan_gp_round(G: nn.Module, D: nn.Module, batches: list[Tensor], game: Game) -> Round:
    """A round by algorithm 1 of Gulrajani 2017: five steps of the critic, one of the generator."""
    adam_G, adam_D = adam(G, game, "G"), adam(D, game, "D")
    turn, weight, steps = itertools.cycle(batches), game.controls["gradient_penalty"], game.phases[0].repeats(0)

    def one_round() -> None:
        for _ in range(steps):
            real = next(turn)
            fake = G(torch.randn(len(real), LATENT)).detach()
            epsilon = torch.rand(len(real), *[1] * (real.dim() - 1))
            between = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
            scores = D(between)
            (slope,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)
            penalty = (slope.flatten(1).norm(2, dim=1) - 1).square().mean()
            loss = D(fake).mean() - D(real).mean() + weight * penalty
            adam_D.zero_grad()
            loss.backward()
            adam_D.step()
        adam_G.zero_grad()
        (-D(G(torch.randn(len(real), LATENT))).mean()).backward()
        adam_G.step()

    return one_round


TUTORIALS = {"dcgan": dcgan_round, "gan": dcgan_round, "wgan-gp": wgan_gp_round}


def measure(seed: int, trial: bool, *, recipe: str, data: str, batch_size: int, precision: str) -> Measured:
    """Let both take turns."""
    given = {"batch_size": batch_size, "latent_size": LATENT}
    setup = settle(recipe, data, given, seed=seed, precision=precision, progress=False)
    plan = setup.plan()
    theirs = tutorial(setup, plan)
    with tempfile.TemporaryDirectory() as folder:
        ours = engine_round(engine_for(setup, plan, Path(folder)))
        took = turns(ours, theirs, *((3, 0.1) if trial else (TURNS, TURN_SECONDS)))
    ours_seconds, their_seconds = zip(*took, strict=True)
    low, ratio, high = statistics.quantiles([b / a for a, b in took], n=4)
    return Measured(
        {
            "ratio": ratio,
            "lower_quartile": low,
            "upper_quartile": high,
            "samples_per_second": batch_size / statistics.median(ours_seconds),
            "tutorial_samples_per_second": batch_size / statistics.median(their_seconds),
            "bfloat16": float(setup.precision == "bfloat16"),
        }
    )


def tutorial(setup: Setup, plan: Plan) -> Round:
    """The tutorial's round, with copies of the plan's networks."""
    G, D = (copy.deepcopy(plan.game.networks[name]) for name in "GD")
    train, size = setup.data.train, plan.batch_size
    places = [torch.randperm(train.size)[:size] if train.size else torch.arange(size) for _ in range(READY)]
    batches = [train.batch(place, Draw("ready", index)).real for index, place in enumerate(places)]
    return TUTORIALS[setup.name](G, D, batches, plan.game)


def engine_for(setup: Setup, plan: Plan, folder: Path) -> Engine:
    """The engine, as `zerosum.train` sets it up."""
    fabric = make_fabric(setup.device, setup.devices, setup.precision)
    fabric.launch()
    listener = follow(plan.length_samples, show=False)
    identity = setup.identity(plan)
    return Engine(plan, setup.data, run=folder, fabric=fabric, seed=setup.seed, identity=identity, listener=listener)


def engine_round(engine: Engine) -> Round:
    """A round, and now and then what `play` does with the sums at a report."""
    count = itertools.count(1)

    def one_round() -> None:
        engine.round()
        if next(count) % 50 == 0:
            engine.table.tally.means()
            engine.table.tally.clear()

    return one_round


def turns(ours: Round, theirs: Round, count: int, seconds: float) -> list[tuple[float, float]]:
    """Seconds of a round of ours and of theirs, so many times; who begins alternates."""
    for _ in range(5):
        ours()
        theirs()
    rounds = max(1, round(seconds / timed(theirs, 5)))
    took = []
    for turn in range(count):
        pair = [timed(player, rounds) for player in ((ours, theirs) if turn % 2 else (theirs, ours))]
        took.append((pair[0], pair[1]) if turn % 2 else (pair[1], pair[0]))
    return took


def timed(one_round: Round, rounds: int) -> float:
    """Seconds a round takes."""
    began = time.perf_counter()
    for _ in range(rounds):
        one_round()
    return (time.perf_counter() - began) / rounds


def case(recipe: str, data: str, batch_size: int, precision: str) -> Case:
    """A recipe on data."""
    return Case(
        name=f"{recipe}-{data}-batch-{batch_size}-{precision}",
        measure=partial(measure, recipe=recipe, data=data, batch_size=batch_size, precision=precision),
        options={"recipe": recipe, "data": data, "batch_size": batch_size, "precision": precision, "turns": TURNS},
        targets={"ratio": Target(low=1.0)},
        seeds=1,
    )


CASES = [
    case("dcgan", "digits", 64, "float32"),
    case("dcgan", "digits", 64, "auto"),
    case("gan", "ring", 64, "float32"),
    case("gan", "ring", 512, "float32"),
    case("wgan-gp", "digits", 64, "float32"),
    case("wgan-gp", "digits", 64, "auto"),
    case("wgan-gp", "ring", 64, "float32"),
]

if __name__ == "__main__":
    run("step", __doc__, CASES)
