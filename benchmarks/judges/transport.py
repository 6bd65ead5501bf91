"""Wasserstein-1 distances that are known: W(p, q) = inf over couplings of E ||x - y||."""

import torch
from torch import Tensor


def wasserstein_of_shift(shift: Tensor) -> float:
    """W between any distribution and itself moved by `shift`, `(d,)`: its length.

    Moving everything costs the length, and no coupling is cheaper: f(x) = <x, shift> / ||shift|| is 1-Lipschitz and
    tells the two apart by just that much.
    """
    return torch.linalg.vector_norm(shift.double()).item()


def wasserstein_between(x: Tensor, y: Tensor) -> float:
    """W between two sets of numbers, `(n,)` and `(m,)`: the integral of |F - G| over their distribution functions."""
    x, y = x.double().sort().values, y.double().sort().values
    both = torch.cat([x, y]).sort().values
    below_x = torch.searchsorted(x, both[:-1], right=True).double() / len(x)
    below_y = torch.searchsorted(y, both[:-1], right=True).double() / len(y)
    return ((below_x - below_y).abs() * both.diff()).sum().item()
