"""What a look at latents leaves to be seen: samples in rows and columns, as a picture, an animation or arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from zerosum.errors import UserError, nearest
from zerosum.latents.explorer import Latents
from zerosum.latents.video import refuse_without_encoder, write_video
from zerosum.spaces import Space

FRAME_MS = 80
ENDINGS = {".png": "a grid", ".npz": "arrays", ".gif": "an animation", ".mp4": "a video"}
MOVING = (".gif", ".mp4")


@dataclass(frozen=True)
class Exhibit:
    """Samples in rows and columns.

    Attributes:
        samples: `(rows, columns, *shape)`, in network values, on the CPU.
        space: says how they are shown.
        latents: that samples were made of, row by row; None where not all were made.
        captions: of the rows, or lines about the whole; figures stand in them.
        steps: whether columns are steps on a way, which can be shown one after the other.
        still: columns at the beginning that are none, and do not move.
    """

    samples: Tensor
    space: Space
    latents: Latents | None = None
    captions: tuple[str, ...] = ()
    steps: bool = False
    still: int = 0

    @classmethod
    def of(
        cls,
        samples: Tensor,
        rows: int,
        space: Space,
        latents: Latents | None = None,
        *,
        steps: bool = False,
        captions: Sequence[str] = (),
    ) -> "Exhibit":
        """Samples `(rows * columns, *shape)`, row after row."""
        return cls(in_rows(samples, rows), space, latents, tuple(captions), steps)

    def picture(self) -> Image.Image:
        """All of it: a grid of images, a scatter plot of points."""
        return self.space.picture(self.samples.flatten(0, 1), columns=self.samples.shape[1])

    def frames(self) -> list[Image.Image]:
        """A picture a step, there and back again."""
        there = [self.space.picture(column) for column in self.samples[:, self.still :].unbind(1)]
        return [*there, *there[-2:0:-1]]

    def save(self, out: Path) -> None:
        """Write by the ending of `out`: `.png` a grid, `.gif` or `.mp4` the columns one by one, `.npz` arrays.

        Raises:
            UserError: another ending, an animation of what has no steps, nothing that makes videos is installed, or
                nothing can be written there.
        """
        refuse_ending(out, steps=self.steps)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            if out.suffix == ".png":
                self.picture().save(out)
            elif out.suffix == ".gif":
                first, *rest = self.frames()
                first.save(out, save_all=True, append_images=rest, duration=FRAME_MS, loop=0)
            elif out.suffix == ".mp4":
                write_video(out, self.frames(), per_second=1000 / FRAME_MS)
            else:
                np.savez_compressed(out, **self._arrays())  # type: ignore[arg-type]
        except OSError as error:
            raise UserError(f"Cannot write {str(out)!r} ({error.strerror or error}).") from error

    def _arrays(self) -> dict[str, np.ndarray]:
        rows, columns = self.samples.shape[:2]
        shown = self.space.to_array(self.samples.flatten(0, 1))
        arrays = {"samples": shown.reshape(rows, columns, *shown.shape[1:])}
        if self.latents is not None:
            arrays["latents"] = self.latents.values.detach().cpu().numpy()
            arrays["level"] = np.array(self.latents.level)
            if self.latents.labels is not None:
                arrays["labels"] = self.latents.labels.cpu().numpy()
        return arrays


def in_rows(samples: Tensor, rows: int) -> Tensor:
    """Samples `(rows * columns, *shape)`, row after row, to `(rows, columns, *shape)`."""
    return samples.view(rows, -1, *samples.shape[1:])


def refuse_ending(out: Path, *, steps: bool) -> None:
    """Raise a UserError for a file that an exhibit cannot be written to, by its ending."""
    allowed = [ending for ending in ENDINGS if steps or ending not in MOVING]
    if out.suffix in allowed:
        if out.suffix == ".mp4":
            refuse_without_encoder(out)
        return
    said = ", ".join(f"{ending} {ENDINGS[ending]}" for ending in allowed)
    why = " It has no steps that could follow one another." if out.suffix in MOVING else nearest(out.suffix, allowed)
    raise UserError(f"Cannot write {str(out)!r}.{why} Endings: {said}.")
