"""From what a user names to data: built-in sets, files and folders of many kinds, and objects of Python's."""

import hashlib
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from zerosum.data import arrays, files, glyphs, hub, idx, tar
from zerosum.data.core import Data, Source
from zerosum.data.digits import digits
from zerosum.data.options import DataOptions
from zerosum.data.packing import Cache
from zerosum.data.photos import photographs
from zerosum.data.points import DENSITIES, Density, density
from zerosum.data.samples import Domains, Samples
from zerosum.data.sequences import Items, sequence_samples
from zerosum.data.streamed import streamed
from zerosum.errors import UserError, nearest

DATA: dict[str, str] = {
    "digits": "1,797 handwritten digits of scikit-learn, 10 classes (default 32x32)",
    "glyphs": "62 letters and digits in 22 fonts, labelled by character or style, grey or colour, any resolution",
    "glyphs:sans-serif": "two domains: glyphs without serifs -> the same with serifs",
    "glyphs:clean-rough": "two domains: clean glyphs -> the same with worn edges",
    "photos": "random crops of photographs that ship with scikit-learn and scikit-image (default 64x64)",
    "ring": "points: 8 Gaussians on a circle",
    "grid": "points: 25 Gaussians on a 5 x 5 grid",
    "grid100": "points: 100 Gaussians on a 10 x 10 grid",
    "swissroll": "points: a noisy spiral",
    "hf:NAME": 'a data set of the Hugging Face hub, or a folder of parquet or arrow files (pip install "zerosum[hub]")',
    "shards:PATTERN": "tar files as of WebDataset, read while training: shards:/data/train-{000..099}.tar",
}
"""What has a name, for lists; everything else is a path: a folder of images, `.zip`, `.npy`, `.npz` or IDX."""
Array = np.ndarray | Tensor
Given = str | os.PathLike[str] | Array | tuple[Array, Array] | Items | Data | Density
_IN_SAMPLES = (
    "allow_unreadable",
    "target",
    "label",
    "resolution",
    "channels",
    "fit",
    "streaming",
    "shard_window",
    "read_ahead",
)


class Material(Protocol):
    """Real samples that have not been split."""

    @property
    def fingerprint(self) -> str:
        """A hash of the content."""
        ...

    def sources(self, options: DataOptions) -> tuple[Source, Source]:
        """What is trained on, and what is held out."""
        ...


def open_data(
    name: Given, options: DataOptions | None = None, *, cache: Path | None = None, progress: bool = True
) -> Data:
    """Real samples with a fixed split, ready to be trained on.

    With `options.target`, or for the glyph domains, batches have the first domain as `condition`, the second as
    `real`, and the label of the first.

    Args:
        name: a name of `DATA`, a path, an array or tensor of images or points, alone or as `(images, labels)`, a data
            set with `len` and `[]`, a density, or data that is open already.
        options: how samples are prepared.
        cache: where packed images are kept; default: `ZEROSUM_CACHE`, or the user's cache directory.
        progress: whether packing shows a bar on a terminal.

    Raises:
        UserError: there is no such data, it cannot be read, or the options do not suit it.
    """
    if isinstance(name, Data):
        if options not in (None, DataOptions()):
            raise UserError("This data is open already; its options cannot be changed. Open it anew with them.")
        return name
    options = options or DataOptions()
    store = Cache(progress=progress) if cache is None else Cache(root=Path(cache) / "packed", progress=progress)
    material = _both(name, options, store)
    train, held_out = material.sources(options)
    return Data(_title(name), train, held_out, _fingerprint(material, train.space.shape, options))


def _both(name: Any, options: DataOptions, cache: Cache) -> Material:
    """One set of samples, or two domains."""
    if options.label != "character" and not (isinstance(name, str) and name.startswith("glyphs")):
        raise UserError(f"label = {options.label!r} is about glyphs; the labels of {_title(name)!r} are its own.")
    first = material(name, options, cache)
    if options.target is None:
        if options.paired and not isinstance(first, Domains):
            raise UserError(f"paired needs two domains; {_title(name)!r} is one. Name the second as target.")
        return first
    second = material(options.target, options, cache)
    for given, samples in ((name, first), (options.target, second)):
        if not isinstance(samples, Samples):
            raise UserError(f"{_title(given)!r} cannot be a domain of two: only sets of images can.")
    assert isinstance(first, Samples)
    assert isinstance(second, Samples)
    return Domains(first, second, options.paired)


