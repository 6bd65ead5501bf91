"""Laplacian pyramids, and a generator and a critic for each of their levels (Denton 2015).

With d halving an image and u doubling it, I₀ = I and I_{k+1} = d(I_k), the pyramid of I is

    h_k = I_k - u(I_{k+1}) for k < K,   h_K = I_K   (equation 3),   and back: I_k = u(I_{k+1}) + h_k   (equation 4),

so that pictures are taken back exactly, whatever d and u are. A level's generator makes h_k of noise and of the coarser
picture l_k = u(I_{k+1}), and its critic judges h_k beside l_k. Levels are kept from the coarsest to the finest.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.networks import mlp
from zerosum.networks.critic import Critic
from zerosum.networks.filters import Filter
from zerosum.networks.layers import image_shape
from zerosum.spaces import Space

COARSEST = 8
"""Sides of the coarsest picture, at most, unless somebody asks for another number of levels (section 3.1)."""
INSTEAD = "Take recipe 'r3gan'."


class LaplacianPyramid(nn.Module):
    """d, u and what they make of images; beyond the edge an image goes on as it is there.

    Args:
        levels: K.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.down, self.up = Filter(down=2), Filter(up=2, pad=(0, -1))

    def halved(self, x: Tensor) -> Tensor:
        """d, `(n, c, 2 h, 2 w) -> (n, c, h, w)`."""
        smaller: Tensor = self.down(F.pad(x, (1, 1, 1, 1), "replicate"))
        return smaller

    def doubled(self, x: Tensor) -> Tensor:
        """u, `(n, c, h, w) -> (n, c, 2 h, 2 w)`."""
        larger: Tensor = self.up(F.pad(x, (1, 1, 1, 1), "replicate"))
        return larger

    def parts(self, x: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """h_K, and (h_k, l_k) of all finer levels."""
        found: list[tuple[Tensor, Tensor | None]] = []
        for _ in range(self.levels):
            coarse = self.halved(x)
            low = self.doubled(coarse)
            found.append((x - low, low))
            x = coarse
        return [(x, None), *reversed(found)]

    def whole(self, parts: Sequence[Tensor]) -> Tensor:
        """I of h_K … h₀."""
        x, *finer = parts
        for residual in finer:
            x = self.doubled(x) + residual
        return x


class ResidualGenerator(nn.Module):
    """h_k = G_k(z_k, l_k): the noise is one more channel of the coarser picture (section 3.1; authors' code).

    Args:
        channels, size: of the picture, and its height and width.
        width: channels of the two hidden layers.
    """

    def __init__(self, channels: int, size: tuple[int, int], *, width: int) -> None:
        super().__init__()
        self.size = size
        self.body = nn.Sequential(
            *(nn.Conv2d(channels + 1, width, 7, padding=3), nn.ReLU()),
            *(nn.Conv2d(width, width, 7, padding=3), nn.ReLU()),
            nn.Conv2d(width, channels, 5, padding=2),
        )

    @property
    def latent(self) -> int:
        """Dimensions of z_k, one a pixel."""
        return math.prod(self.size)

    def forward(self, z: Tensor, low: Tensor) -> Tensor:
        """Noise `(n, h w)` and coarser pictures `(n, channels, h, w)` to residuals of their shape, float32 at least."""
        plane = z.view(-1, 1, *self.size).to(low.dtype)
        residual: Tensor = self.body(torch.cat([plane, low], dim=1))
        return residual.to(torch.promote_types(residual.dtype, torch.float32))


class ResidualCritic(Critic):
    """D_k(h_k, l_k): it is shown their sum, the picture (section 3.1; authors' code).

    Args:
        channels, size: of the picture, and its height and width.
        width: channels of the two layers.
        dropout: share of the features that are left out in training.
    """

    def __init__(self, channels: int, size: tuple[int, int], *, width: int, dropout: float = 0.0) -> None:
        after = [(side - 1) // 2 + 1 for side in size]
        body = nn.Sequential(
            *(nn.Conv2d(channels, width, 5, padding=2), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(width, width, 5, stride=2, padding=2), nn.LeakyReLU(0.2)),
            *(nn.Flatten(), *([nn.Dropout(dropout)] if dropout else [])),
        )
        super().__init__(body, width * math.prod(after))

    def forward(self, residual: Tensor, low: Tensor) -> Tensor:  # type: ignore[override]  # it is told more
        """One score a residual `(n, channels, h, w)` beside its coarser picture, `(n,)`."""
        return super().forward(residual + low)


class LaplacianGenerator(nn.Module):
    """Latents `(n, latent)` to images: z_K makes the coarsest picture, z_k what each finer level adds.

    Args:
        space: images whose sides can be halved `levels` times.
        levels: K.
        latent: dimensions of z_K.
        width: of the finer levels' networks.
        units: of the coarsest level's layers.

    Raises:
        UserError: the space is not of such images.
    """

    def __init__(self, space: Space, *, levels: int, latent: int, width: int, units: int) -> None:
        super().__init__()
        channels, sizes = sizes_of(space, levels)
        self.pyramid = LaplacianPyramid(levels)
        coarsest = mlp.Generator(coarsest_of(space, sizes[0]), latent=latent, width=units)
        finer = [ResidualGenerator(channels, size, width=width) for size in sizes[1:]]
        self.levels = nn.ModuleList([coarsest, *finer])
        self.latents = [latent, *(generator.latent for generator in finer)]

    def forward(self, z: Tensor) -> Tensor:
        """One image a latent, not bound to a range."""
        (first, *noises), (coarsest, *finer) = torch.split(z, self.latents, dim=1), self.levels
        x: Tensor = coarsest(first)
        for noise, generator in zip(noises, finer, strict=True):
            low = self.pyramid.doubled(x)
            x = low + generator(noise, low)
        return x


class LaplacianCritic(nn.Module):
    """Images to scores, the mean of what all levels' critics say of their own part.

    Args:
        space, levels, width, units: as of the generator.
        dropout: of the finer levels' critics.

    Raises:
        UserError: the space is not of such images.
    """

    def __init__(self, space: Space, *, levels: int, width: int, units: int, dropout: float = 0.0) -> None:
        super().__init__()
        channels, sizes = sizes_of(space, levels)
        self.pyramid = LaplacianPyramid(levels)
        coarsest = mlp.MLPCritic(coarsest_of(space, sizes[0]), width=units)
        finer = [ResidualCritic(channels, size, width=width, dropout=dropout) for size in sizes[1:]]
        self.levels = nn.ModuleList([coarsest, *finer])

    def forward(self, x: Tensor) -> Tensor:
        """One score an image, `(n,)`."""
        parts = zip(self.levels, self.pyramid.parts(x), strict=True)
        scores = [critic(part) if low is None else critic(part, low) for critic, (part, low) in parts]
        return torch.stack(scores).mean(0)


def levels_of(space: Space) -> int:
    """How often images are halved until no side is longer than 8, or until one is odd."""
    _, size = image_shape(space, "lapgan", INSTEAD)
    return min(halvings(size), max(0, math.ceil(math.log2(max(size) / COARSEST))))


def halvings(size: tuple[int, int]) -> int:
    """How often both sides can be halved."""
    both = math.gcd(*size)
    return (both & -both).bit_length() - 1


def sizes_of(space: Space, levels: int) -> tuple[int, list[tuple[int, int]]]:
    """Channels of images, and height and width of all levels from the coarsest to the finest.

    Raises:
        UserError: the space is not of images, or their sides cannot be halved so often.
    """
    channels, (height, width) = image_shape(space, "lapgan", INSTEAD)
    if levels > halvings((height, width)):
        raise UserError(
            f"Images of {height}x{width} (height x width) can be halved {halvings((height, width))} times, not "
            f"{levels}: give fewer --levels, or a --resolution that is a power of two."
        )
    return channels, [(height >> k, width >> k) for k in reversed(range(levels + 1))]


def coarsest_of(space: Space, size: tuple[int, int]) -> Space:
    """The space of the coarsest pictures."""
    return replace(space, shape=(space.shape[0], *size))
