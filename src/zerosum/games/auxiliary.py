"""A generator that is told the class against a critic that is not, but learns to tell it: AC-GAN (Odena 2017).

With S(x) the critic's score and P(c | x) what its other head says of classes, both players raise
L_C = E log P(c | x) + E log P(c | G(z, c)); the critic raises L_S besides, and the generator lowers it (section 4).
"""

from dataclasses import replace
from typing import Any

from torch import Tensor

from zerosum.games.core import Game, Networks
from zerosum.games.pair import Pair
from zerosum.games.tricks import Sight, Term, Tricks
from zerosum.losses import cross_entropy
from zerosum.networks import ClassifyingCritic, ClosedCritic


def of_critic(sight: Sight, weight: float) -> Tensor:
    """-L_C, of real samples and of generated ones."""
    return weight * (_classes(sight, sight.real) + _classes(sight, sight.fake))


def of_generator(sight: Sight, weight: float) -> Tensor:
    """-L_C, as far as the generator has a part in it."""
    return weight * _classes(sight, sight.fake)


def auxiliary(*, tricks: Tricks, **how: Any) -> Pair:
    """A pair that is `conditional`, with -L_C as a further term of both; its critic is a `ClassifyingCritic`."""
    terms = (Term("classes", "D", of_critic), Term("classes", "G", of_generator))
    return Pair(tricks=replace(tricks, terms=(*tricks.terms, *terms)), **how)


def with_classes(game: Game, weight: float) -> Game:
    """The game of an `auxiliary` pair, with the weight of -L_C among its controls, and its classifier."""
    return replace(game, controls=game.controls | {"classes": weight}, classifier=by_critic)


def by_critic(networks: Networks, samples: Tensor) -> Tensor:
    """Logits of the classes, `(n, classes)`, by a critic that tells them."""
    critic = networks["D"]
    assert isinstance(critic, ClassifyingCritic | ClosedCritic)
    return critic.classify(samples)


def _classes(sight: Sight, samples: Tensor) -> Tensor:
    assert isinstance(sight.critic, ClassifyingCritic)
    assert sight.batch.label is not None
    return cross_entropy(sight.critic.classify(samples), sight.batch.label).mean()
