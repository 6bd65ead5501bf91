"""One move: everyone else frozen, the mover's terms computed and lowered."""

import functools
import operator
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.collectives import EXCHANGES
from zerosum.data.core import Batch
from zerosum.draw import Draw, fold
from zerosum.games import Controls, Phase, Player, Result
from zerosum.training.dealing import Dealer
from zerosum.training.pieces import Found, Pieces, cut, mean
from zerosum.training.tally import Entry, Tally, entry_of, scalar

Computed = tuple[list[Tensor | None], Entry]
"""Gradients of the movers' parameters, absent ones None, and what is written down of the move."""
Compute = Callable[[Batch, Draw, Controls], Computed]
"""All that a move computes before its step."""


class Mover:
    """A player in training: its parameters, its optimizer, and whether it is frozen.

    Freezing also stops the running statistics of BatchNorm: they follow only the phases in which their own
    network moves. Batch statistics are used all the same.
    """

    def __init__(self, player: Player) -> None:
        self.player = player
        self.parameters = [p for p in player.networks.parameters() if p.requires_grad]
        self.names = {p: name for name, p in player.networks.named_parameters()}
        self.optimizer = player.optimizer(self.parameters)
        self.base_rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.norms = [m for m in player.networks.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
        self.frozen = False

    def freeze(self, frozen: bool) -> None:
        """Freeze or thaw the networks."""
        if frozen == self.frozen:
            return
        self.frozen = frozen
        for parameter in self.parameters:
            parameter.requires_grad_(not frozen)
        for norm in self.norms:
            norm.track_running_stats = not frozen

    def weights(self) -> Tensor:
        """A copy of all parameters, flat."""
        return torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters])

    @property
    def rate(self) -> float:
        """The present learning rate."""
        return float(self.optimizer.param_groups[0]["lr"])

    def set_rate(self, factor: float) -> None:
        """Set the learning rate to `factor` times its own."""
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor


def hopeless(error: RuntimeError) -> NoReturn:
    """What is done about an error that nobody knows a way around."""
    raise error


@dataclass
class Table:
    """What all moves of a training share."""

    movers: dict[str, Mover]
    dealer: Dealer
    fabric: Fabric
    tally: Tally
    controls: Controls
    waited: float = 0.0
    """Seconds that were spent on getting batches since the last report."""
    measuring: bool = False
    """Whether steps of this round tell how far they go."""
    compiled: dict[str, Compute] = field(default_factory=dict)
    """What moves compute, by the name of their phase, where that is compiled (`zerosum.training.compiling`)."""
    pieces: Pieces = field(default_factory=Pieces)
    """How many samples are worked on at a time."""
    mend: Callable[[RuntimeError], None] = hopeless
    """Told of an error in what a move computes; returns when it is worth another try (`zerosum.training.memory`)."""


