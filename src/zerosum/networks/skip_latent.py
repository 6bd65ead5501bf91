"""Every block of a generator is told the class and a part of the latent of its own (Brock 2019, section 3).

With z cut into z₀, z₁, … the generator starts from z₀, and the norms of block k have

    h = (1 + W_γ [e(y), z_k]) (x - μ) / σ + W_β [e(y), z_k],

e(y) one embedding of the class that all blocks share, W_γ and W_β each norm's own (appendix B, figure 15).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.errors import UserError
from zerosum.networks.attentive import INSTEAD, Generator
from zerosum.networks.batch_norm import BatchNorm
from zerosum.networks.layers import image_shape
from zerosum.networks.pyramid import pyramid
from zerosum.networks.resnet import Residual
from zerosum.spaces import Space


class ToldBatchNorm(BatchNorm):
    """Batch normalisation of `(n, channels, …)` with gain and shift linear in a condition.

    In `forward` the buffer `condition` counts as that of the samples, `(n, size)`: whoever calls it has put it there.

    Args:
        norm: whose settings it takes over.
        size: of the condition.
    """

    condition: Tensor

    def __init__(self, norm: _BatchNorm, size: int) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum, affine=False)
        self.gain = nn.Linear(size, norm.num_features, bias=False)
        self.shift = nn.Linear(size, norm.num_features, bias=False)
        self.register_buffer("condition", torch.empty(0), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """`(n, channels, …)` to the same shape and type."""
        normal = super().forward(input)
        shape = (len(input), -1, *(1,) * (input.ndim - 2))
        gain, shift = self.gain(self.condition), self.shift(self.condition)
        told: Tensor = normal * (1 + gain.view(shape)) + shift.view(shape)
        return told.to(input.dtype)


class SkipGenerator(nn.Module):
    """G(z, y), whose blocks are told the class and their part of z by their norms.

    Args:
        network: takes `(n, chunks[0])`; the batch normalisations of its residual blocks become told ones, in place.
        chunks: dimensions of z₀ and of each block's part.
        classes: how many there are.
        embedding: dimensions of e(y).
    """

    def __init__(self, network: nn.Sequential, *, chunks: Sequence[int], classes: int, embedding: int) -> None:
        super().__init__()
        self.network = network
        self.embedding = nn.Embedding(classes, embedding)
        self.chunks = list(chunks)
        blocks = [(name, module) for name, module in network.named_children() if isinstance(module, Residual)]
        assert len(blocks) == len(chunks) - 1
        self.norms = [
            [f"{name}.{norm}" for norm in _tell(block, embedding + chunk)]
            for (name, block), chunk in zip(blocks, chunks[1:], strict=True)
        ]

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Latents `(n, latent)` and labels `(n,)` to samples `(n, *shape)`."""
        first, *rest = torch.split(z, self.chunks, dim=1)
        e = self.embedding(label).to(z.dtype)
        told: dict[str, Tensor] = {}
        for names, chunk in zip(self.norms, rest, strict=True):
            told |= dict.fromkeys([f"{name}.condition" for name in names], torch.cat([e, chunk], dim=1))
        samples: Tensor = functional_call(self.network, told, (first,), tie_weights=False)
        return samples


def skip_generator(
    space: Space, *, latent: int, width: int, classes: int, embedding: int, attention: int | None = None
) -> SkipGenerator:
    """BigGAN's generator, of a space that `attentive.Generator` can have.

    Args:
        space, width, attention: as its own.
        latent: dimensions of z, which is cut as evenly as can be: no part has two dimensions more than another.
        classes: how many there are.
        embedding: dimensions of the classes' embedding.

    Raises:
        UserError: as its own; fewer dimensions than parts.
    """
    parts = pyramid(image_shape(space, "attentive", INSTEAD)[1], "attentive").levels + 1
    if latent < parts:
        raise UserError(
            f"latent_size = {latent} is too few: z is cut into {parts} parts, for the start and each block."
        )
    chunks = [latent // parts + (part < latent % parts) for part in range(parts)]
    network = Generator(space, latent=chunks[0], width=width, attention=attention)
    return SkipGenerator(network, chunks=chunks, classes=classes, embedding=embedding)


def _tell(block: nn.Module, size: int) -> list[str]:
    """Put told norms in the place of a block's batch normalisations, and say where they are."""
    names = [name for name, module in block.named_modules() if isinstance(module, _BatchNorm)]
    for name in names:
        parent, _, own = name.rpartition(".")
        norm = block.get_submodule(name)
        assert isinstance(norm, _BatchNorm)
        setattr(block.get_submodule(parent), own, ToldBatchNorm(norm, size))
    return names
