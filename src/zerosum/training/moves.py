"""One move: everyone else frozen, the mover's terms computed and lowered."""

import functools
import operator
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.draw import fold
from zerosum.games import Controls, Phase, Player
from zerosum.training.dealing import Dealer
from zerosum.training.tally import Tally


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


@dataclass
class EngineMove:
    """One due phase in one repeat (`zerosum.games.Move`)."""

    table: Table
    phase: Phase
    repeat: int
    round_index: int

    def gradients(self) -> None:
        """Compute the movers' gradients, averaged over processes."""
        table = self.table
        parameters = self._thaw()
        began = time.perf_counter()
        batch, draw = table.dealer.deal(self.phase, self.round_index, self.repeat)
        table.waited += time.perf_counter() - began
        seed_layers(draw.sub("layers").key, draw.device)
        with table.fabric.autocast():  # anew for each phase: cached casts outlive freezing
            result = self.phase.loss(batch, draw, table.controls)
        for parameter in parameters:
            parameter.grad = None
        total = functools.reduce(operator.add, (term.float() for term in result.terms.values()))
        torch.autograd.backward(total, inputs=parameters)
        average_gradients(parameters, table.fabric)
        self._record(result.terms, result.watch, parameters)

    def step(self) -> None:
        """Step and project the movers."""
        for name in self.phase.players:
            mover = self.table.movers[name]
            before = mover.weights() if self.table.measuring else None
            mover.optimizer.step()
            if mover.player.constrain is not None:
                mover.player.constrain(mover.player.networks)
            if before is not None:
                moved = {f"update/{name}": (mover.weights() - before).norm() / before.norm()}
                self.table.tally.add(f"update/{name}", self.round_index, moved)

    def _thaw(self) -> list[nn.Parameter]:
        for name, mover in self.table.movers.items():
            mover.freeze(name not in self.phase.players)
        return [p for name in self.phase.players for p in self.table.movers[name].parameters]

    def _record(self, terms: dict[str, Tensor], watch: dict[str, Tensor], parameters: list[nn.Parameter]) -> None:
        name = self.phase.name
        gradients = [p.grad for p in parameters if p.grad is not None]
        values = {f"{name}/{term}": value for term, value in terms.items()} | watch
        values[f"{name}/grad_norm"] = torch.nn.utils.get_total_norm(gradients)
        self.table.tally.add(name, self.round_index, values)


def average_gradients(parameters: Iterable[nn.Parameter], fabric: Fabric) -> None:
    """Average gradients over processes in one flat all-reduce; absent gradients stay absent."""
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = fabric.all_reduce(torch.cat([g.reshape(-1) for g in gradients]), reduce_op="mean")
    assert isinstance(flat, Tensor)
    for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def seed_layers(key: tuple[int | str, ...], device: torch.device) -> None:
    """Seed what layers draw from on their own (dropout), so that a resumed run meets the same numbers."""
    seed = fold(*key)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
