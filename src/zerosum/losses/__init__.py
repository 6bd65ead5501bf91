"""Losses: pure functions of scores or of samples, one value a sample."""

from zerosum.losses.adversarial import ADVERSARIAL, Adversarial, AdversarialName
from zerosum.losses.classification import accuracy, cross_entropy, entropy, gaussian_nll
from zerosum.losses.reconstruction import l1, l2

__all__ = [
    "ADVERSARIAL",
    "Adversarial",
    "AdversarialName",
    "accuracy",
    "cross_entropy",
    "entropy",
    "gaussian_nll",
    "l1",
    "l2",
]
