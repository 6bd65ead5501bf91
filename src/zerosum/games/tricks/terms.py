"""Further terms of a player's loss, all functions of what there is to see in a move."""

from collections.abc import Callable

import torch
from torch import Tensor

from zerosum.collectives import mean_over_processes
from zerosum.games.tricks.seams import Term
from zerosum.games.tricks.sight import Sight
from zerosum.losses import Adversarial
from zerosum.losses.adversarial import cross_entropy_critic, least_squares_critic, per_sample, precise
from zerosum.penalties.diversity import mode_seeking


def matching() -> Term:
    """Feature matching: λ ‖E f(x) - E f(G(z))‖², f the critic's features (Salimans 2016, section 3.1)."""

    def value(sight: Sight, weight: float) -> Tensor:
        with torch.no_grad():
            real = mean_over_processes(sight.features(sight.real).mean(0))
        fake = mean_over_processes(sight.features(sight.fake).mean(0))
        return weight * (real - fake).square().sum()

    return Term("feature_matching", "G", value)


def seeking() -> Term:
    """Mode-seeking: λ / (d(G(z₁), G(z₂)) / d(z₁, z₂) + ε), z₂ a second latent of each sample (Mao 2019, equation 3)."""

    def value(sight: Sight, weight: float) -> Tensor:
        z = sight.prior(len(sight.batch), sight.draw.sub("mode_seeking"))
        return weight * mode_seeking(sight.made, sight.make(z), sight.z, z)

    return Term("mode_seeking", "G", value)


SMOOTHED: dict[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, float], Tensor]] = {
    cross_entropy_critic: lambda real, s: s * real,
    least_squares_critic: lambda real, s: s * (real - 1) + s * s / 2,
}
"""What the target 1 - s in the place of 1 adds to the critic's loss of a real sample's score."""


def smoothing(loss: Adversarial) -> Term:
    """One-sided label smoothing: real samples have the target 1 - s (Salimans 2016, section 3.4).

    -(1 - s) log σ(D(x)) - s log(1 - σ(D(x))) is -log σ(D(x)) + s D(x), and ½ (D(x) - 1 + s)² is
    ½ (D(x) - 1)² + s (D(x) - 1) + ½ s²; the term is what comes on top.

    Args:
        loss: one that has targets (`SMOOTHED`).
    """
    more = SMOOTHED[loss.critic]

    def value(sight: Sight, s: float) -> Tensor:
        return more(per_sample(precise(sight.scores_real)), s).mean()

    return Term("label_smoothing", "D", value)
