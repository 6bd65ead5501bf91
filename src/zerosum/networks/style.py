"""Style-based generators: a mapping network makes w of z, and every layer of a synthesis network is told a w.

z -> w by `mapping`, w -> sample by `synthesis` (Karras 2019, section 2), which can be told another w at every layer.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from zerosum.coding import one_hot
from zerosum.collectives import mean_over_processes
from zerosum.draw import Draw
from zerosum.networks.equalised import EqualisedLinear, PixelNorm
from zerosum.networks.filters import doubling
from zerosum.networks.layers import image_shape
from zerosum.networks.modulation import ScaledLeakyReLU, StyledLayer, StyledPicture
from zerosum.networks.progressive import INSTEAD, widths_of
from zerosum.networks.pyramid import pyramid
from zerosum.spaces import Space

MULTIPLIER = 0.01
"""Of the mapping network's learning rate (Karras 2019, appendix C)."""
DECAY = 0.995
"""What the mean of w keeps of itself in a move (Karras 2019, appendix B)."""


class Mapping(nn.Module):
    """w = f(z): layers with leaky ReLU behind a normalisation of z, `(n, latent) -> (n, size_w)`.

    Args:
        latent: dimensions of z.
        size_w: dimensions of w, and units of each layer.
        depth: layers.
        classes: where there are labels, how many; their embedding stands beside z, normalised as well.
    """

    mean: Tensor

    def __init__(self, latent: int, size_w: int, *, depth: int = 8, classes: int = 0) -> None:
        super().__init__()
        self.embedding = EqualisedLinear(classes, size_w) if classes else None
        sizes = [latent + (size_w if classes else 0)] + [size_w] * depth
        self.normalise = PixelNorm()
        self.network = nn.Sequential(
            *(
                layer
                for a, b in pairwise(sizes)
                for layer in (EqualisedLinear(a, b, multiplier=MULTIPLIER), ScaledLeakyReLU())
            )
        )
        self.register_buffer("mean", torch.zeros(size_w))

    def forward(self, z: Tensor, *label: Tensor) -> Tensor:
        """Latents, and labels `(n,)` where there are classes, to w."""
        x = self.normalise(z)
        if self.embedding is not None:
            classes = one_hot(label[0], self.embedding.in_features).to(z.dtype)
            x = torch.cat([x, self.normalise(self.embedding(classes))], dim=1)
        w: Tensor = self.network(x)
        return w

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        """Take the w of a move, `(n, size_w)`, into their mean."""
        now = mean_over_processes(w.detach().mean(0).to(self.mean))
        self.mean.lerp_(now, 1 - DECAY)


class StyleGenerator(nn.Module):
    """G(z) = synthesis(mapping(z)).

    Args:
        style: the mapping network.
        body: the synthesis network, `(w, draw) -> samples` of w `(n, layers, size_w)`, with its number of `layers`.
    """

    def __init__(self, style: Mapping, body: nn.Module) -> None:
        super().__init__()
        self.style, self.body = style, body

    @property
    def layers(self) -> int:
        """How many w the synthesis is told."""
        assert isinstance(self.body.layers, int)
        return self.body.layers

    def mapping(self, z: Tensor, *label: Tensor) -> Tensor:
        """Latents `(n, latent)`, and labels `(n,)` where there are classes, to w, `(n, size_w)`."""
        w: Tensor = self.style(z, *label)
        return w

    def synthesis(self, w: Tensor, draw: Draw | None = None) -> Tensor:
        """w, `(n, size_w)` or one for every layer, `(n, layers, size_w)`, to samples `(n, *shape)`, float32 at least.

        Noise is drawn from `draw`; without one it is always the same.
        """
        samples: Tensor = self.body(w[:, None].expand(-1, self.layers, -1) if w.ndim == 2 else w, draw)
        return samples

    def forward(self, z: Tensor, *label: Tensor, draw: Draw | None = None) -> Tensor:
        """Latents `(n, latent)`, and labels, to samples."""
        return self.synthesis(self.mapping(z, *label), draw)

    def truncated(self, w: Tensor, psi: float, layers: int | None = None) -> Tensor:
        """Styles μ + ψ (w - μ) at the first layers, with μ the mean of w (Karras 2019, appendix B).

        Args:
            w: `(n, size_w)` or `(n, layers, size_w)`.
            psi: ψ; 1 changes nothing, 0 gives the mean.
            layers: how many these are; by default all.

        Returns:
            `(n, layers, size_w)`.
        """
        w = w[:, None].expand(-1, self.layers, -1) if w.ndim == 2 else w
        near = torch.lerp(self.style.mean.to(w).expand_as(w), w, psi)
        return near if layers is None else torch.cat([near[:, :layers], w[:, layers:]], dim=1)


