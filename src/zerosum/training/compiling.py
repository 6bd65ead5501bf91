"""Whether a training's losses are compiled, as graphs (`zerosum.training.tracing`) that become code."""

import shutil
import time
from collections.abc import Callable, Mapping

import torch

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import JOINT, Controls, Game
from zerosum.training.capturing import Captured
from zerosum.training.moves import Compute, Computed, EngineMove, Table, seed_layers
from zerosum.training.plan import Plan
from zerosum.training.tracing import (
    SAME,
    Fork,
    Graph,
    NotCompilableError,
    code_of,
    refuse_apart,
    refusing,
    traced,
    unchanged,
)

WARM_UP_SECONDS = 60.0
"""About what compiling a game takes on two cores."""
SHORT_SECONDS, HOPE = 0.02, 0.25
"""Share of the time that compiling may save where rounds are so short: small networks win two thirds."""
GAIN = 0.1
"""The least share of a training's time that compiling must save, by `auto`; of longer rounds no more is hoped for."""
TIMED = 3
"""Moves that are timed for that decision."""


def settle_compiling(wanted: str, plan: Plan, table: Table, rounds: int, tell: Callable[[str], None]) -> bool:
    """Compile all moves of a training, where that is wanted and can be done.

    Args:
        wanted: `on`, `off`, or `auto`: where the time that is saved is longer than what compiling takes.
        plan: what is played.
        table: its moves'; what is compiled is put there.
        rounds: that are still to be played.
        tell: says what is done, in a line.

    Returns:
        Whether moves are compiled from here on.
    """
    if wanted == "off":
        return False
    if hindrance := obstacle(table, plan):
        if wanted == "on":
            tell(f"Not compiled: {hindrance}.")
        return False
    moves = {phase.name: EngineMove(table, phase, 0, 0) for phase in plan.game.phases}
    before = round_seconds(plan, moves, {name: move.compute for name, move in moves.items()})
    if not long_enough(wanted, before, rounds):
        return False
    tell(f"Compiling the losses, which takes a minute or so; the training takes {before * rounds / 60:.0f} without.")
    captured = table.fabric.device.type == "cuda" and before < SHORT_SECONDS
    compiled = {name: CompiledMove(move.compute, plan.game, captured) for name, move in moves.items()}
    share = round_seconds(plan, moves, compiled) / before
    for name, move in compiled.items():
        if move.refused is not None:
            tell(f"The loss of {name} is not compiled: {move.refused}.")
    if all(move.refused for move in compiled.values()):
        return False
    if wanted == "auto" and share > 1 - GAIN:
        tell(f"Not compiled after all: a round would take {share:.0%} of its time.")
        return False
    table.compiled |= compiled
    return True


def worth_compiling(wanted: str, plan: Plan, table: Table, rounds: int) -> bool:
    """Whether losses that are computed for many trainings at once are compiled; arguments as of `settle_compiling`.

    Args:
        wanted: see there, as for `plan` and `table`.
        plan: of one of them.
        table: of the same.
        rounds: of all of them together.
    """
    if wanted == "off" or obstacle(table, plan):
        return False
    table.controls = plan.in_force(table.controls, 0)
    moves = {phase.name: EngineMove(table, phase, 0, 0) for phase in plan.game.phases}
    plain = {name: move.compute for name, move in moves.items()}
    seconds = round_seconds(plan, moves, plain)
    return long_enough(wanted, seconds, rounds)


def long_enough(wanted: str, seconds: float, times: int) -> bool:
    """Whether what takes so many seconds, so many times, is compiled (`on`, `auto`)."""
    return wanted == "on" or hope(seconds) * seconds * times >= WARM_UP_SECONDS


def hope(seconds: float) -> float:
    """The share of a round of so many seconds that compiling may save."""
    return HOPE if seconds < SHORT_SECONDS else GAIN


def round_seconds(plan: Plan, moves: Mapping[str, EngineMove], computes: Mapping[str, Compute]) -> float:
    """About what a round of these takes."""
    often = {phase.name: phase.repeats(0) / phase.every for phase in plan.game.phases}
    return sum(timed(moves[name], compute, plan.game) * often[name] for name, compute in computes.items())


