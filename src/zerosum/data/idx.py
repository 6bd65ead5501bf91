"""IDX files, the format of MNIST: two zero bytes, a type, the number of axes, the length of each, the values.

Everything is big-endian (http://yann.lecun.com/exdb/mnist). Labels lie beside the images, under the same name with
`labels` for `images` and `idx1` for `idx3`. Either may be compressed (`.gz`).
"""

import gzip
import zlib
from pathlib import Path

import numpy as np

from zerosum.data.arrays import array_samples
from zerosum.data.digests import digest
from zerosum.data.options import DataOptions
from zerosum.data.packing import Cache
from zerosum.data.samples import Samples
from zerosum.errors import UserError

TRAINING_IMAGES = ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte")
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(path: Path) -> bool:
    """Whether a file begins as IDX files do."""
    try:
        head = _bytes(path, 4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file.

    Raises:
        UserError: it is none, or is cut short.
    """
    try:
        content = _bytes(path)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    if not is_idx(path):
        raise UserError(f"{path} is not an IDX file.")
    axes, dtype = content[3], np.dtype(_TYPES[content[2]])
    start = 4 + 4 * axes
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    wanted = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(content) != wanted:
        raise UserError(f"{path} has {len(content)} bytes; its head promises {wanted}. It is damaged or cut short.")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def idx_samples(path: Path, options: DataOptions, cache: Cache) -> Samples:
    """The images in an IDX file, with their labels if they lie beside it."""
    beside = labels_beside(path)
    labels = None if beside is None else read_idx(beside)

    def key() -> tuple[object, ...]:
        return ("idx", *(digest(p, cache.root) for p in (path, beside) if p))

    return array_samples(read_idx(path), labels, options, cache, name=str(path), key=key)


def labels_beside(images: Path) -> Path | None:
    """The file with the labels of an image file, compressed or not."""
    name = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    found = [images.with_name(name + ending) for ending in ("", ".gz")]
    return next((path for path in found if path.is_file() and path.name != images.name), None)


def _bytes(path: Path, count: int = -1) -> bytes:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if compressed else path.open("rb") as file:
        return file.read(count)
