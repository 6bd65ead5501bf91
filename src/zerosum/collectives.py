"""What all processes have together, in a form that can be differentiated as often as needed.

On one process every function here gives back what it was given.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


class Stopwatch:
    """Time that goes into talking to other processes, waiting for the slowest of them included.

    On a GPU, where the program runs ahead, it is measured on the device, and nothing waits for it before `taken`.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._spans: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def running(self, device: torch.device) -> Iterator[None]:
        """Measure what is done here."""
        if device.type == "cuda":
            began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            began.record()
            yield
            ended.record()
            self._spans.append((began, ended))
            self._add_what_is_over()
        else:
            start = time.perf_counter()
            yield
            self.seconds += time.perf_counter() - start

    def taken(self) -> float:
        """Seconds since the last time that somebody asked; this waits for the device."""
        for _, ended in self._spans[-1:]:
            ended.synchronize()
        self._add_what_is_over()
        seconds, self.seconds = self.seconds, 0.0
        return seconds

    def _add_what_is_over(self) -> None:
        while self._spans and self._spans[0][1].query():  # type: ignore[no-untyped-call]
            began, ended = self._spans.pop(0)
            self.seconds += began.elapsed_time(ended) / 1e3


EXCHANGES = Stopwatch()
"""Of all exchanges in the moves of this process: gradients, and what layers and losses ask of the whole batch."""


class _Sum(torch.autograd.Function):
    """The sum over all processes; its derivative is the same sum of the derivatives, hence any order works."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        with EXCHANGES.running(x.device):
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
