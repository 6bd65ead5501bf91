"""Images of any channel count, height and width, in one of three value ranges."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zerosum.spaces.core import Space

Preprocessing = Literal["[-1,1]", "[0,1]", "standardised"]


@dataclass(frozen=True)
class Images(Space):
    """Images with `shape = (channels, height, width)`.

    Args:
        preprocessing: the value range that networks see. `standardised` has mean 0 and deviation 1 a channel.
        mean, std: a channel, of the training images in [0, 1]; used by `standardised` alone.
    """

    kind: ClassVar[str] = "images"
    preprocessing: Preprocessing = "[-1,1]"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest network value; infinite where every channel has its own."""
        return {"[-1,1]": (-1.0, 1.0), "[0,1]": (0.0, 1.0)}.get(self.preprocessing, (-math.inf, math.inf))

    def encode(self, unit: Tensor) -> Tensor:
        """Values in [0, 1], `(n, *shape)`, float32 -> network values."""
        scale, shift = self._scale_and_shift(unit)
        return (unit - shift).div_(scale)

    def decode(self, samples: Tensor) -> Tensor:
        """Network values -> values in [0, 1], clipped, float32."""
        scale, shift = self._scale_and_shift(samples)
        return (samples.float() * scale + shift).clamp(0, 1)

    def to_array(self, samples: Tensor) -> np.ndarray:
        """uint8, `(n, height, width, channels)`."""
        levels = self.decode(samples.detach()).mul(255).round().to(torch.uint8)
        return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def picture(self, samples: Tensor, columns: int | None = None) -> Image.Image:
        """A grid, as square as it goes, with a thin gap between samples."""
        return tile(self.to_array(samples), columns)

    def save_each(self, samples: Tensor, folder: Path, names: list[str]) -> None:
        """One PNG a sample."""
        for name, levels in zip(names, self.to_array(samples), strict=True):
            to_image(levels).save(folder / f"{name}.png")

    def _scale_and_shift(self, like: Tensor) -> tuple[Tensor | float, Tensor | float]:
        if self.preprocessing == "[-1,1]":
            return 0.5, 0.5
        if self.preprocessing == "[0,1]":
            return 1.0, 0.0
        return _per_channel(self.std, like.device), _per_channel(self.mean, like.device)


@cache
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """`(channels, 1, 1)`; copied to a device once, for a copy in each batch would wait for it."""
    return torch.tensor(values, device=device).view(-1, 1, 1)


def to_image(levels: np.ndarray) -> Image.Image:
    """uint8 `(height, width, channels)` -> a picture; channel counts that no file knows show their first channels."""
    if levels.shape[2] == 1:
        return Image.fromarray(levels[:, :, 0])
    if levels.shape[2] == 2:
        return Image.fromarray(np.concatenate([levels, np.zeros_like(levels[:, :, :1])], axis=2))
    return Image.fromarray(np.ascontiguousarray(levels[:, :, : 4 if levels.shape[2] == 4 else 3]))


def tile(levels: np.ndarray, columns: int | None = None, gap: int = 2, background: int = 32) -> Image.Image:
    """uint8 `(n, height, width, channels)` -> one picture, row by row."""
    n, height, width, channels = levels.shape
    columns = columns or max(1, round(math.sqrt(n * height / width)))
    rows = -(-n // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), background, dtype=np.uint8)
    for index in range(n):  # pictures of a grid, not samples of a training
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = levels[index]
    return to_image(canvas)