@dataclass
class EngineMove:
    """One due phase in one repeat (`zerosum.games.Move`)."""

    table: Table
    phase: Phase
    repeat: int
    round_index: int

    def gradients(self) -> None:
        """Compute the movers' gradients, averaged over processes."""
        for parameter in self.parameters:
            parameter.grad = None  # so that the new ones can be where the old ones were
        while (computed := self._attempt()) is None:
            pass
        self.receive(computed)

    def receive(self, computed: Computed) -> None:
        """Take what was computed for the movers' gradients, and write down the rest."""
        gradients, entry = computed
        if limit := self.limit:
            norm = entry[f"{self.phase.name}/grad_norm"]
            shorten([gradient for gradient in gradients if gradient is not None], limit, norm)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.table.tally.write(self.phase.name, self.round_index, entry)

    @property
    def limit(self) -> float | None:
        """How long the movers' controls allow a gradient to be; None: any length."""
        limits = [limit for name in self.phase.players if (limit := self.table.controls.get(f"{name}/clip"))]
        return min(limits, default=None)

    def _attempt(self) -> Computed | None:
        """What the move computes; None: something was mended (once the error is forgotten, and its tensors are)."""
        compute = self.table.compiled.get(self.phase.name, self.compute)
        batch, draw = self.dealt()
        try:
            return compute(batch, draw, self.table.controls)
        except RuntimeError as error:
            self.table.mend(error)
        return None

    def compute(self, batch: Batch, draw: Draw, controls: Controls) -> Computed:
        """Gradients, averaged over processes, and what is written down of them."""
        self.thaw()
        return self.computed(batch, draw, controls, self.table.pieces)

    def computed(self, batch: Batch, draw: Draw, controls: Controls, pieces: Pieces) -> Computed:
        """The same in other pieces; only the movers must be thawed."""
        parts = cut(batch, draw, pieces.count(len(batch)))
        found, values = mean(self._of_piece(*part, controls) for part in parts)
        gradients = self._laid_out(self.averaged(found))
        return gradients, entry_of(values | self._told(gradients))

    def _of_piece(self, batch: Batch, draw: Draw, controls: Controls) -> Found:
        total, values = self._valued(batch, draw, controls)
        return list(torch.autograd.grad(total, self.parameters, allow_unused=True)), values

    def value(self, players: Collection[str]) -> Tensor:
        """The sum of the terms on this process's samples as a function of all weights of `players`."""
        self.thaw(players)
        total, values = self._valued(*self.dealt(), self.table.controls)
        self.table.tally.add(self.phase.name, self.round_index, values)
        return total

    def take(self, gradients: Sequence[Tensor | None]) -> None:
        """Take these for the movers' gradients."""
        self.receive((self._laid_out(gradients), entry_of(self._told(gradients))))

    def averaged(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Gradients averaged over processes; absent ones stay absent."""
        return averaged(gradients, self.table.fabric)

    def norms(self) -> dict[str, dict[str, Tensor]]:
        """For every mover, the norm of the gradient of each term: a look at the move, with nothing moved or recorded.

        It costs about as much as the move. Layers are used as they are, with whatever they do when used.
        """
        table = self.table
        batch, draw = table.dealer.deal(self.phase, self.round_index, self.repeat)
        movers = {name: table.movers[name].parameters for name in self.phase.players}
        with torch.enable_grad(), only(table.movers, self.phase.players):
            terms = self._result(batch, draw, table.controls).terms
            return {
                name: {term: norm_of(value, parameters, table.fabric) for term, value in terms.items()}
                for name, parameters in movers.items()
            }

    def step(self) -> None:
        """Step and project the movers."""
        for name in self.phase.players:
            with self.stepping(name):
                self.table.movers[name].optimizer.step()

    @contextmanager
    def stepping(self, name: str) -> Iterator[None]:
        """What goes with a step of a mover: its weights are projected, and how far they went is written down."""
        mover = self.table.movers[name]
        before = mover.weights() if self.table.measuring else None
        yield
        if mover.player.constrain is not None:
            mover.player.constrain(mover.player.networks)
        if before is not None:
            moved = {f"update/{name}": (mover.weights() - before).norm() / before.norm()}
            self.table.tally.add(f"update/{name}", self.round_index, moved)

    def dealt(self) -> tuple[Batch, Draw]:
        """The batch and the draw of the move, with layers that draw on their own seeded."""
        began = time.perf_counter()
        batch, draw = self.table.dealer.deal(self.phase, self.round_index, self.repeat)
        self.table.waited += time.perf_counter() - began
        seed_layers(draw.sub("layers").key, draw.device)
        return batch, draw

    def _valued(self, batch: Batch, draw: Draw, controls: Controls) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the terms, and the scalars that are written down of them."""
        result = self._result(batch, draw, controls)
        total = functools.reduce(operator.add, (term.float() for term in result.terms.values()))
        values = {f"{self.phase.name}/{term}": value for term, value in result.terms.items()} | result.watch
        return total, {name: scalar(value) for name, value in values.items()}

    def _laid_out(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        return [laid_out_as(p, g) for p, g in zip(self.parameters, gradients, strict=True)]

    def _told(self, gradients: Sequence[Tensor | None]) -> dict[str, Tensor]:
        return {f"{self.phase.name}/grad_norm": torch.nn.utils.get_total_norm([g for g in gradients if g is not None])}

    def _result(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        with self.table.fabric.autocast():  # anew for each phase: cached casts outlive freezing
            return self.phase.loss(batch, draw, controls)

    def thaw(self, players: Collection[str] | None = None) -> list[nn.Parameter]:
        """Let weights of `players` (by default the movers) alone take gradients; the movers' weights."""
        for name, mover in self.table.movers.items():
            mover.freeze(name not in (players or self.phase.players))
        return self.parameters

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What the movers move."""
        return [p for name in self.phase.players for p in self.table.movers[name].parameters]


@contextmanager
def only(movers: Mapping[str, Mover], players: tuple[str, ...]) -> Iterator[None]:
    """These players' parameters take gradients and no others do; afterwards all are as they were."""
    before = {p: p.requires_grad for mover in movers.values() for p in mover.parameters}
    for name, mover in movers.items():
        for parameter in mover.parameters:
            parameter.requires_grad_(name in players)
    try:
        yield
    finally:
        for parameter, took in before.items():
            parameter.requires_grad_(took)


def shorten(gradients: list[Tensor], limit: float, norm: Tensor) -> None:
    """Bring gradients, whose norm is known, to a length of at most `limit` (Pascanu 2013)."""
    torch._foreach_mul_(gradients, (limit / norm.clamp_min(1e-30)).clamp(max=1.0))


def norm_of(term: Tensor, parameters: list[nn.Parameter], fabric: Fabric) -> Tensor:
    """Norm of a term's gradient, averaged over processes, `()`; 0 where it has none."""
    if not term.requires_grad:
        return torch.zeros((), device=term.device)
    found = torch.autograd.grad(term.float(), parameters, retain_graph=True, allow_unused=True)
    flat = torch.cat([torch.zeros(1, device=term.device), *(g.reshape(-1) for g in found if g is not None)])
    mean = flat if fabric.world_size == 1 else fabric.all_reduce(flat, reduce_op="mean")
    assert isinstance(mean, Tensor)
    norm: Tensor = mean.norm()
    return norm


def laid_out_as(parameter: Tensor, gradient: Tensor | None) -> Tensor | None:
    """A gradient with its parameter's strides, as optimizers that work in one kernel want it."""
    if gradient is None or gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter, requires_grad=False).copy_(gradient)


def averaged(gradients: Sequence[Tensor | None], fabric: Fabric) -> list[Tensor | None]:
    """Gradients averaged over processes in one flat all-reduce; absent ones stay absent."""
    present = [g for g in gradients if g is not None]
    if fabric.world_size == 1 or not present:
        return list(gradients)
    with EXCHANGES.running(fabric.device):
        flat = fabric.all_reduce(torch.cat([g.reshape(-1) for g in present]), reduce_op="mean")
    assert isinstance(flat, Tensor)
    means = iter(torch.split(flat, [g.numel() for g in present]))
    return [None if g is None else next(means).view_as(g) for g in gradients]


def seed_layers(key: tuple[int | str, ...], device: torch.device) -> None:
    """Seed what layers draw from on their own (dropout), so that a resumed run meets the same numbers."""
    seed = fold(*key)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
