"""Randomness by counter: every number is a function of a key, never of what was drawn before.

A `Draw` is keyed by where it is used, for example `(run seed, stream, round, repeat)`. The same key gives the same
numbers on every resume, and a batch is drawn for all processes at once and sliced by rank, so that one process and
many see the same samples.
"""

import hashlib
import math

import torch
from torch import Tensor

Key = int | str


def fold(*key: Key) -> int:
    """A 63-bit seed from a key; equal keys give equal seeds on every machine.

    >>> fold(0, "latents") == fold(0, "latents") != fold(1, "latents")
    True
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Draw:
    """The one source of randomness a loss, a network or an augmentation may use in a move.

    Successive calls give successive numbers of one generator; two draws with the same key give the same sequence.
    On the CPU the first rows of a draw's first call are the same whatever `n`.

    Args:
        key: integers and words that say where the draw is used.
        device: where the tensors live. CPU and accelerator give different numbers for one key.
        rank, world: this process and how many there are. Methods that take `n` draw `n * world` rows
            and return this process's `n`.
    """

    def __init__(self, *key: Key, device: torch.device | str = "cpu", rank: int = 0, world: int = 1) -> None:
        self.key = key
        self.device = torch.device(device)
        self.rank = rank
        self.world = world
        self._generator: torch.Generator | None = None

    @property
    def generator(self) -> torch.Generator:
        """The generator behind this draw, the same on every process."""
        if self._generator is None:
            self._generator = torch.Generator(self.device)
            self._generator.manual_seed(fold(*self.key))
        return self._generator

    def sub(self, *key: Key) -> "Draw":
        """A draw of its own for a part of the move; it neither disturbs this one nor depends on its use."""
        return Draw(*self.key, *key, device=self.device, rank=self.rank, world=self.world)

    def on(self, device: torch.device | str) -> "Draw":
        """The same key on another device."""
        return Draw(*self.key, device=device, rank=self.rank, world=self.world)

    def piece(self, index: int, count: int) -> "Draw":
        """The same numbers for one of `count` equal pieces of this process's rows.

        >>> whole, pieces = Draw(0).normal(4), [Draw(0).piece(index, 2).normal(2) for index in range(2)]
        >>> torch.equal(whole, torch.cat(pieces))
        True
        """
        return Draw(*self.key, device=self.device, rank=self.rank * count + index, world=self.world * count)

    def normal(self, n: int, *shape: int) -> Tensor:
        """Standard normal numbers, `(n, *shape)`, float32."""
        size = n * self.world * math.prod(shape)
        # the CPU makes sixteen at a time, and an odd rest by a way of its own: in whole sixteens no row depends on `n`
        numbers = torch.randn(size + -size % 16, generator=self.generator, device=self.device)[:size]
        return self._mine(numbers.view(n * self.world, *shape), n)

    def uniform(self, n: int, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform numbers in `[low, high)`, `(n, *shape)`, float32."""
        unit = torch.rand(n * self.world, *shape, generator=self.generator, device=self.device)
        return self._mine(unit.mul_(high - low).add_(low), n)

    def integers(self, high: int, n: int, *shape: int) -> Tensor:
        """Whole numbers in `[0, high)`, `(n, *shape)`, int64."""
        return self._mine(
            torch.randint(high, (n * self.world, *shape), generator=self.generator, device=self.device), n
        )

    def permutation(self, n: int) -> Tensor:
        """The numbers `0 … n-1` in random order, the same on every process, int64."""
        return torch.randperm(n, generator=self.generator, device=self.device)

    def _mine(self, rows: Tensor, n: int) -> Tensor:
        return rows if self.world == 1 else rows[self.rank * n : (self.rank + 1) * n]