def obstacle(table: Table, plan: Plan) -> str | None:
    """Why a training cannot be compiled, whatever its losses are."""
    if plan.order(0) in JOINT:
        return "gradients are differentiated once more"
    if table.pieces.size is not None:
        return "the batch is worked on in pieces"
    if table.fabric.world_size > 1:
        return "there are several processes"
    return no_compiler(table.fabric.device)


def no_compiler(device: torch.device) -> str | None:
    """Why nothing can be compiled for a device."""
    if device.type == "cpu" and not any(map(shutil.which, ("g++", "clang++", "cl"))):
        return "there is no C++ compiler on this machine"
    return None


def computed(move: EngineMove, compute: Compute, game: Game) -> Computed:
    """What a move would compute, with nothing of the game changed."""
    batch, draw = move.table.dealer.deal(move.phase, move.round_index, move.repeat)
    with unchanged(game):
        seed_layers(draw.sub("layers").key, draw.device)
        return compute(batch, draw, move.table.controls)


def timed(move: EngineMove, compute: Compute, game: Game) -> float:
    """Seconds that a move takes to compute, the least of some."""
    took = []
    for _ in range(TIMED):
        began = time.perf_counter()
        _, entry = computed(move, compute, game)
        entry.values.tolist()  # wait for the device
        took.append(time.perf_counter() - began)
    return min(took)


class CompiledMove:
    """A `Compute` as compiled graphs, one for every way in which the controls let the loss go.

    Args:
        compute: what is compiled.
        game: whose weights and buffers it may read, and whose buffers it may change.
        captured: whether a graph becomes one launch of the GPU (`zerosum.training.capturing`).

    Attributes:
        ways: what the loss decided, and what plays it then: a graph, or where there can be none `compute` itself.
        refused: why there can be none, of the last way that was tried.
    """

    def __init__(self, compute: Compute, game: Game, captured: bool = False) -> None:
        self.compute = compute
        self.game = game
        self.captured = captured
        self.ways: list[tuple[list[Fork], Compute]] = []
        self.refused: str | None = None

    def __call__(self, batch: Batch, draw: Draw, controls: Controls) -> Computed:
        """The same as `compute`, up to the rounding of numbers."""
        for forks, way in self.ways:
            if all(fork.test(controls[fork.control]) == fork.outcome for fork in forks):
                return way(batch, draw, controls)
        forks = []
        try:
            way, self.refused = compiled(self.compute, self.game, batch, draw, controls, forks), None
            if self.captured:
                capture(way, self.game, batch, draw, controls)
        except NotCompilableError as error:
            way, self.refused = self.compute, str(error)
        self.ways.append((forks, way))
        return way(batch, draw, controls)


def compiled(compute: Compute, game: Game, batch: Batch, draw: Draw, controls: Controls, forks: list[Fork]) -> Graph:
    """The graph of a move as code, which comes to the same; arguments and errors as of `traced`."""
    graph = traced(compute, game, batch, draw, controls, forks)
    with refusing():
        graph.run = code_of(graph.run, [*graph.handed(batch, draw.sub(), controls), *graph.held])
        with unchanged(game):
            refuse_apart(graph.plain, graph(batch, draw.sub(), controls)[0])
    return graph


def capture(graph: Graph, game: Game, batch: Batch, draw: Draw, controls: Controls) -> None:
    """Have a graph replayed as one launch, where that can be done and comes to the same; arguments as of `traced`.

    It is recorded with other numbers, so that a replay which does not take those that it is given is seen.
    """
    run = graph.run
    others = [torch.zeros_like(tensor) for tensor in graph.handed(batch, draw.sub(), controls)]
    try:
        with refusing(), unchanged(game), torch.no_grad():
            wanted, _ = graph(batch, draw.sub(), controls)
        with refusing(), unchanged(game), torch.no_grad():
            graph.run = Captured(run, others, graph.held)
            refuse_apart(wanted, graph(batch, draw.sub(), controls)[0], SAME)
    except NotCompilableError:
        graph.run = run
