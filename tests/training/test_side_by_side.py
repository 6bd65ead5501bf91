"""Trainings side by side come to what each comes to alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from zerosum.errors import NotFinite
from zerosum.games import Player
from zerosum.optimizers import Optimizer
from zerosum.runs.setup import settle
from zerosum.training.engine import Engine
from zerosum.training.journal import read_lines
from zerosum.training.moves import Mover
from zerosum.training.optimizer_state import export, restore
from zerosum.training.progress import Progress
from zerosum.training.side_by_side import SideBySide, in_rows
from zerosum.training.stride import Stride
from zerosum.training.tracing import tensors_of

RECIPES = ("gan", "dcgan", "lsgan", "wgan", "wgan-gp", "dragan", "r3gan", "cgan", "cyclegan")
SEEDS = (0, 1, 2)
LONG_STEPS = {"gan": 0.1, "dcgan": 0.01, "lsgan": 0.01, "cgan": 0.01, "r3gan": 0.01}
"""Learning rates with which no step is lost in the tolerance; the others' losses do not bear it."""


@pytest.fixture
def engine_of(tiny, fabric, tmp_path: Path) -> Callable[..., Engine]:
    """An engine at the beginning of a tiny training whose steps are in proportion to gradients."""

    def make(recipe: str, seed: int, place: str, **changes: Any) -> Engine:
        rate = {"lr": LONG_STEPS[recipe]} if recipe in LONG_STEPS else {}
        given = tiny(recipe, **{"optimizer": "sgd", "length_samples": 24} | rate | changes)
        settled = ("recipe", "data", "progress", "device", "precision", "evaluate", "seed")
        options = {name: value for name, value in given.items() if name not in settled}
        setup = settle(recipe, given["data"], options, seed=seed, precision="float32", progress=False)
        run = tmp_path / place / f"{recipe}-{seed}"
        run.mkdir(parents=True)
        return Engine(setup.plan(), setup.data, run=run, fabric=fabric, seed=seed, identity={}, listener=Progress(1))

    return make


def assert_alike(together: Engine, alone: Engine) -> None:
    """Up to the rounding of sums."""
    for a, b in zip(tensors_of(together.plan.game), tensors_of(alone.plan.game), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-4, atol=2e-5)
    assert together.position.samples_seen == alone.position.samples_seen
    averages, own = (engine.position.average.state() for engine in (together, alone))
    assert averages.keys() == own.keys()
    for name, average in averages.items():
        torch.testing.assert_close(average, own[name], rtol=2e-4, atol=2e-5)


def assert_gone_far(alone: Engine, start: Engine) -> None:
    """Steps are so long that `assert_alike` would see every one of them."""
    for player in alone.plan.game.players:
        pairs = zip(alone.position.movers[player].weights(), start.position.movers[player].weights(), strict=True)
        assert max(abs(float(a - b)) for a, b in pairs) > 5e-4


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_seed_is_trained_as_if_it_were_alone(recipe, engine_of):
    told: list[str] = []
    engines = [engine_of(recipe, seed, "together") for seed in SEEDS]
    SideBySide(engines, code=False, tell=told.append).play()
    assert told == []
    alone = engine_of(recipe, SEEDS[-1], "alone")
    alone.play()
    if recipe in LONG_STEPS:
        assert_gone_far(alone, engine_of(recipe, SEEDS[-1], "start"))
    assert_alike(engines[-1], alone)
    lines, own = (read_lines(engine.run / "log.jsonl") for engine in (engines[-1], alone))
    assert [line["samples_seen"] for line in lines] == [line["samples_seen"] for line in own]


@pytest.mark.parametrize("order", ["simultaneous", "generator-first", "extragradient"])
def test_any_order_that_takes_steps_in_turn(order, engine_of):
    engines = [engine_of("gan", seed, "together", order=order) for seed in SEEDS]
    SideBySide(engines, code=False, tell=pytest.fail).play()
    alone = engine_of("gan", 1, "alone", order=order)
    alone.play()
    assert_alike(engines[1], alone)


