"""Densities to draw points from: every batch is new, there is no end of them.

Three mixtures of Gaussians count modes (VEEGAN, Srivastava 2017; PacGAN, Lin 2018): a ring of 8 on a circle of radius 1
with deviation 0.01, a grid of 5 x 5 at {-4, -2, 0, 2, 4}² and one of 10 x 10 at the odd numbers from -9 to 9, both with
deviation 0.05. One's own density is `Density(name=…, sample=…)`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from torch import Tensor

from zerosum.data.core import Batch, Source
from zerosum.data.options import DataOptions
from zerosum.data.samples import points_have_no
from zerosum.data.spacing import ENOUGH, spacing
from zerosum.draw import Draw, fold
from zerosum.errors import UserError, choose
from zerosum.spaces import Points


@dataclass(frozen=True, eq=False, kw_only=True)
class Density:
    """A distribution of points.

    Args:
        name: under which a run remembers it.
        sample: `(n, draw)` -> `n` points `(n, dimensions)`, float32, on `draw.device`, with numbers from `draw` alone.
        dimensions: of a point.
        extent: half the width of the square that pictures show.
        modes: centres of its modes, `(m, dimensions)`, where it has any; judges count them.
        std: standard deviation of a mode in every direction.
    """

    sample: Callable[[int, Draw], Tensor]
    name: str = "density"
    dimensions: int = 2
    extent: float = 1.5
    modes: Tensor | None = None
    std: float | None = None

    @property
    def fingerprint(self) -> str:
        """A hash of the name and of a few samples, rounded because machines differ in the last digits."""
        few = self.sample(16, Draw("fingerprint")).mul(100).round().long()
        return f"{fold(self.name, repr(few.tolist())):016x}"

    def sources(self, options: DataOptions) -> tuple[Source, Source]:
        """The density twice; what is held out is drawn from keys of its own."""
        points_have_no(options)
        return DensitySource(self), DensitySource(self, "held out")


@dataclass(frozen=True, eq=False)
class DensitySource:
    """Points drawn anew for every batch.

    Args:
        density: what is drawn from.
        key: tells this split's draws from the other's.
    """

    density: Density
    key: str = "train"

    def __post_init__(self) -> None:
        few = self.density.sample(2, Draw("shape"))
        if few.shape != (2, self.density.dimensions) or few.dtype != torch.float32:
            raise UserError(
                f"The density {self.density.name!r} gave {few.dtype} of shape {tuple(few.shape)} for 2 samples; "
                f"float32 of shape (2, {self.density.dimensions}) is needed."
            )

    @cached_property
    def space(self) -> Points:
        """Points in as many dimensions as the density has."""
        few = self.density.sample(ENOUGH, Draw("spacing"))
        return Points((self.density.dimensions,), extent=self.density.extent, spacing=spacing(few))

    @property
    def size(self) -> None:
        """A density never ends."""
        return None

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """As many new points as there are `positions`."""
        return Batch(self.density.sample(len(positions), draw.sub(self.key)))


def mixture(name: str, modes: Tensor, std: float) -> Density:
    """Gaussians of equal weight around `modes`, `(m, dimensions)`."""
    on = cache(modes.to)  # one copy a device

    def sample(n: int, draw: Draw) -> Tensor:
        return on(draw.device)[draw.integers(len(modes), n)] + std * draw.normal(n, modes.shape[1])

    extent = 1.25 * float(modes.abs().max())
    return Density(name=name, sample=sample, dimensions=modes.shape[1], extent=extent, modes=modes, std=std)


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Density:
    """Gaussians on a circle."""
    angle = torch.arange(modes) * (2 * math.pi / modes)
    return mixture("ring", radius * torch.stack([angle.cos(), angle.sin()], dim=1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05, name: str = "grid") -> Density:
    """`side` x `side` Gaussians around the origin."""
    line = (torch.arange(side) - (side - 1) / 2) * spacing
    return mixture(name, torch.cartesian_prod(line, line), std)


def swissroll(std: float = 0.05) -> Density:
    """A spiral of one and a half turns that grows to a radius of 2, with Gaussian noise of deviation `std`."""

    def sample(n: int, draw: Draw) -> Tensor:
        angle = draw.uniform(n, 1, low=1.5 * math.pi, high=4.5 * math.pi)
        spiral = torch.cat([angle.cos(), angle.sin()], dim=1) * angle * (2 / (4.5 * math.pi))
        return spiral + std * draw.normal(n, 2)

    return Density(name="swissroll", sample=sample, extent=2.5)


DENSITIES: dict[str, Callable[[], Density]] = {
    "ring": ring,
    "grid": grid,
    "grid100": lambda: grid(side=10, name="grid100"),
    "swissroll": swissroll,
}


def density(name: str) -> Density:
    """The density called `name`."""
    return choose("density", name, DENSITIES)()
