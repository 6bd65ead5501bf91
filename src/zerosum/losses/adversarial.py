"""Adversarial losses: what a critic D and a generator G lower, as pure functions of scores.

Notation: `real` are the scores D(x) of real samples and `fake` the scores D(G(z)) of generated ones, both unbounded
(logits): where a paper writes a probability it is σ(score), the sigmoid. Scores have shape `(n, …)`; a map of scores
(PatchGAN) counts as the average of its positions' losses. Every loss returns one value a sample, `(n,)`, to be
*minimised*, in float32 at least whatever the precision of the scores. All are finite, and so are their gradients, for
any score that a network can give.

In all of them the critic's loss falls as D(x) rises and D(G(z)) falls, and the generator's falls as D(G(z)) rises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.errors import UserError

AdversarialName = Literal["minimax", "non-saturating", "least-squares", "wasserstein", "hinge", "relativistic"]


@dataclass(frozen=True)
class Adversarial:
    """The two sides of an adversarial loss.

    Attributes:
        critic: `(real, fake) -> (n,)`; both scores have the same shape `(n, …)`.
        generator: `(fake, real) -> (n,)`; `real` may be None unless `paired`.
        paired: the generator's loss looks at the real scores, too.
        probability: σ(score) estimates the probability that a sample is real.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor | None], Tensor]
    paired: bool = False
    probability: bool = False


def per_sample(values: Tensor) -> Tensor:
    """`(n, …) -> (n,)`: the average over everything but the batch dimension."""
    return values if values.ndim == 1 else values.flatten(1).mean(1)


def cross_entropy_critic(real: Tensor, fake: Tensor) -> Tensor:
    """-log σ(D(x)) - log(1 - σ(D(G(z)))), the negative of the value function V(D, G) (Goodfellow 2014, equation 1)."""
    return per_sample(F.softplus(-precise(real))) + per_sample(F.softplus(precise(fake)))


def minimax_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """log(1 - σ(D(G(z)))) (Goodfellow 2014, equation 1); its gradient vanishes where the critic is sure."""
    return per_sample(-F.softplus(precise(fake)))


def non_saturating_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """-log σ(D(G(z))) (Goodfellow 2014, section 3), the cure of minimax's vanishing gradient."""
    return per_sample(F.softplus(-precise(fake)))


def least_squares_critic(real: Tensor, fake: Tensor) -> Tensor:
    """½ (D(x) - b)² + ½ (D(G(z)) - a)² with a = 0, b = 1 (Mao 2017, equations 2 and 9)."""
    return per_sample((precise(real) - 1).square() / 2) + per_sample(precise(fake).square() / 2)


def least_squares_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """½ (D(G(z)) - c)² with c = 1 (Mao 2017, equations 2 and 9)."""
    return per_sample((precise(fake) - 1).square() / 2)


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """D(G(z)) - D(x); its negative estimates the Wasserstein-1 distance where D is 1-Lipschitz (Arjovsky 2017)."""
    return per_sample(precise(fake)) - per_sample(precise(real))


def wasserstein_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """-D(G(z)) (Arjovsky 2017, algorithm 1)."""
    return per_sample(-precise(fake))


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Lim & Ye 2017; Miyato 2018, equation 16)."""
    return per_sample(F.relu(1 - precise(real))) + per_sample(F.relu(1 + precise(fake)))


def relativistic_critic(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(-(D(x) - D(G(z)))), row i of the one with row i of the other (RpGAN, R3GAN: Huang 2024, equation 2)."""
    return per_sample(F.softplus(_margin(fake, real)))


def relativistic_generator(fake: Tensor, real: Tensor | None) -> Tensor:
    """softplus(-(D(G(z)) - D(x))), the critic's loss with the roles swapped (Huang 2024).

    Raises:
        UserError: there are no real scores.
    """
    if real is None:
        raise UserError("The relativistic generator loss compares with real scores; give them too.")
    return per_sample(F.softplus(_margin(real, fake)))


def precise(scores: Tensor) -> Tensor:
    """The same numbers in float32 at least (float64 stays)."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _margin(low: Tensor, high: Tensor) -> Tensor:
    if low.shape != high.shape:  # (n,) against (n, 1) would quietly compare everything with everything
        raise UserError(
            f"A relativistic loss pairs real and fake scores row by row, but their shapes are {tuple(low.shape)} "
            f"and {tuple(high.shape)}. Give both in the same shape."
        )
    return precise(low) - precise(high)


ADVERSARIAL: dict[str, Adversarial] = {
    "minimax": Adversarial(cross_entropy_critic, minimax_generator, probability=True),
    "non-saturating": Adversarial(cross_entropy_critic, non_saturating_generator, probability=True),
    "least-squares": Adversarial(least_squares_critic, least_squares_generator),
    "wasserstein": Adversarial(wasserstein_critic, wasserstein_generator),
    "hinge": Adversarial(hinge_critic, wasserstein_generator),
    "relativistic": Adversarial(relativistic_critic, relativistic_generator, paired=True),
}
"""Every adversarial loss by name. Hinge's generator is Wasserstein's (Miyato 2018, equation 17)."""
