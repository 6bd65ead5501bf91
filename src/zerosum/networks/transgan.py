"""Transformers alone as generator and critic: TransGAN (Jiang 2021), for images whose sides can be halved down to some.

The generator's tokens are places of a map that doubles from stage to stage. With U one step up (a pixel shuffle, which
makes four tokens of a quarter of the dimensions of each, or bicubic) and E_s learned embeddings of the places,

    h₀ = blocks₀(W z + E₀),   h_s = blocks_s(U(h_{s-1}) + E_s),   x = Σ_s up(W_s h_s)   (section 3.1)

Attention knows where tokens are to each other, and looks at windows alone where a map is large (section 3.2). The
critic's tokens are patches; with P_s linear maps of patches whose sides double from stage to stage,

    h₀ = blocks₀(P₀ x + E₀),   h_s = blocks_s([mean of four of h_{s-1}, P_s x] + E_s),

and a token of its own, which a last block lets look at all others, is scored. The shares of dimensions of the
P_s, three quarters and the rest, and the sum of pictures of all stages are those of the authors' code for CIFAR-10
(github.com/VITA-Group/TransGAN, `ViT_custom_scale2`); noise before attention, which that has and the paper has not, is
left out.
"""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.networks.critic import Critic
from zerosum.networks.equalised import PixelNorm
from zerosum.networks.layers import image_shape
from zerosum.networks.transformer import (
    DEVIATION,
    Attention,
    Block,
    GridAttention,
    OfClass,
    Positions,
    Tokens,
    WithClass,
    grid,
    tokens,
    unbiased,
)
from zerosum.networks.vit import patches_of
from zerosum.spaces import Space

Norm = Callable[[int], nn.Module]
Size = tuple[int, int]
SHUFFLES = 3
"""So many of the last steps up are pixel shuffles, those before are bicubic."""
SMALLEST = 4
"""No window is narrower, unless the whole map is."""


def pixel(dim: int) -> nn.Module:
    """Every token brought to the length √dim: the paper's modified normalisation (section 3.3)."""
    return PixelNorm(-1)


TOKEN_NORMS: dict[str, Norm] = {"pixel": pixel, "layer": nn.LayerNorm}
"""Normalisations of tokens by name, from their dimensions."""


def stage(dim: int, depth: int, *, heads: int, norm: Norm, size: Size, window: Size) -> nn.Sequential:
    """Embeddings of the places of a map of tokens, and blocks."""
    blocks = (Block(dim, GridAttention(dim, heads, size=size, window=window), norm=norm) for _ in range(depth))
    return nn.Sequential(Positions(math.prod(size), dim), *blocks)


class TransformerGenerator(nn.Module):
    """Latents `(n, latent)` to images `(n, *space.shape)`, in float32 at least; nothing bounds their values.

    Args:
        space: images of any channel count.
        latent: dimensions of z.
        width: dimensions of a token at full size, four times as many at each of three stages below.
        depths: blocks a stage from the smallest map on; the last number holds for the stages that follow.
        heads: of attention.
        norm: of tokens, see `TOKEN_NORMS`.
        base: the smaller side of the first map is halved from the full one as long as that leaves so many or more.
        full: longest side of a map of which all tokens see each other.
        window: longest side of a window where it is larger.

    Raises:
        UserError: the space is not of images, or a map cannot be cut into windows.
    """

    def __init__(
        self,
        space: Space,
        *,
        latent: int,
        width: int,
        depths: Sequence[int] = (2,),
        heads: int = 4,
        norm: Norm = pixel,
        base: int = 8,
        full: int = 32,
        window: int = 16,
    ) -> None:
        super().__init__()
        channels, size = image_shape(space, "transformer", "Take recipe 'r3gan'.")
        self.sizes = maps_of(size, base)
        last = len(self.sizes) - 1
        self.dims = dims = [width * 4 ** min(last - level, SHUFFLES) for level in range(last + 1)]
        depths = [*depths, *[depths[-1]] * last][: last + 1]
        places = math.prod(self.sizes[0])
        self.first = nn.Sequential(nn.Linear(latent, places * dims[0]), nn.Unflatten(1, (places, dims[0])))
        self.stages = nn.ModuleList(
            stage(dim, depth, heads=heads, norm=norm, size=own, window=window_of(own, full, window))
            for dim, depth, own in zip(dims, depths, self.sizes, strict=True)
        )
        self.pictures = nn.ModuleList(nn.Linear(dim, channels) for dim in dims)

    def forward(self, z: Tensor) -> Tensor:
        """One image a latent."""
        h = self.first(z)
        x: Tensor | None = None
        for blocks, picture, size, dim in zip(self.stages, self.pictures, self.sizes, self.dims, strict=True):
            if x is not None:
                h, x = doubled(h, size, dim), F.interpolate(x, scale_factor=2.0)
            h = blocks(h)
            own = grid(picture(h), size)
            own = own.to(torch.promote_types(own.dtype, torch.float32))
            x = own if x is None else x + own
        assert x is not None
        return x


