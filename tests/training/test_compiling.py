"""Compiled moves come to what moves come to; what cannot be compiled is played as it is, and said.

But for one test that is slow and those that are left out unless they are asked for (`pytest -m compiler`), graphs are
traced and then run as they are: what the compiler makes of a recipe takes it up to some minutes.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zerosum
from zerosum import recipes
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Controls, Phase, Player, Result, Sampler
from zerosum.games.core import Game
from zerosum.optimizers import Optimizer
from zerosum.runs.commands import train_command
from zerosum.runs.setup import settle
from zerosum.training import compiling, tracing
from zerosum.training.capturing import Captured
from zerosum.training.compiling import CompiledMove, computed, settle_compiling
from zerosum.training.devices import make_fabric, resolve_compile
from zerosum.training.engine import Engine
from zerosum.training.moves import EngineMove
from zerosum.training.progress import Progress

UNHELD = {("stylegan2", "G_path_length"): "it keeps a tensor of shape () of its own"}
"""Moves that no graph can hold, and why: the mean of path lengths is put anew when a run goes back to a checkpoint."""


@pytest.fixture
def traced_only(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Graphs are run as they are; the list has those that were asked for."""
    asked: list[Any] = []
    monkeypatch.setattr("torch._inductor.compile", lambda module, *how: asked.append(module) or module)
    return asked


@pytest.fixture
def engine_of(tiny, fabric, tmp_path: Path) -> Callable[..., Engine]:
    """An engine at the beginning of a tiny training of a recipe."""

    def make(recipe: str, **changes: Any) -> Engine:
        given = tiny(recipe, **changes)
        settled = ("recipe", "data", "progress", "device", "precision", "evaluate")
        setup = settle(recipe, given["data"], {k: v for k, v in given.items() if k not in settled}, progress=False)
        listener = Progress(1)
        return Engine(setup.plan(), setup.data, run=tmp_path, fabric=fabric, seed=0, identity={}, listener=listener)

    return make


def in_float64(engine: Engine) -> Engine:
    """The same with networks that work in float64, where two ways to the same sum differ by next to nothing."""

    def doubled(module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for v in given)

    for network in engine.plan.game.networks.values():
        for module in network.double().modules():
            module.register_forward_pre_hook(doubled)
    return engine


def moves(engine: Engine, round_index: int = 0) -> Iterator[EngineMove]:
    for phase in engine.plan.game.phases:
        yield EngineMove(engine.table, phase, 0, round_index)


def assert_equal_moves(engine: Engine, recipe: str) -> None:
    """Up to rounding, in the round that was traced and in a later one."""
    game = engine.plan.game
    for first, later in zip(moves(engine), moves(engine, 3), strict=True):
        compiled = CompiledMove(first.compute, game)
        computed(first, compiled, game)
        for move in (first, later):
            gradients, entry = computed(move, move.compute, game)
            found, also = computed(move, compiled, game)
            assert compiled.refused == UNHELD.get((recipe, move.phase.name))
            assert [g is None for g in found] == [g is None for g in gradients]
            torch.testing.assert_close(tracing.flat(found), tracing.flat(gradients), rtol=1e-3, atol=1e-6)
            assert also.names == entry.names
            torch.testing.assert_close(also.values, entry.values, rtol=1e-4, atol=1e-5)
        assert len(compiled.ways) == 1


@pytest.mark.parametrize("recipe", recipes.names())
def test_a_graph_of_a_move_holds_its_gradients(recipe, engine_of, traced_only):
    assert_equal_moves(engine_of(recipe), recipe)


@pytest.mark.slow
def test_compiled_gradients_are_those_of_the_move(engine_of):
    assert_equal_moves(engine_of("r3gan"), "r3gan")


@pytest.mark.compiler
@pytest.mark.parametrize("recipe", recipes.names())
def test_compiled_gradients_are_those_of_the_move_number_by_number(recipe, engine_of):
    assert_equal_moves(in_float64(engine_of(recipe)), recipe)


