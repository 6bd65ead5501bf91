"""Penalties on samples that are too much alike: pure functions of generated samples and their latents."""

import torch
from torch import Tensor

from zerosum.collectives import mean_over_processes

EPSILON = 1e-5
"""Of the quotient, as in the authors' code."""


def mode_seeking(first: Tensor, second: Tensor, z_first: Tensor, z_second: Tensor) -> Tensor:
    """1 / (d(G(z₁), G(z₂)) / d(z₁, z₂) + ε), to be minimised, `()`, float32 at least (Mao 2019, equations 2 and 3).

    The paper raises the quotient; as in the authors' code (github.com/HelenMao/MSGAN) its inverse is lowered, with mean
    absolute differences over the batch of all processes as both distances.

    Args:
        first, second: samples `(n, *shape)`, row by row of one condition.
        z_first, z_second: their latents, `(n, size)`.
    """
    apart, walked = _distance(first, second), _distance(z_first, z_second)
    return 1 / (apart / walked.clamp_min(EPSILON) + EPSILON)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    precise = torch.promote_types(a.dtype, torch.float32)
    return mean_over_processes((a.to(precise) - b.to(precise)).abs().mean())
