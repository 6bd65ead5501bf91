"""Trainings of one plan that differ in their seed, played round by round side by side.

What a move computes is traced for one of them (`zerosum.training.tracing`) and vectorised over all (`torch.func.vmap`):
one launch does for every seed what it does for one. So that nothing has to be copied together, weights and buffers of
all games lie in common tensors, a row a seed. Everything else (samples, randomness, steps, logs, checkpoints) is each
training's own, so that it comes to what it would have come to by itself, up to the rounding of sums.
"""

import itertools
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._decomp import get_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.errors import Interrupted, NotFinite
from zerosum.games import PLAYS, Controls, Game, Phase
from zerosum.training.averaging import Average, blend
from zerosum.training.engine import Engine
from zerosum.training.interruption import Signals
from zerosum.training.moves import Computed, EngineMove, shorten
from zerosum.training.stride import Stride
from zerosum.training.tally import Entry
from zerosum.training.tracing import (
    Fork,
    Graph,
    NotCompilableError,
    code_of,
    refuse_apart,
    refusing,
    tensors_of,
    traced,
    unchanged,
)

Dealt = Sequence[tuple[Batch, Draw]]
"""Of each training, what a move sees."""


def norms(tensors: Sequence[Tensor], order: float = 2, dtype: torch.dtype | None = None) -> list[Tensor]:
    """Norms one by one."""
    return [torch.linalg.vector_norm(tensor, order, dtype=dtype) for tensor in tensors]


def clamp_(tensor: Tensor, *bounds: float | None) -> Tensor:
    """Clamping in place."""
    return tensor.copy_(tensor.clamp(*bounds))


ATEN = torch.ops.aten
SIMPLER = get_decompositions([ATEN.native_batch_norm, ATEN.native_batch_norm_backward]) | {
    ATEN._foreach_norm.Scalar: norms,
    ATEN.clamp_.default: clamp_,
}
"""What `vmap` cannot vectorise as it is, or not in half precision."""


def of_any_strides(module: Any) -> Callable[..., Sequence[Tensor]]:
    """A graph that copies what it cannot view, in whatever order: rows of many trainings lie otherwise than one's."""
    for node in module.graph.nodes:
        if node.target is ATEN.view.default:
            node.target = ATEN.reshape.default
        node.kwargs = {name: value for name, value in node.kwargs.items() if name != "memory_format"}
    module.recompile()
    run: Callable[..., Sequence[Tensor]] = module
    return run


def in_rows(trainings: Sequence[Sequence[Tensor]]) -> dict[int, Tensor]:
    """Put the tensors of equal trainings into common ones, a row a training.

    Returns:
        The common tensors by the `id` of the first training's.
    """
    common: dict[int, Tensor] = {}
    for tensors in zip(*trainings, strict=True):
        if id(tensors[0]) not in common:  # it is shared by two modules
            common[id(tensors[0])] = stacked = torch.stack([tensor.detach() for tensor in tensors])
            for tensor, row in zip(tensors, stacked, strict=True):
                tensor.data = row
    return common


class Averages:
    """The averages of all trainings, taken in one launch where their half-lives are the same.

    Args:
        averages: of the trainings.
        common: what they are averages of.
    """

    def __init__(self, averages: Sequence[Average], common: Mapping[int, Tensor]) -> None:
        self.averages = averages
        means = in_rows([[mean for mean, _ in (*one.weights, *one.buffers)] for one in averages])
        self.weights, self.buffers = (
            [(means[id(mean)], common[id(live)]) for mean, live in pairs]
            for pairs in (averages[0].weights, averages[0].buffers)
        )

    def update(self, age: int, batch_size: int) -> None:
        """As of an `Average`."""
        betas = {average.beta(age, batch_size) for average in self.averages}
        if len(betas) == 1:
            blend(self.weights, self.buffers, *betas)
        else:
            for average in self.averages:
                average.update(age, batch_size)


@dataclass
class Rows:
    """A graph that is vectorised over trainings.

    Attributes:
        graph: of one.
        run: of all: tensors with a row a training -> the same.
        held: weights and buffers of all.
    """

    graph: Graph
    run: Callable[..., Sequence[Tensor]]
    held: list[Tensor]

    @torch.no_grad()
    def __call__(self, dealt: Dealt, controls: Sequence[Controls]) -> Computed:
        """What the trainings' moves come to, gradients and values with a row a training."""
        return self.graph.told(self.run(*self.handed(dealt, controls), *self.held))

    def handed(self, dealt: Dealt, controls: Sequence[Controls]) -> list[Tensor]:
        """What is handed to the graph in front of weights and buffers."""
        each = [self.graph.handed(*seen, set_to) for seen, set_to in zip(dealt, controls, strict=True)]
        return [torch.stack(same) for same in zip(*each, strict=True)]


