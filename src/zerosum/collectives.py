"""What all processes have together, in a form that can be differentiated as often as needed.

On one process every function here gives back what it was given.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


class _Sum(torch.autograd.Function):
    """The sum over all processes; its derivative is the same sum of the derivatives, hence any order works."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return sum_over_processes(gradient)


def sum_over_processes(x: Tensor) -> Tensor:
    """The sum of `x`, of one shape everywhere, over all processes."""
    if world_size() == 1:
        return x
    total: Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]
    return total


def mean_over_processes(x: Tensor) -> Tensor:
    """The mean of `x`, of one shape everywhere, over all processes."""
    return sum_over_processes(x) / world_size() if world_size() > 1 else x


def rows_of_all(x: Tensor) -> Tensor:
    """`(n, …)` of this process to `(n world, …)` of all, in the order of their ranks."""
    if world_size() == 1:
        return x
    places = torch.zeros(world_size(), *x.shape, dtype=x.dtype, device=x.device)
    places[rank()] = x
    return sum_over_processes(places).flatten(0, 1)


def own_rows(x: Tensor) -> Tensor:
    """The rows of this process, of those of all."""
    return x.view(world_size(), -1, *x.shape[1:])[rank()]
