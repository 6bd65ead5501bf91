"""Layers that several families share: what generators end with, and the normalisations by name.

Like every network here they work in channels-last memory, under bfloat16 autocast and in float64, and can be
differentiated twice.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from zerosum.errors import UserError, choose
from zerosum.networks.batch_norm import BatchNorm
from zerosum.spaces import Images, Space


class Output(nn.Module):
    """What a generator ends with: brings values into the range of the space, `(n, …) -> (n, …)`.

    tanh for images in [-1, 1], sigmoid for [0, 1], nothing where values are unbounded (standardised images, points).
    Computed in float32 at least: eight bits of mantissa are too few for a sample.
    """

    def __init__(self, space: Space) -> None:
        super().__init__()
        bounded = {"[-1,1]": nn.Tanh, "[0,1]": nn.Sigmoid}
        preprocessing = space.preprocessing if isinstance(space, Images) else ""
        self.activation: nn.Module = bounded.get(preprocessing, nn.Identity)()

    def forward(self, x: Tensor) -> Tensor:
        """The same values, in range."""
        samples: Tensor = self.activation(x.to(torch.promote_types(x.dtype, torch.float32)))
        return samples


def in_full(layer: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype) -> Tensor:
    """What a layer with weights of such a type makes of `x`, outside of autocast: bfloat16 rounds small differences."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.to(dtype))


class FullLinear(nn.Linear):
    """A linear layer in the precision of its weights, whatever autocast says."""

    def forward(self, x: Tensor) -> Tensor:
        """As of a linear layer."""
        return in_full(super().forward, x, self.weight.dtype)


class InstanceNorm(nn.GroupNorm):
    """Every channel of every sample normalised by itself (Ulyanov 2016).

    As groups of one channel: torch 2.13's own `instance_norm` gives wrong gradients on the CPU where the batch is 1 and
    the gradient comes with its channels last. Meanwhile values are laid channel by channel: with channels last the
    kernel for the CPU takes many times as long.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, mean 0 and deviation 1 in each channel of each sample."""
        last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
        normed: Tensor = super().forward(x.contiguous())
        return normed.contiguous(memory_format=torch.channels_last) if last else normed


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": BatchNorm,
    "layer": partial(nn.GroupNorm, 1),
    "instance": InstanceNorm,
    "none": nn.Identity,
}
"""Normalisations by name, from a number of channels.

`layer` normalises each sample over all its values and scales by channel: what WGAN-GP puts in the place of batch
normalisation in the critic, where a penalty on each sample's slope forbids mixing samples (Gulrajani 2017, section 4).
"""


def norm(name: str, channels: int) -> nn.Module:
    """The normalisation called `name` for `channels`; UserError if there is none."""
    return choose("normalisation", name, NORMS)(channels)


def image_shape(space: Space, network: str, instead: str = "Use network 'mlp'.") -> tuple[int, tuple[int, int]]:
    """Channels, and height and width, of the space.

    Raises:
        UserError: its samples are no images; the message names `network` and what to do `instead`.
    """
    if len(space.shape) != 3:
        raise UserError(f"Network {network!r} is for images; these are {space.kind} of shape {space.shape}. {instead}")
    channels, height, width = space.shape
    return channels, (height, width)
