"""A pair whose generator has styles: noise and style mixing in its moves, and path-length regularisation.

With w = f(z) and y a random picture the generator lowers, besides its own loss,

    E (‖J_wᵀ y‖₂ - a)²,   a the running mean of the lengths (Karras 2020, equation 4),

so that a step of w changes every sample equally much. It is lazy: a move of its own every so many rounds, with the
weight to match, on a part of the batch.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from zerosum.collectives import mean_over_processes
from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Controls, Game, Loss, Networks, Phase, Replicated, Result
from zerosum.games.pair import Pair
from zerosum.networks.style import StyleGenerator, mixed
from zerosum.optimizers import Optimizer
from zerosum.penalties.path_length import path_lengths

DECAY = 0.99
"""What the mean length keeps of itself in a move."""


@dataclass(frozen=True, kw_only=True)
class Styled(Pair):
    """The losses of a generator with styles and a critic.

    Args:
        mixing: share of the samples that two latents make, which change places at a random layer.
    """

    mixing: float = 0.0

    def made(self, z: Tensor, batch: Batch, draw: Draw) -> Tensor:
        """In a move there is noise, and styles are mixed."""
        return self.styles.synthesis(self.told(z, batch, draw), draw)

    def told(self, z: Tensor, batch: Batch, draw: Draw) -> Tensor:
        """Styles w of a move, `(n, layers, size_w)`; where the generator moves, their mean follows."""
        given = self._given(batch)
        w = self.styles.mapping(z, *given)
        if w.requires_grad:
            self.styles.style.follow(w)
        own = draw.sub("mixing")
        other = self.styles.mapping(self.prior(len(z), own), *given) if self.mixing else w
        return mixed(w, other, crossovers(len(z), self.styles.layers, self.mixing, own.sub("where")).to(w.device))

    def sample(self, networks: Networks, batch: Batch, draw: Draw) -> Tensor:
        """Samples of latents from the prior, with noise of their own."""
        samples: Tensor = networks["G"](self.prior(len(batch), draw), *self._given(batch), draw=draw)
        return samples

    @property
    def styles(self) -> StyleGenerator:
        """The generator."""
        assert isinstance(self.generator, StyleGenerator)
        return self.generator


def crossovers(n: int, layers: int, share: float, draw: Draw) -> Tensor:
    """Which layers of which samples are told the second latent's w: none, or all from a random one on.

    Returns:
        A mask, `(n, layers, 1)`.
    """
    begin = 1 + draw.integers(max(1, layers - 1), n)
    both = draw.sub("whether").uniform(n) < share
    places = torch.arange(layers, device=begin.device)
    return ((places >= begin[:, None]) & both[:, None])[..., None]


class MeanLength(Replicated):
    """a, the running mean of path lengths, which starts at 0."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    @torch.no_grad()
    def follow(self, lengths: Tensor) -> Tensor:
        """Take the lengths of a move, `(n,)`, into the mean; a copy of the mean."""
        self.mean.lerp_(mean_over_processes(lengths.detach().mean()).to(self.mean), 1 - DECAY)
        return self.mean.clone()


def with_path_length(
    game: Game, played: Styled, optimizer: Optimizer, *, weight: float, every: int, share: float
) -> Game:
    """The game of a `Styled` pair whose generator has path-length regularisation.

    Args:
        game: of the pair.
        played: its losses.
        optimizer: of the generator, which is corrected for the further moves.
        weight: of the term, which becomes a control.
        every: rounds between two of its moves.
        share: of the batch that is looked at.
    """
    state = MeanLength()
    phase = Phase("G_path_length", ("G",), path_length_loss(played, state, every, share), every=every)
    generator = replace(game.players["G"], optimizer=optimizer.lazily(every))
    return replace(
        game,
        players=game.players | {"G": generator},
        phases=(*game.phases, phase),
        controls=game.controls | {"path_length": weight},
        state=nn.ModuleDict({**game.state, "path_length": state}),
    )


def path_length_loss(played: Styled, state: MeanLength, every: int, share: float) -> Loss:
    """The term as the loss of a move."""

    def loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
        part = first(batch, max(1, round(share * len(batch))))
        w = played.told(played.prior(len(part), draw), part, draw)
        samples = played.styles.synthesis(w, draw)
        y = draw.sub("direction").normal(*samples.shape).to(samples) / math.sqrt(samples[0, 0].numel())
        lengths = path_lengths(samples, w, y)
        apart = (lengths - state.follow(lengths)).square().mean()
        return Result({"path_length": every * controls["path_length"] * apart}, {"length": lengths.detach().mean()})

    return loss


def first(batch: Batch, n: int) -> Batch:
    """The first `n` samples of a batch, as far as a generator needs to know of them."""
    return Batch(batch.real[:n], label=None if batch.label is None else batch.label[:n])
