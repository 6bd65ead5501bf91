"""Samples cut to the values that there are, of generators that learn their range but are not bound to it."""

from dataclasses import replace

from torch import Tensor

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Game, Networks, Sampler


def within(game: Game, low: float, high: float) -> Game:
    """The game whose samples are cut to a range when they are asked for; the players see them as they are."""
    return replace(game, samplers={name: _cut(sampler, low, high) for name, sampler in game.samplers.items()})


def _cut(sampler: Sampler, low: float, high: float) -> Sampler:
    def make(networks: Networks, batch: Batch, draw: Draw) -> Tensor:
        return sampler.make(networks, batch, draw).clamp(low, high)

    if sampler.latent is None:
        return replace(sampler, make=make)
    walk = sampler.latent.make
    latent = replace(sampler.latent, make=lambda networks, z, batch: walk(networks, z, batch).clamp(low, high))
    return replace(sampler, make=make, latent=latent)