def test_what_cannot_be_vectorised_is_computed_one_by_one(engine_of, monkeypatch):
    def never(*given: Any) -> Any:
        raise RuntimeError("no rule for that")

    monkeypatch.setattr("zerosum.training.side_by_side.torch.vmap", never)
    told: list[str] = []
    engines = [engine_of("gan", seed, "together") for seed in SEEDS]
    SideBySide(engines, code=False, tell=told.append).play()
    assert [line.split(":")[0] for line in told] == [
        f"The loss of {name} is computed for one seed after the other" for name in ("D", "G")
    ]
    alone = engine_of("gan", 1, "alone")
    alone.play()
    assert_alike(engines[1], alone)


def test_who_fails_leaves_the_others_alone(engine_of):
    engines = [engine_of("gan", seed, "together") for seed in SEEDS]
    with torch.no_grad():
        next(engines[1].plan.game.players["D"].networks.parameters()).fill_(torch.nan)
    played = SideBySide(engines, code=False, tell=lambda text: None)
    played.play()
    assert list(played.failed) == [1]
    assert isinstance(played.failed[1], NotFinite)
    alone = engine_of("gan", 2, "alone")
    alone.play()
    assert_alike(engines[2], alone)


def test_who_decides_otherwise_is_computed_alone_without_tracing_anew(engine_of):
    """A control that wakes a trick in one training: no graph is shared, and none is made in vain."""

    def woken(place: str, seed: int) -> Engine:
        engine = engine_of("gan", seed, place)
        engine.position.controls["instance_noise"] = 0.1 * seed
        return engine

    engines = [woken("together", seed) for seed in SEEDS]
    played = SideBySide(engines, code=False, tell=pytest.fail)
    played.play()
    assert {name: len(chorus.ways) for name, chorus in played.choruses.items()} == {"D": 1, "G": 1}
    alone = woken("alone", 2)
    alone.play()
    assert_alike(engines[2], alone)


STEPPING = [
    *(Optimizer(name=name, lr=0.1, betas=(0.5, 0.9)) for name in ("adam", "adamw", "rmsprop", "sgd", "momentum")),
    Optimizer(name="adam", lr=0.1, optimistic=True),
    Optimizer(name="sgd", lr=0.1, betas=(-0.5, 0.9)),
]