def test_buffers_move_as_they_do_without(engine_of, traced_only):
    """Running statistics, and the pools of CycleGAN, which keep pictures from one phase to the next."""
    for recipe in ("dcgan", "cyclegan"):
        plain, compiled = engine_of(recipe), engine_of(recipe)
        assert compiled.compile("on")
        for _ in range(3):
            plain.round()
            compiled.round()
        for a, b in zip(tracing.tensors_of(plain.plan.game), tracing.tensors_of(compiled.plan.game), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_deciding_changes_nothing(engine_of, traced_only):
    engine = engine_of("dcgan")
    before = [value.clone() for value in tracing.tensors_of(engine.plan.game)]
    state = torch.random.get_rng_state()
    assert engine.compile("on")
    assert all(map(torch.equal, before, tracing.tensors_of(engine.plan.game)))
    assert torch.equal(state, torch.random.get_rng_state())
    assert not engine.table.tally.columns


def test_another_value_of_a_control_needs_no_other_graph_but_another_decision_does(engine_of, traced_only):
    engine = engine_of("r3gan")
    game, (move, *_) = engine.plan.game, moves(engine)
    compiled = CompiledMove(move.compute, game)
    for weight, graphs in ((0.5, 1), (2.0, 1), (0.0, 2), (1.0, 2)):
        engine.table.controls = {**engine.position.controls, "r1": weight}
        _, entry = computed(move, compiled, game)
        _, wanted = computed(move, move.compute, game)
        torch.testing.assert_close(entry.values, wanted.values)
        assert len(traced_only) == graphs


def test_only_a_gpu_is_handed_whole_moves(engine_of, traced_only):
    engine = engine_of("r3gan")
    assert engine.compile("on")
    assert not any(move.captured for move in engine.table.compiled.values())


@pytest.mark.parametrize(
    "broken", [lambda run, handed, held: lambda *now: run(*handed, *held), lambda run, handed, held: run(*held)]
)
def test_a_recording_that_fails_or_repeats_old_numbers_is_not_played(broken, engine_of, traced_only, monkeypatch):
    monkeypatch.setattr(compiling, "Captured", broken)
    engine = engine_of("r3gan")
    move = next(moves(engine))
    captured = CompiledMove(move.compute, engine.plan.game, captured=True)
    gradients, _ = computed(move, move.compute, engine.plan.game)
    found, _ = computed(move, captured, engine.plan.game)
    assert captured.refused is None
    torch.testing.assert_close(tracing.flat(found), tracing.flat(gradients), rtol=1e-3, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs")
@pytest.mark.parametrize("recipe", ["gan", "wgan-gp", "r3gan", "dcgan"])
def test_recorded_moves_play_the_rounds_of_others(recipe, tiny, tmp_path):
    engines = []
    for _ in range(2):
        given = tiny(recipe)
        settled = {name: given[name] for name in ("width", "latent_size", "resolution", "batch_size") if name in given}
        setup = settle(recipe, given["data"], settled, device="cuda", precision="float32", progress=False)
        how = {"fabric": make_fabric("cuda", 1, "float32"), "seed": 0, "identity": {}, "listener": Progress(1)}
        engines.append(Engine(setup.plan(), setup.data, run=tmp_path, **how))
    plain, recorded = engines
    assert recorded.compile("on")
    ways = [way for move in recorded.table.compiled.values() for _, way in move.ways]
    assert all(isinstance(way.run, Captured) for way in ways)
    for _ in range(5):
        plain.round()
        recorded.round()
    for a, b in zip(tracing.tensors_of(plain.plan.game), tracing.tensors_of(recorded.plan.game), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_auto_compiles_only_what_is_long_enough(engine_of, traced_only):
    assert not engine_of("gan").compile("auto")
    assert not traced_only


def keeping(remember: Callable[[dict[str, Tensor], Tensor, Controls, Draw], Tensor]) -> Game:
    """A game of one number whose loss does something of its own."""
    network, kept = nn.ParameterDict({"w": nn.Parameter(torch.ones(()))}), {"old": torch.zeros(())}

    def loss(batch, draw: Draw, controls: Controls) -> Result:
        return Result({"value": (network["w"] * remember(kept, batch.real.mean(), controls, draw)).square()})

    return Game(
        players={"P": Player(nn.ModuleDict({"P": network}), Optimizer(name="sgd"))},
        phases=(Phase("P", ("P",), loss),),
        samplers={"none": Sampler(lambda networks, batch, draw: batch.real)},
        controls={"k": 1.0},
    )


def from_before(kept: dict[str, Tensor], x: Tensor, controls: Controls, draw: Draw) -> Tensor:
    return kept["old"] + x


def looked_into(kept: dict[str, Tensor], x: Tensor, controls: Controls, draw: Draw) -> Tensor:
    return x if x > 0 else -x


def by_key(kept: dict[str, Tensor], x: Tensor, controls: Controls, draw: Draw) -> Tensor:
    return x * len(draw.key)


def power(kept: dict[str, Tensor], x: Tensor, controls: Controls, draw: Draw) -> Tensor:
    return x * 2 ** controls["k"]


@pytest.mark.parametrize("does", [from_before, looked_into, by_key, power])
def test_what_no_graph_can_hold_is_played_as_it_is(does, make_engine, make_plan, traced_only):
    engine = make_engine(make_plan(keeping(does)))
    assert not engine.compile("on")
    assert engine.listener.messages[-1].startswith("The loss of P is not compiled: ")
    engine.round()


def test_a_graph_that_comes_to_something_else_is_refused(make_engine, make_plan, monkeypatch):
    """As a compiler does that drops a penalty."""
    monkeypatch.setattr("torch._inductor.compile", lambda module, *how: lambda *a: [x * 2 for x in module(*a)])
    engine = make_engine(make_plan())
    assert not engine.compile("on")
    assert "apart" in engine.listener.messages[-1]


def test_without_a_compiler_it_is_said_and_played_on(make_engine, make_plan, monkeypatch):
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    engine = make_engine(make_plan())
    assert not engine.compile("on")
    assert engine.listener.messages == ["Not compiled: there is no C++ compiler on this machine."]


def test_auto_gives_up_what_turns_out_no_faster(make_engine, make_plan, traced_only, monkeypatch):
    monkeypatch.setattr(compiling, "timed", lambda move, compute, game: 1.0)
    engine, told = make_engine(make_plan()), []
    assert not settle_compiling("auto", engine.plan, engine.table, 10**6, told.append)
    assert told[-1] == "Not compiled after all: a round would take 100% of its time."
    assert not engine.table.compiled


def test_a_resumed_run_is_compiled_again_and_equals_one_in_one_go(tiny, content, tmp_path, traced_only):
    given = tiny("wgan-gp", compile="on")
    whole = zerosum.train(out=tmp_path / "whole", **given)
    graphs = len(traced_only)
    parts = zerosum.train(out=tmp_path / "parts", **given | {"length_samples": 24})
    zerosum.resume(parts, length_samples=48, progress=False)
    assert graphs == 2
    assert len(traced_only) == 3 * graphs
    ends = [{name: file for name, file in content(run.path).items() if "000000048/" in name} for run in (parts, whole)]
    assert ends[0]
    assert ends[0] == ends[1]
    assert whole.plan["training"]["compile"] == parts.plan["training"]["compile"] == "on"


def test_what_auto_decided_is_put_on_record(tiny, tmp_path):
    run = zerosum.train(out=tmp_path / "run", **tiny("gan"))
    assert run.plan["training"]["compile"] == "off"
    assert "--compile off" in train_command(run.plan)


def test_auto_never_compiles_parts_of_ones_own():
    assert resolve_compile("auto", own=True) == "off"
    assert [resolve_compile(name, own=False) for name in ("auto", "on", "off")] == ["auto", "on", "off"]
    with pytest.raises(UserError, match="compile"):
        resolve_compile("yes", own=False)