def material(given: Any, options: DataOptions, cache: Cache) -> Material:
    """The samples that are given or named."""
    if isinstance(given, str):
        return _named(given, options, cache)
    if isinstance(given, os.PathLike):
        return _stored(Path(given), options, cache)
    if isinstance(given, Density):
        return given
    if isinstance(given, tuple) and len(given) == 2:
        return _labelled(*given, options, cache)
    if isinstance(given, Tensor):
        array = given.detach().cpu().numpy()
        return arrays.array_samples(array, None, options, cache, name=_called(given), channels_first=True)
    if isinstance(given, np.ndarray):
        return arrays.array_samples(given, None, options, cache, name=_called(given))
    if hasattr(given, "__len__") and hasattr(given, "__getitem__"):
        return sequence_samples(given, options, name=type(given).__name__)
    raise UserError(
        f"{type(given).__name__} is no data: give a name, a path, an array, a tensor, two of them as (images, "
        "labels), a density, or a data set with len() and []."
    )


def _labelled(images: Any, labels: Any, options: DataOptions, cache: Cache) -> Samples:
    """Images or points with their labels, as two arrays or tensors."""
    if not isinstance(images, np.ndarray | Tensor):
        raise UserError(
            f"A pair as data is (images, labels), two arrays or tensors; its first is {type(images).__name__}."
        )
    array, numbers = (
        given.detach().cpu().numpy() if isinstance(given, Tensor) else given for given in (images, labels)
    )
    if numbers is None:
        raise UserError("The labels of the pair (images, labels) are None; leave them out: data=images.")
    first = isinstance(images, Tensor)
    return arrays.array_samples(array, numbers, options, cache, name=_called(images), channels_first=first)


def _called(given: np.ndarray | Tensor) -> str:
    return "the tensor" if isinstance(given, Tensor) else "the array"


def _named(name: str, options: DataOptions, cache: Cache) -> Material:
    if not name.strip():
        raise UserError(f"The name of the data is empty. Names: {', '.join(DATA)}; or a path.")
    if options.streaming and not name.startswith(("hf:", "shards:")):
        raise UserError(f"{name} cannot be streamed; hf:NAME and shards:PATTERN can.")
    if name == "digits":
        return digits(options, cache)
    if name == "glyphs":
        return glyphs.glyphs(options, cache)
    if name.startswith("glyphs:"):
        return glyphs.glyph_domains(name.removeprefix("glyphs:"), options, cache)
    if name == "photos":
        return photographs()
    if name in DENSITIES:
        return density(name)
    if name.startswith("hf:"):
        opened = hub.hub_stream if options.streaming else hub.hub_samples
        return opened(name.removeprefix("hf:"), options, cache)
    if name.startswith("shards:"):
        return streamed(name, tar.tar_shards(name.removeprefix("shards:"), cache.root / "shards"), options, cache)
    return _stored(Path(os.path.expanduser(name)), options, cache)


def _stored(path: Path, options: DataOptions, cache: Cache) -> Samples:
    """The samples in a file or folder."""
    if os.path.isdir(path):
        images = next((path / name for name in idx.TRAINING_IMAGES if (path / name).is_file()), None)
        return idx.idx_samples(images, options, cache) if images else files.folder_samples(path, options, cache)
    if not os.path.isfile(path):
        raise UserError(
            f"Unknown data {str(path)!r}: no such file or folder.{nearest(str(path), DATA)} "
            f"Names: {', '.join(DATA)}; or a path."
        )
    if path.suffix.lower() == ".zip":
        return files.zip_samples(path, options, cache)
    if path.suffix.lower() in (".npy", ".npz"):
        return arrays.file_samples(path, options, cache)
    if idx.is_idx(path):
        return idx.idx_samples(path, options, cache)
    raise UserError(
        f"{path} is a single file of another kind. Data is a folder of images, a .zip of them, .npy, .npz or IDX."
    )


def _title(given: Any) -> str:
    if isinstance(given, tuple) and len(given) == 2:
        return _title(given[0])
    if isinstance(given, Density):
        return given.name
    return str(given) if isinstance(given, str | os.PathLike) else type(given).__name__


def _fingerprint(material: Material, shape: tuple[int, ...], options: DataOptions) -> str:
    """A hash of the samples and of the options that are not in them already."""
    said = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in _IN_SAMPLES}
    return hashlib.blake2b(repr((material.fingerprint, shape, said)).encode(), digest_size=16).hexdigest()