def movers(optimizer: Optimizer) -> list[Mover]:
    """A player in three trainings."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [Mover(Player(nn.ModuleDict({"N": nn.Linear(4, 3)}), optimizer)) for _ in range(3)]


def push(players: list[Mover], turn: int) -> None:
    """Gradients of a turn."""
    for place, mover in enumerate(players):
        generator = torch.Generator().manual_seed(10 * turn + place)
        for parameter in mover.parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("happens", ["nothing", "sleep", "other rate", "other state"])
@pytest.mark.parametrize("optimizer", STEPPING, ids=lambda optimizer: f"{optimizer.name}-{optimizer.optimistic}")
def test_a_stride_is_everybodys_own_step(optimizer, happens):
    """Also where somebody falls asleep, has another rate, or is taken up from a checkpoint.

    Kernels round the end of a row, where it fills no vector, otherwise than the rest: by a bit.
    """
    together, alone = movers(optimizer), movers(optimizer)
    stride = Stride(together, in_rows([mover.parameters for mover in together]))
    for turn in range(6):
        awake = (True, not (happens == "sleep" and turn >= 3), True)
        for players in (together, alone):
            push(players, turn)
            for place, mover in enumerate(players):
                mover.set_rate(
                    0.5 if turn == 2 else 0.25 if happens == "other rate" and (turn, place) == (4, 1) else 1.0
                )
        stride.gather(awake)
        stride(awake)
        for mover in alone:
            mover.optimizer.step()
        if happens == "other state" and turn == 3:
            for players in (together, alone):
                kept = {name: tensor.clone() for name, tensor in export(players[0].optimizer, players[0].names).items()}
                restore(players[0].optimizer, players[0].names, kept)
    assert stride.apart == (happens == "other rate" or (happens == "other state" and bool(alone[0].optimizer.state)))
    for one, own, looked_at in zip(together, alone, awake, strict=True):
        if looked_at:
            torch.testing.assert_close(one.parameters, own.parameters, rtol=1e-6, atol=1e-7)
            found, expected = (export(mover.optimizer, mover.names) for mover in (one, own))
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_gradients_may_be_missing():
    """Of all trainings, as those of weights that are not used; or of one that computed nothing."""
    together, alone = (movers(Optimizer(name="adam", lr=0.1)) for _ in range(2))
    stride = Stride(together, in_rows([mover.parameters for mover in together]))
    for players in (together, alone):
        push(players, 0)
        for mover in players:
            mover.parameters[1].grad = None
        players[2].parameters[0].grad = None
    stride.gather((True, True, False))
    stride((True, True, False))
    for one, own in zip(together[:2], alone[:2], strict=True):
        own.optimizer.step()
        torch.testing.assert_close(one.parameters, own.parameters, rtol=1e-6, atol=1e-7)
        assert len(one.optimizer.state) == 1


def test_who_has_no_gradient_of_a_weight_does_not_step_there():
    together, alone = (movers(Optimizer(name="adam", lr=0.1)) for _ in range(2))
    stride = Stride(together, in_rows([mover.parameters for mover in together]))
    for turn in range(3):
        for players in (together, alone):
            push(players, turn)
            if turn == 1:
                players[0].parameters[1].grad = None
        stride.gather((True, True, True))
        stride((True, True, True))
        for mover in alone:
            mover.optimizer.step()
    assert stride.apart
    for one, own in zip(together, alone, strict=True):
        torch.testing.assert_close(one.parameters, own.parameters, rtol=1e-6, atol=1e-7)


def test_gradients_are_shortened_for_each_by_itself(engine_of):
    def shortened(place: str, seed: int) -> Engine:
        engine = engine_of("gan", seed, place)
        engine.position.controls |= {"D/clip": 0.1 * seed, "G/clip": 0.05 * seed}  # the first takes any length
        return engine

    engines = [shortened("together", seed) for seed in SEEDS]
    SideBySide(engines, code=False, tell=pytest.fail).play()
    for seed in SEEDS:
        alone = shortened("alone", seed)
        alone.play()
        assert_gone_far(alone, engine_of("gan", seed, "start"))
        assert_alike(engines[seed], alone)


def test_averages_may_have_half_lives_of_their_own(engine_of):
    def slower(place: str, seed: int) -> Engine:
        engine = engine_of("gan", seed, place)
        engine.position.controls["ema_half_life_samples"] = 10.0 * (1 + seed)
        engine.position.average.rampup = float("inf")
        return engine

    engines = [slower("together", seed) for seed in SEEDS]
    SideBySide(engines, code=False, tell=pytest.fail).play()
    assert len({engine.position.average.beta(24, 8) for engine in engines}) == len(SEEDS)
    for seed in SEEDS:
        alone = slower("alone", seed)
        alone.play()
        assert_alike(engines[seed], alone)


def test_who_sleeps_does_not_change_what_is_due(engine_of, stop_at):
    """Where phases are played in some rounds only, and a loss decides by what round it is."""
    engines = [engine_of("r3gan", seed, "together", penalty_every=2) for seed in SEEDS]
    engines[0].observers.append(stop_at(8))
    SideBySide(engines, code=False, tell=pytest.fail).play()
    assert [engine.position.samples_seen for engine in engines] == [8, 24, 24]
    alone = engine_of("r3gan", 2, "alone", penalty_every=2)
    alone.play()
    assert_alike(engines[2], alone)