def mixed(first: Tensor, second: Tensor, crossover: Tensor) -> Tensor:
    """Style mixing: the first's w up to a layer and the second's from there on (Karras 2019, section 3.1).

    Args:
        first, second: `(n, size_w)` or `(n, layers, size_w)`.
        crossover: layer from which on it is the second's, for every sample and layer: mask `(n, layers, 1)`.

    Returns:
        `(n, layers, size_w)`.
    """
    wide = [w[:, None] if w.ndim == 2 else w for w in (first, second)]
    return torch.where(crossover, wide[1], wide[0])


class SkipSynthesis(nn.Module):
    """The synthesis network of StyleGAN2 (Karras 2020, figures 2c and 7b): a learned constant, modulated convolutions.

    Every level adds its own picture to the one of the level below, doubled. w is told to 2 (levels + 1) layers: to the
    convolutions in order, and to each level's picture together with the convolution that follows it.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        size_w: dimensions of w.
        width: channels at full size, doubled at each level below.
        max_width: at most so many channels.
        clamp: the largest magnitude of what a layer or a picture comes to; None: any.

    Raises:
        UserError: the space is not of images, or their size has no pyramid.
    """

    def __init__(
        self, space: Space, *, size_w: int, width: int = 32, max_width: int = 512, clamp: float | None = None
    ) -> None:
        super().__init__()
        channels, size = image_shape(space, "style", INSTEAD)
        shape = pyramid(size, "style")
        widths = widths_of(shape.levels, width, max_width)
        self.layers = 2 * (shape.levels + 1)
        self.constant = nn.Parameter(torch.randn(1, widths[0], *shape.base))
        layer = partial(StyledLayer, size_w=size_w, clamp=clamp)
        self.convolutions = nn.ModuleList([layer(widths[0], widths[0], size=shape.base)])
        for level, (a, b) in enumerate(pairwise(widths), start=1):
            sides = (shape.base[0] << level, shape.base[1] << level)
            self.convolutions.append(layer(a, b, size=sides, up=True))
            self.convolutions.append(layer(b, b, size=sides))
        self.pictures = nn.ModuleList(StyledPicture(width, channels, size_w=size_w, clamp=clamp) for width in widths)
        self.enlarge = doubling()

    def forward(self, w: Tensor, draw: Draw | None = None) -> Tensor:
        """Styles w `(n, layers, size_w)` to images `(n, *space.shape)`, float32 at least."""
        told = w.unbind(1)
        noises = noises_of(draw, len(self.convolutions))
        x = self.convolutions[0](self.constant.expand(len(w), -1, -1, -1), told[0], noises[0])
        picture: Tensor = self.pictures[0](x, told[1])
        for place in range(1, len(self.convolutions), 2):
            for index in (place, place + 1):
                x = self.convolutions[index](x, told[index], noises[index])
            picture = self.enlarge(picture) + self.pictures[(place + 1) // 2](x, told[place + 2])
        return picture


def noises_of(draw: Draw | None, count: int) -> Sequence[Draw | None]:
    """A draw for each of so many layers."""
    return [None if draw is None else draw.sub("noise", index) for index in range(count)]
