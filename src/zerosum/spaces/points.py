"""Points of a plane or of any number of dimensions."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from torch import Tensor

from zerosum.spaces.core import Space


@dataclass(frozen=True)
class Points(Space):
    """Points with `shape = (dimensions,)`; networks see the values as they are.

    Args:
        extent: half the width of the square that pictures show.
        spacing: distance between neighbouring clusters; None where there are no separate ones.
    """

    kind: ClassVar[str] = "points"
    extent: float = 1.5
    spacing: float | None = None

    def to_array(self, samples: Tensor) -> np.ndarray:
        """Float32, `(n, dimensions)`."""
        return samples.detach().float().cpu().numpy()

    def picture(self, samples: Tensor, columns: int | None = None) -> Image.Image:
        """A scatter plot of the first two dimensions (of value and index, where there is only one)."""
        from matplotlib.figure import Figure  # slow to import

        points = self.to_array(samples)
        x, y = (points[:, 0], points[:, 1]) if points.shape[1] > 1 else (points[:, 0], np.linspace(-1, 1, len(points)))
        figure = Figure(figsize=(4, 4), dpi=96)
        axes = figure.add_axes((0.1, 0.1, 0.85, 0.85))
        axes.scatter(x, y, s=4, alpha=0.5, linewidths=0)
        axes.set(xlim=(-self.extent, self.extent), ylim=(-self.extent, self.extent), aspect="equal")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        return Image.open(buffer).convert("RGB")

    def save_each(self, samples: Tensor, folder: Path, names: list[str]) -> None:
        """One `.csv` file a point."""
        for name, row in zip(names, self.to_array(samples), strict=True):
            np.savetxt(folder / f"{name}.csv", row[None], delimiter=",")
