"""Samples on their way to a file or a folder, piece by piece: as many as wanted, in the memory of one piece."""

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.spaces import Space

UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
"""What a class may have in its name, and a file may not."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""When members of an archive are said to have been written, so that the same samples are the same file."""


@dataclass(frozen=True)
class Samples:
    """What was sampled.

    Attributes:
        values: `(n, *shape)`, in network values.
        labels: class numbers `(n,)` where the sampler is told the class, else None.
        space: says how they are shown and saved.
    """

    values: Tensor
    labels: Tensor | None
    space: Space

    def save(self, out: str | Path) -> None:
        """Write by the ending of `out`, see `write`."""
        write(Path(out), len(self.values), [self])

    def names(self, start: int = 0) -> list[str]:
        """A name for each, by its number from `start` and its class."""
        numbers = range(start, start + len(self.values))
        if self.labels is None:
            return [f"{number:06d}" for number in numbers]
        classes = [UNSAFE.sub("_", name) for name in self.space.classes]
        return [f"{number:06d}-{classes[label]}" for number, label in zip(numbers, self.labels.tolist(), strict=True)]


def write(out: Path, n: int, pieces: Iterable[Samples]) -> None:
    """Write `n` samples by the ending of `out`: `.png` a grid, `.npz` arrays `samples` and `labels`, none a folder.

    A grid needs all of them at once. Of arrays and folders no more than one piece is held (and eight bytes a label).

    Raises:
        UserError: another ending, or nothing can be written there.
    """
    refuse_unwritable(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[out.suffix.lower()](out, n, pieces)
    except OSError as error:
        raise UserError(f"Cannot write {str(out)!r} ({error.strerror or error}).") from error


def refuse_unwritable(out: Path) -> None:
    """Raise a UserError for an ending that says nothing, and for a folder that has files already."""
    if out.suffix.lower() not in WRITERS:
        raise UserError(f"Cannot write {str(out)!r}: take an ending .png or .npz, or none for a folder.")
    if not out.suffix and out.is_dir() and any(out.iterdir()):
        raise UserError(f"The folder {str(out)!r} is not empty; take another, or empty it.")


def as_picture(out: Path, n: int, pieces: Iterable[Samples]) -> None:
    """One grid (points: one scatter plot)."""
    whole = joined(pieces)
    whole.space.picture(whole.values).save(out)


def as_arrays(out: Path, n: int, pieces: Iterable[Samples]) -> None:
    """A compressed `.npz`, which appears when it is whole."""
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    labels: list[np.ndarray] = []
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            with member(archive, "samples.npy") as file:
                for number, piece in enumerate(pieces):
                    array = np.ascontiguousarray(piece.space.to_array(piece.values))
                    if number == 0:
                        write_header(file, array.dtype, (n, *array.shape[1:]))
                    file.write(array.data)
                    labels += [] if piece.labels is None else [piece.labels.numpy()]
            if labels:
                with member(archive, "labels.npy") as file:
                    np.lib.format.write_array(file, np.concatenate(labels), allow_pickle=False)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def as_folder(out: Path, n: int, pieces: Iterable[Samples]) -> None:
    """A file a sample."""
    out.mkdir(exist_ok=True)
    start = 0
    for piece in pieces:
        piece.space.save_each(piece.values, out, piece.names(start))
        start += len(piece.values)


WRITERS: dict[str, Callable[[Path, int, Iterable[Samples]], None]] = {
    ".png": as_picture,
    ".npz": as_arrays,
    "": as_folder,
}
"""By the ending."""


def joined(pieces: Iterable[Samples]) -> Samples:
    """Pieces as one."""
    found = list(pieces)
    labels = [piece.labels for piece in found if piece.labels is not None]
    return Samples(torch.cat([piece.values for piece in found]), torch.cat(labels) if labels else None, found[0].space)


@contextmanager
def member(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    """A new file in an archive, of any size."""
    info = zipfile.ZipInfo(name, LONG_AGO)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as file:
        yield file


def write_header(file: IO[bytes], dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> None:
    """The beginning of an `.npy` of an array that is not there yet."""
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
