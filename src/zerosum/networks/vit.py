"""Vision transformers as generator and critic: ViTGAN (Lee 2022), for images whose sides are multiples of a patch.

The generator's tokens are positions alone; the latent enters by their norms. With w = f(z), for the blocks l = 1 … L,

    h₀ = E_pos,   h'_l = MSA(SLN(h_{l-1}, w)) + h_{l-1},   h_l = MLP(SLN(h'_l, w)) + h'_l,   y = SLN(h_L, w)
    SLN(h, w) = (1 + γ(w)) ⊙ (h - μ) / σ + β(w)
    x_i(p) = f_θ(E_fou(p), y_i)   of the pixel p in the patch i   (equations 12 to 17)

The critic's attention looks at distances, its patches overlap, and its recipe has its weights keep the spectral norm
that they start with (`zerosum.penalties.constraints.InitialSpectralNorm`). Layers have equalised learning rates, as
those of StyleGAN2 with whose rates they are trained.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.networks.critic import Critic
from zerosum.networks.equalised import EqualisedLinear
from zerosum.networks.layers import Output, image_shape
from zerosum.networks.style import Mapping
from zerosum.networks.transformer import (
    DEVIATION,
    Attention,
    Block,
    OfClass,
    Positions,
    Tokens,
    WithClass,
    attend,
    join,
    perceptron,
    split,
)
from zerosum.spaces import Space


class L2Attention(nn.Module):
    """softmax(-‖q_i - q_j‖² / √(dim / heads)) V with queries that are the keys (Kim 2021; Lee 2022, equation 6).

    Unlike a scalar product, which has no Lipschitz constant, it has one where queries and keys are the same. ‖q_i‖² is
    the same for all j, so that the softmax is that of (2 ⟨q_i, q_j⟩ - ‖q_j‖²) / √(dim / heads). The paper's equation
    leaves the sign out; a token is to look at those that are near, as in Kim 2021.

    Args:
        dim: of a token.
        heads: as many of them as divide `dim`.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = math.gcd(dim, heads)
        self.q, self.v = EqualisedLinear(dim, dim, bias=False), EqualisedLinear(dim, dim, bias=False)
        self.out = EqualisedLinear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, tokens, dim)` to the same shape."""
        q, v = split(self.q(x), self.heads), split(self.v(x), self.heads)
        scale = q.shape[-1] ** -0.5
        far = -scale * q.square().sum(-1)[:, :, None, :]
        seen: Tensor = self.out(join(attend(q, q, v, bias=far, scale=2 * scale)))
        return seen


class SelfModulatedNorm(nn.Module):
    """SLN: each token normalised, its gain and bias told by w.

    Args:
        dim: of a token.
        size_w: dimensions of w.
    """

    def __init__(self, dim: int, size_w: int) -> None:
        super().__init__()
        self.gain, self.bias = EqualisedLinear(size_w, dim), EqualisedLinear(size_w, dim)

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        """Tokens `(n, tokens, dim)` and w, `(n, size_w)`, to tokens."""
        gain, bias = self.gain(w)[:, None], self.bias(w)[:, None]
        told: Tensor = (1 + gain) * F.layer_norm(h, h.shape[-1:]) + bias
        return told


class ModulatedBlock(nn.Module):
    """A block whose norms are told w."""

    def __init__(self, dim: int, heads: int, size_w: int) -> None:
        super().__init__()
        self.first, self.attention = SelfModulatedNorm(dim, size_w), Attention(dim, heads, EqualisedLinear)
        self.second, self.mlp = SelfModulatedNorm(dim, size_w), perceptron(dim, EqualisedLinear)

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        """Tokens `(n, tokens, dim)` and w, `(n, size_w)`, to tokens."""
        h = h + self.attention(self.first(h, w))
        told: Tensor = h + self.mlp(self.second(h, w))
        return told


class ImplicitPatches(nn.Module):
    """f_θ(E_fou(p), y): a picture is a function of places p in [-1, 1]² of each patch, and of what its token says.

    E_fou(p) = sin(B p + b) are Fourier features that are learned, f_θ has one hidden layer of sines (Sitzmann 2020):
    f_θ = W₂ sin(W_E E_fou(p) + W_y y + b₁) + b₂.

    Args:
        dim: of a token, of E_fou and of the hidden layer.
        channels: of the picture.
        patch: side of a patch.
    """

    places: Tensor

    def __init__(self, dim: int, channels: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        steps = (torch.arange(patch) + 0.5) * (2 / patch) - 1  # pixels' middles
        self.register_buffer("places", torch.cartesian_prod(steps, steps), persistent=False)
        self.fourier = nn.Linear(2, dim)
        nn.init.uniform_(self.fourier.weight, -3 / math.sqrt(2), 3 / math.sqrt(2))  # CIPS (Anokhin 2021)
        self.of_place, self.of_token = EqualisedLinear(dim, dim, gain=math.sqrt(2)), EqualisedLinear(dim, dim)
        self.out = EqualisedLinear(dim, channels)

    def forward(self, y: Tensor, size: tuple[int, int]) -> Tensor:
        """Tokens `(n, h w, dim)` of h x w patches to a picture `(n, channels, patch h, patch w)`."""
        features = torch.sin(self.fourier(self.places.to(self.fourier.weight.dtype)))
        hidden = torch.sin(self.of_place(features) + self.of_token(y)[:, :, None])  # (n, h w, patch², dim)
        pixels: Tensor = self.out(hidden).reshape(len(y), *size, self.patch, self.patch, -1)
        return pixels.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


class ViTGenerator(nn.Module):
    """Latents `(n, latent)` to images `(n, *space.shape)`.

    Args:
        space: images of any channel count whose sides are multiples of `patch`.
        latent: dimensions of z, and of w.
        width: dimensions of a token.
        depth: blocks.
        heads: of attention.
        patch: side of a patch.
        mapping: layers of f.

    Raises:
        UserError: the space is not of such images.
    """

    def __init__(
        self, space: Space, *, latent: int, width: int, depth: int = 4, heads: int = 6, patch: int = 4, mapping: int = 2
    ) -> None:
        super().__init__()
        channels, self.size = patches_of(space, patch)
        self.style = Mapping(latent, latent, depth=mapping)
        self.start = nn.Parameter(torch.randn(math.prod(self.size), width) * DEVIATION)
        self.blocks = nn.ModuleList(ModulatedBlock(width, heads, latent) for _ in range(depth))
        self.norm = SelfModulatedNorm(width, latent)
        self.pixels = ImplicitPatches(width, channels, patch)
        self.output = Output(space)

    def forward(self, z: Tensor) -> Tensor:
        """One image a latent."""
        w = self.style(z)
        h = self.start.to(w.dtype).expand(len(z), -1, -1)
        for block in self.blocks:
            h = block(h, w)
        samples: Tensor = self.output(self.pixels(self.norm(h, w), self.size))
        return samples


class ViTCritic(Critic):
    """Images `(n, *space.shape)` to scores `(n,)`.

    Args:
        space: images of any channel count whose sides are multiples of `patch`.
        width: dimensions of a token.
        depth: blocks.
        heads: of attention.
        patch: distance between patches.
        overlap: pixels by which each reaches into its neighbours, by default half a patch (section 3.1).

    Raises:
        UserError: the space is not of such images.
    """

    def __init__(
        self, space: Space, *, width: int, depth: int = 4, heads: int = 6, patch: int = 4, overlap: int | None = None
    ) -> None:
        channels, size = patches_of(space, patch)
        beyond = patch // 2 if overlap is None else overlap
        body = nn.Sequential(
            *(nn.Unfold(patch + 2 * beyond, padding=beyond, stride=patch), Tokens()),
            EqualisedLinear(channels * (patch + 2 * beyond) ** 2, width),
            *(WithClass(width), Positions(math.prod(size) + 1, width)),
            *(Block(width, L2Attention(width, heads), norm=nn.LayerNorm, linear=EqualisedLinear) for _ in range(depth)),
            *(nn.LayerNorm(width), OfClass()),
        )
        super().__init__(body, width)


def usual_patch(space: Space, side: int = 4, joined: int = 1) -> int:
    """Side of the largest patches up to 8 of which each side of the images has `side` or more, a multiple of `joined`.

    Where there are none, 1.
    """
    _, size = image_shape(space, "transformer", "Take recipe 'r3gan'.")
    sides = range(1, max(1, min(8, min(size) // side)) + 1)
    return max((patch for patch in sides if math.gcd(*size) % (patch * joined) == 0), default=1)


def patches_of(space: Space, patch: int) -> tuple[int, tuple[int, int]]:
    """Channels of images, and how many patches stand below and beside each other.

    Raises:
        UserError: the space is not of images, or their sides are no multiples of `patch`.
    """
    channels, (height, width) = image_shape(space, "transformer", "Take recipe 'r3gan'.")
    if height % patch or width % patch:
        raise UserError(
            f"Images of {height}x{width} (height x width) cannot be cut into patches of {patch}: both sides must be "
            "multiples of the patch. Give another --patch or --resolution."
        )
    return channels, (height // patch, width // patch)