class Chorus:
    """What a phase computes in all trainings at once.

    Args:
        games: of the trainings.
        common: their weights and buffers, see `in_rows`.
        code: whether graphs are compiled.

    Attributes:
        refused: why nothing can be vectorised; then every training computes by itself.
    """

    def __init__(self, games: Sequence[Game], common: dict[int, Tensor], code: bool) -> None:
        self.games, self.common, self.code = games, common, code
        self.ways: list[tuple[list[Fork], Rows]] = []
        self.refused: str | None = None

    def way(self, moves: Sequence[EngineMove], dealt: Dealt, controls: Sequence[Controls]) -> Rows | None:
        """How it is computed with such controls; None: one by one."""
        for forks, rows in self.ways:
            if alike(forks, controls[:1]):  # who decides otherwise than the first cannot share its graph
                return rows if alike(forks, controls) else None
        if self.refused is not None:
            return None
        forks = []
        try:
            self.ways.append((forks, self._rows(moves[0], dealt, controls, forks)))
        except NotCompilableError as error:
            self.refused = str(error)
            return None
        return self.way(moves, dealt, controls)

    def _rows(self, move: EngineMove, dealt: Dealt, controls: Sequence[Controls], forks: list[Fork]) -> Rows:
        def anew() -> Dealt:
            return [(batch, draw.sub()) for batch, draw in dealt]

        graph = traced(move.compute, self.games[0], *anew()[0], controls[0], forks, SIMPLER)
        held = [self.common[id(tensor)] for tensor in graph.held]
        with refusing(), torch.no_grad(), ExitStack() as stack:
            for game in self.games:
                stack.enter_context(unchanged(game))
            rows = Rows(graph, torch.vmap(of_any_strides(graph.run)), held)
            handed = [*rows.handed(anew(), controls), *held]
            rows.run = make_fx(rows.run)(*handed)
            if self.code:
                rows.run = code_of(rows.run, handed)
            found, _ = rows(anew(), controls)
            refuse_apart(graph.plain, [None if gradient is None else gradient[0] for gradient in found])
        return rows


def alike(forks: Sequence[Fork], controls: Sequence[Controls]) -> bool:
    """Whether all trainings decide in the same way."""
    return all(fork.test(one[fork.control]) == fork.outcome for fork in forks for one in controls)