def doubled(h: Tensor, size: Size, dim: int) -> Tensor:
    """Tokens to those of a map of twice the sides, `size`: of a quarter of the dimensions, or of as many, by `dim`."""
    before = grid(h, (size[0] // 2, size[1] // 2))
    if dim == before.shape[1]:
        return tokens(F.interpolate(before, scale_factor=2.0, mode="bicubic"))
    return tokens(F.pixel_shuffle(before, 2))


def maps_of(size: Size, base: int) -> list[Size]:
    """Sides of the maps, from the smallest to the full size."""
    height, width = size
    above = 0
    while height % 2 == width % 2 == 0 and min(height, width) // 2 >= base:
        height, width, above = height // 2, width // 2, above + 1
    return [(height << level, width << level) for level in range(above + 1)]


def window_of(size: Size, full: int, window: int) -> Size:
    """The window for a map: all of it, or the largest divisors of its sides up to `window`.

    Raises:
        UserError: they are too narrow.
    """
    if max(size) <= full:
        return size
    rows, columns = (max(part for part in range(1, min(side, window) + 1) if side % part == 0) for side in size)
    if min(rows, columns) < min(SMALLEST, *size):
        raise UserError(
            f"A map of {size[0]}x{size[1]} tokens cannot be cut into windows: no number from {SMALLEST} to {window} "
            "divides its sides. Take a --resolution of powers of two, or a larger --window."
        )
    return rows, columns


class Patches(nn.Sequential):
    """Tokens of the patches of images, a linear map of each: `(n, channels, h, w) -> (n, patches, dim)`."""

    def __init__(self, channels: int, side: int, dim: int) -> None:
        super().__init__(nn.Unfold(side, stride=side), Tokens(), nn.Linear(channels * side**2, dim))


class Scales(nn.Module):
    """The critic's stages: each is told means of the tokens before, and patches twice as large.

    Args:
        patches: of each stage.
        stages: as many.
        sizes: of their maps.
    """

    def __init__(self, patches: Sequence[nn.Module], stages: Sequence[nn.Module], sizes: Sequence[Size]) -> None:
        super().__init__()
        self.patches, self.stages, self.sizes = nn.ModuleList(patches), nn.ModuleList(stages), sizes

    def forward(self, x: Tensor) -> Tensor:
        """Images to tokens of the last stage."""
        h: Tensor = self.stages[0](self.patches[0](x))
        for before, patch, blocks in zip(self.sizes, self.patches[1:], self.stages[1:], strict=False):
            pooled = tokens(F.avg_pool2d(grid(h, before), 2))
            h = blocks(torch.cat([pooled, patch(x)], dim=2))
        return h


class TransformerCritic(Critic):
    """Images `(n, *space.shape)` to scores `(n,)`.

    Args:
        space: images of any channel count whose sides are multiples of the largest patch.
        width: dimensions of a token of the last stage.
        depth: blocks a stage; one more sees the token that is scored.
        heads: of attention.
        patch: side of the smallest patches.
        scales: stages, whose patches double.
        full, window: as of the generator.

    Raises:
        UserError: the space is not of such images, or a map cannot be cut into windows.
    """

    def __init__(
        self,
        space: Space,
        *,
        width: int,
        depth: int = 2,
        heads: int = 4,
        patch: int = 4,
        scales: int = 2,
        full: int = 32,
        window: int = 16,
    ) -> None:
        channels, coarsest = patches_of(space, patch << (scales - 1))
        sizes = [(coarsest[0] << above, coarsest[1] << above) for above in reversed(range(scales))]
        shares = shares_of(width, scales)
        dims = list(accumulate(shares))
        body = nn.Sequential(
            Scales(
                [Patches(channels, patch << level, share) for level, share in enumerate(shares)],
                [
                    stage(dim, depth, heads=heads, norm=nn.LayerNorm, size=size, window=window_of(size, full, window))
                    for dim, size in zip(dims, sizes, strict=True)
                ],
                sizes,
            ),
            WithClass(dims[-1]),
            Block(dims[-1], Attention(dims[-1], heads, asking=unbiased), norm=nn.LayerNorm),
            *(nn.LayerNorm(dims[-1]), OfClass()),
        )
        super().__init__(body, dims[-1])
        self.apply(start)


def shares_of(width: int, scales: int) -> list[int]:
    """Dimensions that patches of each scale have: three quarters for the smallest, the rest in equal parts."""
    part = max(1, width // 4 // max(1, scales - 1))
    return [max(1, width - part * (scales - 1)), *[part] * (scales - 1)]


def start(module: nn.Module) -> None:
    """Weights as the authors' critic has them."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=DEVIATION)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
