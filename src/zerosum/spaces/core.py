"""A space says what one sample is: its shape, its value range, its classes, and how a person gets to see it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Space:
    """What one sample is.

    Args:
        shape: of one sample as networks see it; images `(channels, height, width)`, points `(dimensions,)`.
        classes: names of the classes, empty where samples have no label.
    """

    kind: ClassVar[str] = "space"
    shape: tuple[int, ...]
    classes: tuple[str, ...] = field(default=(), kw_only=True)

    def encode(self, unit: Tensor) -> Tensor:
        """Values as sources store them -> values as networks see them, `(n, *shape)`, float32; here the same."""
        return unit

    def to_array(self, samples: Tensor) -> np.ndarray:
        """Samples `(n, *shape)` in network values -> the array that is written to an `.npz` under the key `samples`."""
        raise NotImplementedError

    def picture(self, samples: Tensor, columns: int | None = None) -> Image.Image:
        """One picture that shows all `samples`: a grid of images, a scatter plot of points."""
        raise NotImplementedError

    def save_each(self, samples: Tensor, folder: Path, names: list[str]) -> None:
        """Write one file a sample into `folder`; `names` carry no suffix."""
        raise NotImplementedError