class Together:
    """The same move of several trainings, as one; see `zerosum.games.Move`.

    Args:
        moves: one a training.
        chorus: what computes.
        strides: of the players, by name.
        awake: which trainings still move; the others are computed for, and nobody looks where they go.
    """

    def __init__(
        self, moves: Sequence[EngineMove], chorus: Chorus, strides: Mapping[str, Stride], awake: Sequence[bool]
    ) -> None:
        self.moves, self.chorus, self.strides, self.awake = moves, chorus, strides, awake

    @property
    def phase(self) -> Phase:
        """What is played."""
        return self.moves[0].phase

    @property
    def repeat(self) -> int:
        """How many times it was played before in this round."""
        return self.moves[0].repeat

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What the movers of all trainings move."""
        return [parameter for move in self.moves for parameter in move.parameters]

    def gradients(self) -> None:
        """Compute all movers' gradients."""
        strides = [self.strides[name] for name in self.phase.players]
        for stride in strides:
            stride.forget()
        controls = [move.table.controls for move in self.moves]
        dealt = [move.dealt() for move in self.moves]
        way = self.chorus.way(self.moves, dealt, controls)
        if way is None:
            for move in self._awake():
                move.gradients()
            for stride in strides:
                stride.gather(self.awake)
            return
        gradients, entry = way(dealt, controls)
        self._receive(gradients, entry)
        rest = iter(gradients)
        for stride in strides:
            stride.take(list(itertools.islice(rest, len(stride.weights))))

    def _receive(self, gradients: Sequence[Tensor | None], entry: Entry) -> None:
        """Shorten the gradients of those who want that, and write down the values; both have a row a training."""
        norms = entry[f"{self.phase.name}/grad_norm"]
        for place, (move, row) in enumerate(zip(self.moves, entry.values.unbind(), strict=True)):
            if self.awake[place]:
                move.table.tally.write(self.phase.name, move.round_index, Entry(entry.names, row))
            if limit := move.limit:
                shorten([gradient[place] for gradient in gradients if gradient is not None], limit, norms[place])

    def step(self) -> None:
        """Let everybody who is awake step."""
        for name in self.phase.players:
            with ExitStack() as stack:
                for move in self._awake():
                    stack.enter_context(move.stepping(name))
                self.strides[name](self.awake)

    def value(self, players: Collection[str]) -> Tensor:
        """Not of several trainings at once: orders that ask for it are refused beforehand."""
        raise NotImplementedError

    def averaged(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """See `value`."""
        raise NotImplementedError

    def take(self, gradients: Sequence[Tensor | None]) -> None:
        """See `value`."""
        raise NotImplementedError

    def _awake(self) -> list[EngineMove]:
        return [move for move, awake in zip(self.moves, self.awake, strict=True) if awake]


def likewise(moves: Sequence[EngineMove], engine: Engine) -> list[EngineMove]:
    """What somebody who sleeps would do if it were where another is, whose moves these are: they must have a row."""
    engine.table.controls = moves[0].table.controls
    phases = {phase.name: phase for phase in engine.plan.game.phases}
    return [EngineMove(engine.table, phases[move.phase.name], move.repeat, move.round_index) for move in moves]


class SideBySide:
    """Plays several trainings of one plan to their ends.

    Args:
        engines: whose plans differ in their weights alone; each on one process.
        code: whether what is computed is compiled.
        tell: hears, once, why something is not vectorised.

    Attributes:
        failed: by number of the training, what stopped it.
    """

    def __init__(self, engines: Sequence[Engine], code: bool, tell: Callable[[str], None]) -> None:
        self.engines, self.tell = engines, tell
        games = [engine.plan.game for engine in engines]
        common = in_rows([tensors_of(game) for game in games])
        self.choruses = {phase.name: Chorus(games, common, code) for phase in games[0].phases}
        self.strides = {
            name: Stride([engine.position.movers[name] for engine in engines], common) for name in games[0].players
        }
        self.averages = Averages([engine.position.average for engine in engines], common)
        self.failed: dict[int, NotFinite] = {}
        self._told: set[str] = set()

    def play(self) -> None:
        """Play all of them; who fails or stops is left where it is.

        Raises:
            Interrupted: a signal came; the round was finished and all are saved.
            TrainingFailed: nothing can be written.
        """
        with Signals() as signals, ExitStack() as stack:
            for engine in self.engines:
                stack.enter_context(engine.underway())
            while any(awake := [self._awake(place) for place in range(len(self.engines))]):
                began = time.perf_counter()
                self.round(awake)
                share = (time.perf_counter() - began) / sum(awake)
                self._after(awake, share, signals.received(self.engines[0].fabric))

    def round(self, awake: Sequence[bool]) -> None:
        """A round of those that are awake."""
        first = self.engines[awake.index(True)]
        own = first.moves()
        each = [
            own if engine is first else engine.moves() if moving else likewise(own, engine)
            for engine, moving in zip(self.engines, awake, strict=True)
        ]
        moves = zip(*each, strict=True)
        together = [Together(same, self.choruses[same[0].phase.name], self.strides, awake) for same in moves]
        PLAYS[first.plan.order(first.position.samples_seen)](list(together), first.table.controls)
        for engine, moving in zip(self.engines, awake, strict=True):
            if moving:
                engine.counted()
        self.averages.update(first.plan.age(first.position.samples_seen), first.plan.batch_size)
        self._tell()

    def _awake(self, place: int) -> bool:
        return place not in self.failed and self.engines[place].going

    def _after(self, awake: Sequence[bool], seconds: float, signal: int) -> None:
        interrupted: Interrupted | None = None
        for place in (place for place, moving in enumerate(awake) if moving):
            try:
                self.engines[place].after_round(seconds, signal)
            except NotFinite as error:
                self.failed[place] = error
                self.tell(f"Seed {self.engines[place].seed} has failed: {error}")
            except Interrupted as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted

    def _tell(self) -> None:
        """Say once what cannot be vectorised."""
        for name, chorus in self.choruses.items():
            if chorus.refused is not None and name not in self._told:
                self._told.add(name)
                self.tell(f"The loss of {name} is computed for one seed after the other: {chorus.refused}.")
