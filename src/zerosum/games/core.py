"""An adversarial system as a game: named players who move in phases, each lowering a loss of its own.

Everything here is data. `zerosum.training` plays it; nothing below knows of devices, files or what a sample is.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.errors import choose
from zerosum.priors import Prior

Controls = Mapping[str, float]
"""The few numbers that may change while a run goes on, such as `D/lr_scale` or a penalty's weight."""

Networks = Mapping[str, nn.Module]
"""Networks by name, live or averaged."""


@dataclass(frozen=True)
class Result:
    """What a loss returns.

    Attributes:
        terms: named scalars; their sum is what the movers lower.
        watch: named tensors of any shape that observers may look at (scores …).
    """

    terms: dict[str, Tensor]
    watch: dict[str, Tensor] = field(default_factory=dict)


Loss = Callable[[Batch, Draw, Controls], Result]


@dataclass
class Player:
    """Networks that learn together.

    Args:
        networks: by name; a name is used once in a game.
        optimizer: parameters -> optimizer.
        averaged: whether sampling uses an exponential average of these networks.
        constrain: a projection of the networks after every step of the player (weight clipping), or None.
    """

    networks: nn.ModuleDict
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    averaged: bool = False
    constrain: Callable[[nn.Module], None] | None = None


@dataclass(frozen=True)
class Phase:
    """A move.

    Args:
        name: the first part of the names its terms are logged under.
        players: who moves; almost always one.
        loss: `(batch, draw, controls) -> Result`. Other players are frozen while it runs, so that nothing
            need be detached.
        every: it is played every so many rounds (lazy regularisation).
        repeats: samples seen -> how many times in a row it is played.
        stream: phases with the same stream see the same real samples and latents in a round;
            None gives the phase fresh ones of its own, in every repeat.
    """

    name: str
    players: tuple[str, ...]
    loss: Loss
    every: int = 1
    repeats: Callable[[int], int] = field(default=lambda samples_seen: 1)
    stream: str | None = None


Given = Literal["number", "label", "code", "condition", "real"]


@dataclass(frozen=True)
class Latent:
    """Where samples come from, for whoever wants to walk there (interpolation, path length).

    Args:
        prior: of the latents.
        make: `(networks, z, batch) -> samples`, of latents `(n, size)`; the batch as for `Sampler.make`.
    """

    prior: Prior
    make: Callable[[Networks, Tensor, Batch], Tensor]


@dataclass(frozen=True)
class Sampler:
    """A way to make samples.

    Args:
        make: `(networks, batch, draw) -> samples`, as many as the batch has rows. `batch.real` may have empty
            rows where `given` says that it is not looked at.
        given: what of the batch is looked at: its `number` of rows, its `label`, its `code`, its `condition` or its
            `real`.
        latent: where samples are made from latents alone (and what is `given`); else None.
        score: `(networks, samples, batch) -> scores (n, …)`, what the critic says of samples, real or made; the
            batch as for `make`. None where nobody judges them.
        codes: how many codes there are to ask for, where a `code` is given.
    """

    make: Callable[[Networks, Batch, Draw], Tensor]
    given: Given = "number"
    latent: Latent | None = None
    score: Callable[[Networks, Tensor, Batch], Tensor] | None = None
    codes: int = 0


def as_it_is(real: Tensor) -> Tensor:
    """The samples."""
    return real


class Replicated(nn.Module):
    """State of a game that is the same on every process. Its buffers are empty until they are needed."""


@dataclass
class Game:
    """Players, phases in the order of play, and how samples are made.

    Args:
        players: by name.
        phases: in the order of play.
        samplers: by name; the first is the default.
        controls: names and initial values of the controls that the losses read.
        classifier: `(networks, samples) -> logits (n, classes)`, where a player has learned to tell classes; else None.
        state: what else must resume. Its buffers are kept a row (or rows) a slot of the batch: their first
            dimension is gathered over processes when saved and sliced when loaded; but see `Replicated`.
        view: real samples as the players know them now: of networks that still grow, as fine as these can be.
    """

    players: dict[str, Player]
    phases: tuple[Phase, ...]
    samplers: dict[str, Sampler]
    controls: dict[str, float] = field(default_factory=dict)
    classifier: Callable[[Networks, Tensor], Tensor] | None = None
    state: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    view: Callable[[Tensor], Tensor] = as_it_is

    def __post_init__(self) -> None:
        for phase in self.phases:
            for name in phase.players:
                choose(f"player in phase {phase.name!r}:", name, self.players)

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All players' networks by name."""
        return {name: network for player in self.players.values() for name, network in player.networks.items()}

    @property
    def averaged(self) -> tuple[str, ...]:
        """Names of the networks that sampling takes the average of."""
        return tuple(name for player in self.players.values() if player.averaged for name in player.networks)


class Move(Protocol):
    """One due phase in one repeat, ready to be played."""

    @property
    def phase(self) -> Phase:
        """What is played."""
        ...

    @property
    def repeat(self) -> int:
        """How many times it was played before in this round."""
        ...

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What the movers move."""
        ...

    def gradients(self) -> None:
        """Compute the movers' gradients at the players' present weights."""
        ...

    def value(self, players: Collection[str]) -> Tensor:
        """The sum of the terms on this process's samples, `()`, as a function of all weights of `players`."""
        ...

    def averaged(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Gradients averaged over processes; absent ones stay absent."""
        ...

    def take(self, gradients: Sequence[Tensor | None]) -> None:
        """Take these for the movers' gradients."""
        ...

    def step(self) -> None:
        """Move along them."""
        ...
