"""A critic that is to say the same of a sample however it is varied: balanced consistency (Zhao 2021).

With T the variation, D lowers besides

    λ E (D(x) - D(T(x)))² + λ E (D(G(z)) - D(T(G(z))))²   (algorithm 2, with equal weights),

of real samples and of generated ones, both as it sees them.
"""

from dataclasses import replace
from typing import Any

from torch import Tensor

from zerosum.data.differentiable import Policy
from zerosum.games.core import Game
from zerosum.games.pair import Pair
from zerosum.games.tricks import Sight, Term, Tricks
from zerosum.losses.adversarial import per_sample, precise

CONSISTENCY = "consistency"
"""The term, and the control that holds λ."""


def consistent(*, variation: Policy, tricks: Tricks, **how: Any) -> Pair:
    """A pair whose critic has the term; `variation` is T, each of its transforms with probability 1."""

    def of_critic(sight: Sight, weight: float) -> Tensor:
        draw = sight.draw.sub(CONSISTENCY)

        def apart(samples: Tensor, scores: Tensor, side: str) -> Tensor:
            varied = sight.critic(variation(samples, 1.0, draw.sub(side)), *sight.given)
            return per_sample((precise(scores) - precise(varied)).square()).mean()

        real = apart(sight.real, sight.scores_real, "real")
        fake = apart(sight.fake, sight.critic(sight.fake, *sight.given), "fake")
        return weight * (real + fake)

    return Pair(tricks=replace(tricks, terms=(*tricks.terms, Term(CONSISTENCY, "D", of_critic))), **how)


def with_consistency(game: Game, weight: float) -> Game:
    """The game of a `consistent` pair, with λ among its controls."""
    return replace(game, controls=game.controls | {CONSISTENCY: weight})
