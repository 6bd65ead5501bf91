"""Where latents come from, and the paths between them."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from zerosum.coding import one_hot
from zerosum.draw import Draw
from zerosum.errors import choose

Path = Literal["slerp", "lerp"]


class Prior(Protocol):
    """A distribution of latents with `size` dimensions.

    Attributes:
        path: how to walk from one latent to another through likely ones (`PATHS`); None where there is no way.
    """

    @property
    def size(self) -> int:
        """Dimensions of a latent."""
        ...

    @property
    def path(self) -> Path | None:
        """How to walk."""
        ...

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents, `(n, size)`, float32."""
        ...


@dataclass(frozen=True)
class Normal:
    """z ~ N(0, I)."""

    size: int
    path: Path | None = "slerp"

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents, `(n, size)`, float32."""
        return draw.normal(n, self.size)


@dataclass(frozen=True)
class Uniform:
    """z ~ U(-1, 1), independent (Radford 2016)."""

    size: int
    path: Path | None = "lerp"

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents, `(n, size)`, float32."""
        return draw.uniform(n, self.size, low=-1.0, high=1.0)


@dataclass(frozen=True)
class Coins:
    """Two normal dimensions of deviation `width`, and fair coins ±1 for the others.

    A continuous map of a connected latent covers separate modes only with bridges between them (Khayatkhoei 2018,
    Tanielian 2020). k coins tell 2ᵏ pieces apart, between which the map may jump: there should be many more pieces than
    modes, but not so many that each is met too seldom. The pieces are narrow beside the distance between them, for one
    that is as wide lies across the border of two modes more often, and makes a bridge of its own.
    """

    size: int
    width: float = 0.25
    path: Path | None = None

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents, `(n, size)`, float32."""
        z = draw.normal(n, self.size)
        return torch.cat([z[:, :2] * self.width, z[:, 2:].sign()], dim=1)


@dataclass(frozen=True)
class Codes:
    """[z, c]: noise, a categorical code as one-hot vector, and continuous codes ~ U(-1, 1) (Chen 2016, section 7).

    Args:
        noise: where z comes from.
        categories: of the categorical code, all equally likely.
        continuous: how many continuous codes there are.
    """

    noise: Prior
    categories: int
    continuous: int
    path: Path | None = None

    @property
    def size(self) -> int:
        """Dimensions of z and codes together."""
        return self.noise.size + self.categories + self.continuous

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents with their codes, `(n, size)`, float32."""
        return self.with_category(draw.sub("category").integers(self.categories, n), draw)

    def with_category(self, category: Tensor, draw: Draw) -> Tensor:
        """Latents whose categorical code is given, `(n,)` to `(n, size)`; the rest is as `draw` has it without."""
        n = len(category)
        continuous = draw.sub("codes").uniform(n, self.continuous, low=-1.0)
        return torch.cat([self.noise(n, draw), one_hot(category, self.categories), continuous], dim=1)

    def codes(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Category `(n,)` and continuous codes `(n, continuous)` of latents."""
        category, continuous = torch.split(latents[:, self.noise.size :], [self.categories, self.continuous], dim=1)
        return category.argmax(1), continuous


PriorName = Literal["auto", "normal", "uniform", "coins"]


def prior(name: str, size: int) -> Prior:
    """The prior called `name`, with `size` dimensions."""
    priors: dict[str, type[Normal | Uniform | Coins]] = {"normal": Normal, "uniform": Uniform, "coins": Coins}
    return choose("prior", name, priors)(size)


def lerp(first: Tensor, second: Tensor, t: Tensor) -> Tensor:
    """Points on the straight lines between latents `(n, size)`, at `t`, `(n, 1)`."""
    return torch.lerp(first, second, t)


def slerp(first: Tensor, second: Tensor, t: Tensor) -> Tensor:
    """Points on the arcs between latents `(n, size)`, at `t`, `(n, 1)` (White 2016).

    The direction turns from the one latent's to the other's at an even pace, u cos(t ω) + v sin(t ω) with u the first
    direction, v the one across it and ω the angle between both; the length runs from the one's to the other's. Opposite
    latents have no one arc and get the line.
    """
    lengths = [latents.norm(dim=1, keepdim=True) for latents in (first, second)]
    u, end = (torch.nn.functional.normalize(latents, dim=1) for latents in (first, second))
    along = (u * end).sum(1, keepdim=True)
    across = end - along * u
    height = across.norm(dim=1, keepdim=True)
    angle = torch.atan2(height, along)
    turned = u * (t * angle).cos() + across / height.clamp_min(1e-12) * (t * angle).sin()
    arc = torch.lerp(lengths[0], lengths[1], t) * turned
    return torch.where((height < 1e-6) & (along < 0), lerp(first, second, t), arc)


PATHS = {"slerp": slerp, "lerp": lerp}
"""Ways to walk between latents, `(first, second, t) -> latents`."""
