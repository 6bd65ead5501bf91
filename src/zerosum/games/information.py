"""A pair whose generator is to say something with codes: a third player Q reads them from samples (Chen 2016).

The latent is noise z and codes c; both generator and Q lower V(D, G) - λ L_I(G, Q) with

    L_I(G, Q) = E_{c ~ P(c), x ~ G(z, c)} log Q(c | x) + H(c)   (equation 5),

a lower bound of the mutual information I(c; G(z, c)), which it reaches where Q(c | x) = P(c | x).

Q may have to read through noise, Q(c | x + ε): what comes through is less still, I(c; x + ε) ≤ I(c; x), so the bound
holds. Without noise a generator writes codes small, as a texture that only Q sees, and what changes with the code need
be nothing that is large.
"""

import math
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Game, Networks, Player
from zerosum.games.pair import Pair
from zerosum.games.tricks import Sight, Term, Tricks
from zerosum.losses import cross_entropy, gaussian_nll
from zerosum.networks import Guess
from zerosum.optimizers import Optimizer
from zerosum.priors import Codes


def informed(*, recognition: nn.Module, share: float, noise: float, prior: Codes, tricks: Tricks, **how: Any) -> Pair:
    """A pair whose latents are of `Codes`, with -λ L_I as a further term of the generator.

    H(c) is log K of a category, and log 2 of a number from U(-1, 1).

    Args:
        recognition: Q, samples to a `Guess`.
        noise: deviation of ε in a value, as a share of √d of samples with d values: as a share of their norm, that is.
        share: of L_I of the numbers, beside that of the category; the entropy of numbers is of another scale.
        prior: of noise and codes.
        tricks: with which they play besides.
        how: see `Pair`.
    """

    def information(sight: Sight, weight: float) -> Tensor:
        guess: Guess = recognition(blurred(sight.made, noise, sight.draw.sub("reading")))
        category, numbers = prior.codes(sight.z)
        of_category = math.log(prior.categories) - cross_entropy(guess.logits, category)
        of_numbers = prior.continuous * math.log(2) - gaussian_nll(guess.mean, guess.log_deviation, numbers)
        return -weight * (of_category + share * of_numbers).mean()

    term = Term("information", "G", information)
    return Pair(prior=prior, tricks=replace(tricks, terms=(*tricks.terms, term)), **how)


def blurred(samples: Tensor, noise: float, draw: Draw) -> Tensor:
    """Samples `(n, *shape)` under noise, whose deviation is a share of √d, together as large as networks want them."""
    if not noise:
        return samples
    deviation = noise * math.sqrt(samples[0].numel())
    return (samples + deviation * draw.normal(*samples.shape).to(samples)) / math.hypot(1, deviation)


def with_recognition(game: Game, recognition: nn.Module, prior: Codes, optimizer: Optimizer, weight: float) -> Game:
    """The game of an `informed` pair, with Q as its third player, who moves whenever the generator does.

    Args:
        game: of the pair.
        recognition: Q.
        prior: of noise and codes; a category can be asked for.
        optimizer: of Q.
        weight: λ, which becomes a control.
    """

    def of_code(networks: Networks, batch: Batch, draw: Draw) -> Tensor:
        z = prior(len(batch), draw) if batch.code is None else prior.with_category(batch.code, draw)
        samples: Tensor = networks["G"](z)
        return samples

    sampler = replace(game.samplers["samples"], make=of_code, given="code", codes=prior.categories)
    return replace(
        game,
        players=game.players | {"Q": Player(nn.ModuleDict({"Q": recognition}), optimizer)},
        phases=tuple(replace(phase, players=("G", "Q")) if phase.name == "G" else phase for phase in game.phases),
        samplers={"samples": sampler},
        controls=game.controls | {"information": weight},
    )
