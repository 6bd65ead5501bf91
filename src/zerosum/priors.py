"""Where latents come from."""

from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import choose


class Prior(Protocol):
    """A distribution of latents with `size` dimensions."""

    @property
    def size(self) -> int:
        """Dimensions of a latent."""
        ...

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents, `(n, size)`, float32."""
        ...


@dataclass(frozen=True)
class Normal:
    """z ~ N(0, I)."""

    size: int

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents, `(n, size)`, float32."""
        return draw.normal(n, self.size)


@dataclass(frozen=True)
class Uniform:
    """z ~ U(-1, 1), independent (Radford 2016)."""

    size: int

    def __call__(self, n: int, draw: Draw) -> Tensor:
        """`n` latents, `(n, size)`, float32."""
        return draw.uniform(n, self.size, low=-1.0, high=1.0)


PriorName = Literal["normal", "uniform"]


def prior(name: str, size: int) -> Prior:
    """The prior called `name`, with `size` dimensions."""
    priors: dict[str, type[Normal] | type[Uniform]] = {"normal": Normal, "uniform": Uniform}
    return choose("prior", name, priors)(size)
