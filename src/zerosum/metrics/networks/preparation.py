"""What all feature networks do before and around a look: colours, sizes, parts, exact arithmetic, and their digest."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.errors import UserError
from zerosum.metrics.statistics import Look

COLOURS = "grey repeated to 3 channels, alpha laid over white"


def as_levels(shown: Tensor, network: str) -> Tensor:
    """Images as levels from 0 to 255.

    Args:
        shown: `(n, channels, height, width)`; uint8 as in a file, which stays whole, or float32 in [0, 1], which is not
            rounded (differences of a small step between latents would be lost).
        network: the name of who asks.

    Raises:
        UserError: the shape or type is another.
    """
    if shown.ndim != 4 or shown.dtype not in (torch.uint8, torch.float32):
        raise UserError(
            f"The feature network {network!r} looks at images (n, channels, h, w), uint8 or float32 in [0, 1]; "
            f"given are {str(shown.dtype).removeprefix('torch.')} of shape {tuple(shown.shape)}. For others use 'raw'."
        )
    return shown if shown.dtype == torch.uint8 else shown * 255


def whole_if(levels: Tensor, given: Tensor) -> Tensor:
    """Levels that were computed from `given` ones, in whole levels, uint8, if those were; else as they are."""
    return levels.round().clamp(0, 255).to(torch.uint8) if given.dtype == torch.uint8 else levels


def to_rgb(shown: Tensor) -> Tensor:
    """Levels of images `(n, channels, height, width)` -> the same in red, green and blue, `(n, 3, height, width)`.

    One channel is grey, two are grey and alpha, three are colour, four colour and alpha; what is transparent shows
    white, in whole levels where whole ones are given.

    Raises:
        UserError: there are more channels.
    """
    channels = shown.shape[1]
    if channels not in (1, 2, 3, 4):
        raise UserError(
            f"The images have {channels} channels; this feature network sees colours and needs 1 (grey), "
            "2 (grey, alpha), 3 (colour) or 4 (colour, alpha). Use 'classifier' or a network of your own."
        )
    if channels in (2, 4):
        colours, alpha = shown[:, :-1].float(), shown[:, -1:].float().div(255)
        shown = whole_if(colours.mul(alpha).add(255 * (1 - alpha)), shown)
    return shown.expand(-1, 3, -1, -1)


def at_most(shown: Tensor, side: int) -> Tensor:
    """Levels with no side above `side`: larger images bilinearly made smaller, antialiased; whole levels stay whole."""
    longest = max(shown.shape[-2:])
    if longest <= side:
        return shown
    height, width = (max(1, round(length * side / longest)) for length in shown.shape[-2:])
    small = F.interpolate(shown.float(), (height, width), mode="bilinear", antialias=True, align_corners=False)
    return whole_if(small, shown)


def in_parts(network: Callable[[Tensor], Look], shown: Tensor, at_once: int) -> Look:
    """The look of a network that is given at most `at_once` samples at a time, which bounds the memory it needs."""
    with exactly(shown.device):
        looks = [network(part) for part in torch.split(shown, at_once)]
    logits = [found.logits for found in looks if found.logits is not None]
    return Look(torch.cat([found.features for found in looks]), torch.cat(logits) if logits else None)


@contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """No gradients, and float32 that is float32, whatever a training around this has chosen to be fast."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    convolutions = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False, fp32_precision="ieee"
    )
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False), convolutions:
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def digest_of(tensors: Mapping[str, Tensor], *words: str) -> str:
    """A hash of named tensors and of whatever else shapes the features."""
    digest = hashlib.sha256(repr(words).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
