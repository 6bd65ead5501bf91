"""Variation of images on the device, a whole batch at a time.

A variation maps images with values in [0, 1], `(n, c, h, w)`, to images, with numbers from the `Draw` it is given.
Every geometric one is a single 2 x 3 matrix a sample and one resampling.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.data.options import DataOptions
from zerosum.draw import Draw

Variation = Callable[[Tensor, Draw], Tensor]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random flips and affine maps.

    Args:
        flip: mirror every second image, exactly (no resampling).
        shift: largest move, a share of the image's size, in [0, 1).
        rotate: largest turn, in degrees.
        scale: largest change of size; factors are in [1 / (1 + scale), 1 + scale], evenly in their logarithm.
        shear: largest horizontal move of the top edge, a share of half the height.
        crop: largest share of each side that is cut away; what is left, somewhere in the image, is enlarged.
        outside: what is seen beyond the image's edge: its reflection, or zeros.
    """

    flip: bool = False
    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    crop: float = 0.0
    outside: Literal["reflection", "zeros"] = "reflection"

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        """Images of any range, `(n, c, h, w)`, varied."""
        if self.flip:
            mirrored = draw.uniform(len(images), 1, 1, 1) < 0.5
            images = torch.where(mirrored, images.flip(3), images)
        return self._move(images, draw) if self.moves else images

    @property
    def moves(self) -> bool:
        """Whether images must be resampled."""
        return any((self.shift, self.rotate, self.scale, self.shear, self.crop))

    def _move(self, images: Tensor, draw: Draw) -> Tensor:
        matrices = self.matrices(draw.uniform(len(images), 8), aspect=images.shape[2] / images.shape[3])
        grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode=self.outside, align_corners=False)

    def matrices(self, unit: Tensor, aspect: float) -> Tensor:
        """Where each output pixel looks in the input, `(n, 2, 3)`, in coordinates that run from -1 to 1.

        Args:
            unit: uniform in [0, 1), `(n, 8)`.
            aspect: height / width.
        """
        even = unit * 2 - 1
        angle = even[:, 0] * math.radians(self.rotate)
        window = 1 - self.crop * unit[:, 1]
        size = torch.exp(even[:, 2] * math.log1p(self.scale)) * window
        cos, sin, shear = torch.cos(angle), torch.sin(angle), even[:, 3] * self.shear
        centre = even[:, 4:6] * (1 - window)[:, None] + even[:, 6:8] * (2 * self.shift)
        across = torch.stack([size * cos, size * (shear * cos - sin) * aspect, centre[:, 0]], dim=1)
        down = torch.stack([size * sin / aspect, size * (shear * sin + cos), centre[:, 1]], dim=1)
        return torch.stack([across, down], dim=1)


def augmentation(options: DataOptions) -> tuple[Augmentation, ...]:
    """What the user asked for: nothing, or one augmentation."""
    names = ("flip", "shift", "rotate", "scale", "crop")
    wanted = {name: getattr(options, name) for name in names}
    return (Augmentation(**wanted),) if any(wanted.values()) else ()


@dataclass(frozen=True, kw_only=True)
class Colours:
    """A light pen on a dark paper, both of random colours, for images `(n, 1, h, w)` whose value is the ink.

    Args:
        range: colours are drawn from [0, range) for paper and (1 - range, 1] for pen, below 0.5 for a contrast.
    """

    range: float = 0.45

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        """`(n, 3, h, w)`."""
        colours = draw.uniform(len(images), 2, 3, 1, 1, high=self.range)
        paper, pen = colours[:, 0], 1 - colours[:, 1]
        return paper + images * (pen - paper)
