"""Where a training stands: everything that changes while it goes on, and how that becomes a checkpoint and back."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.games import Game, Replicated
from zerosum.networks import convert_batch_norm
from zerosum.training import optimizer_state
from zerosum.training.averaging import Average, tensors_of
from zerosum.training.checkpoints import Checkpoint
from zerosum.training.lookahead import Lookahead
from zerosum.training.moves import Mover
from zerosum.training.pieces import Pieces
from zerosum.training.plan import Plan
from zerosum.training.tally import Tally

OF_PLAYERS = {"lr_scale": 1.0, "clip": 0.0}
"""Controls of every player: what its learning rate is multiplied by; how long its gradient may be, 0: any length."""
HALF_LIFE = "ema_half_life_samples"
"""The control of the averages."""


class Position:
    """Networks, optimizers, averages, controls and counters of a training.

    Args:
        plan: what is played; its networks are moved to the device.
        images: whether samples are images, which convolutions like with the channels last.
        fabric: launched.
        identity: what shapes the training, as JSON; a checkpoint with another one is refused.
    """

    def __init__(self, plan: Plan, *, images: bool, fabric: Fabric, identity: Mapping[str, Any]) -> None:
        self.game, self.fabric, self.identity = plan.game, fabric, dict(identity)
        place(self.game, fabric, torch.channels_last if images else torch.contiguous_format)
        self.movers = {name: Mover(player) for name, player in self.game.players.items()}
        weights = (parameter for mover in self.movers.values() for parameter in mover.parameters)
        self.lookahead = Lookahead(plan.lookahead, weights)
        self.average = Average(self.game, plan.ema_half_life_samples, plan.ema_rampup)
        own = {f"{name}/{control}": value for name in self.game.players for control, value in OF_PLAYERS.items()}
        self.controls = {HALF_LIFE: plan.ema_half_life_samples} | own | self.game.controls
        self.tally = Tally()
        self.pieces = Pieces()
        self.samples_seen = 0
        self.seconds = 0.0
        self.best: int | None = None
        self.values: dict[str, float] = {}

    def thaw(self) -> None:
        """Leave the networks as they came, so that they can be trained once more."""
        for mover in self.movers.values():
            mover.freeze(False)

    def checkpoint(self) -> Checkpoint:
        """The position as a checkpoint; with several processes all of them must ask."""
        model = {f"live/{key}": value for key, value in tensors_of(self.game.networks).items()}
        model |= {f"averaged/{key}": value for key, value in self.average.state().items()}
        training = {f"tally/{name}": sums for name, sums in self.tally.tensors().items()}
        for name, mover in self.movers.items():
            exported = optimizer_state.export(mover.optimizer, mover.names)
            training |= {f"optimizer/{name}/{key}": value for key, value in exported.items()}
        training |= {f"slow/{key}": value for key, value in self.lookahead.state().items()}
        rows, whole = state_of(self.game)
        training |= {f"state/{key}": self._gathered(value) for key, value in rows.items()}
        training |= {f"state/{key}": value for key, value in whole.items() if value.numel()}
        return Checkpoint(model, training, self._record())

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go to the position of a checkpoint.

        Raises:
            UserError: it belongs to a training with another identity; the message lists the differences.
        """
        state, training = checkpoint.state, checkpoint.training
        refuse_other(state["identity"], self.identity)
        put(tensors_of(self.game.networks), part(checkpoint.model, "live/"))
        put(self.average.state(), part(checkpoint.model, "averaged/"))
        for name, mover in self.movers.items():
            optimizer_state.restore(mover.optimizer, mover.names, part(training, f"optimizer/{name}/"))
        put(self.lookahead.state(), part(training, "slow/"))
        rows, whole = state_of(self.game)
        state_then = part(training, "state/")
        put(rows, {key: self._mine(value) for key, value in state_then.items() if key in rows})
        replace_buffers(self.game.state, {key: state_then.get(key, value.new_empty(0)) for key, value in whole.items()})
        self.samples_seen, self.seconds, self.best = state["samples_seen"], state["seconds"], state["best"]
        self.values = state["values"]
        self.pieces.size = state.get("microbatch")
        self.controls.update(state["controls"])
        self.tally.restore(state["tally"], part(training, "tally/"))

    def _record(self) -> dict[str, Any]:
        return {
            "samples_seen": self.samples_seen,
            "seconds": self.seconds,
            "controls": dict(self.controls),
            "values": self.values,
            "tally": self.tally.describe(),
            "best": self.best,
            "microbatch": self.pieces.size,
            "identity": self.identity,
        }

    def _gathered(self, rows: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return rows
        return torch.cat(list(self.fabric.all_gather(rows)))

    def _mine(self, rows: Tensor) -> Tensor:
        return rows.chunk(self.fabric.world_size)[self.fabric.global_rank]


def place(game: Game, fabric: Fabric, layout: torch.memory_format) -> None:
    """Bring a game's networks and state to this process and its device."""
    for player in game.players.values():
        if fabric.world_size > 1:
            convert_batch_norm(player.networks)  # statistics of the global batch
        player.networks.to(device=fabric.device, memory_format=layout)  # type: ignore[call-overload]
        player.networks.train()
    rows, whole = state_of(game, dict(game.state.named_buffers()))  # also what no checkpoint holds
    mine = {key: value.chunk(fabric.world_size)[fabric.global_rank] for key, value in rows.items()}
    replace_buffers(game.state, {key: value.to(fabric.device) for key, value in (mine | whole).items()})


def state_of(game: Game, buffers: Mapping[str, Tensor] | None = None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A game's state by name: what has rows for the slots of the batch, and what is the same on every process."""
    found = game.state.state_dict() if buffers is None else dict(buffers)
    owners = {key: game.state.get_submodule(key.rpartition(".")[0]) for key in found}
    whole = {key: value for key, value in found.items() if isinstance(owners[key], Replicated)}
    return {key: value for key, value in found.items() if key not in whole}, whole


def replace_buffers(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put copies of tensors into the place of buffers, which take their shapes."""
    for key, value in tensors.items():
        owner, _, name = key.rpartition(".")
        setattr(module.get_submodule(owner), name, value.clone())


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


@torch.no_grad()
def put(targets: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into tensors in place, keeping memory formats; a name left out shares memory with another."""
    shared = {targets[key].data_ptr() for key in values}
    for key, target in targets.items():
        if key in values:
            target.copy_(values[key])
        else:
            assert target.data_ptr() in shared or not target.numel(), f"the checkpoint lacks {key}"


def load_networks(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Put tensors keyed `network.parameter` into networks."""
    put(tensors_of(dict(networks)), tensors)


def refuse_other(then: Mapping[str, Any], now: Mapping[str, Any], advice: str = "") -> None:
    """Raise a UserError that lists the differences, if there are any, and ends with what to do."""
    differences = [
        f"{key}: {then.get(key)!r} in the run, {now.get(key)!r} given"
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
    ]
    if differences:
        raise UserError(f"This run was trained otherwise. {'; '.join(differences)}.{advice and f' {advice}'}")
