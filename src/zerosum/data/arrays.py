"""Arrays of images or points: from Python, and from `.npy` and `.npz` files.

Images are `(n, height, width)` or have channels as their second or last axis, whichever is shorter. They are bool,
uint8, uint16 or float; floats are in [0, 1] or in [-1, 1]. Points are float, `(n, dimensions)`.
"""

import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from zerosum.data.digests import digest
from zerosum.data.options import DataOptions
from zerosum.data.packing import IN_MEMORY, Cache, listed
from zerosum.data.pictures import PRECISION, Form, Pictures, common_form
from zerosum.data.samples import Samples, blocks, fingerprint
from zerosum.errors import Notice, UserError

SLACK = 1e-3
"""How far beyond [0, 1] or [-1, 1] floats may lie; they are clipped."""
MOST_CHANNELS = 4
"""An axis of up to this length is one of channels without doubt where the other is longer."""


def file_samples(path: Path, options: DataOptions, cache: Cache) -> Samples:
    """An `.npy` array, or an `.npz` with the key `samples` or `images` and perhaps `labels`."""
    try:
        stored = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
        array, labels = (stored, None) if isinstance(stored, np.ndarray) else _from_npz(path, stored)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} cannot be read as an array: {_reason(path, error)}.") from error
    return array_samples(
        array, labels, options, cache, name=str(path), key=lambda: (path.suffix, digest(path, cache.root))
    )


LABELS = "They are whole numbers or words, one a sample."
OBJECTS = "it holds Python objects, not numbers"


def _reason(path: Path, error: Exception) -> str:
    """Why numpy could not read a file; whatever is not its own format it takes for a pickle."""
    if "Python objects" in str(error):
        return OBJECTS
    if "allow_pickle" not in str(error):
        return str(error).rstrip(".")
    with path.open("rb") as file:
        own = file.read(6).startswith((b"\x93NUMPY", b"PK"))
    return OBJECTS if own else f"it is no {path.suffix} file"


def _from_npz(path: Path, stored: Any) -> tuple[np.ndarray, np.ndarray | None]:
    with stored:
        found = [name for name in ("samples", "images") if name in stored.files]
        if not found:
            raise UserError(
                f"{path} has the keys {', '.join(stored.files) or '(none)'}; the array must be called samples or "
                "images."
            )
        if len(found) > 1:
            raise UserError(f"{path} has samples and images; one of them is read: leave the other out.")
        return stored[found[0]], stored["labels"] if "labels" in stored.files else None


def array_samples(
    array: np.ndarray,
    labels: np.ndarray | None,
    options: DataOptions,
    cache: Cache,
    *,
    name: str,
    key: Callable[[], tuple[object, ...]] | None = None,
    channels_first: bool = False,
) -> Samples:
    """Samples from an array.

    Args:
        array: images or points.
        labels: one a sample; numbers or words.
        options: how images are shaped.
        cache: where reshaped or large arrays are kept.
        name: for messages.
        key: tells the content from others, see `Cache.samples`; asked for only where it is kept.
        channels_first: which it is where the second axis and the last are equally short.

    Raises:
        UserError: wrong type, shape or range.
    """
    numbers, classes = class_numbers(labels, len(array) if array.ndim else 0, name)
    if array.ndim == 2 and array.dtype.kind == "f":
        return _points(array, numbers, classes, name)
    images = _as_images(array, name, channels_first)
    form = Form.of(images[0], stored_type(images.dtype, name))
    if common_form({form}, None, options) == form and images.nbytes <= IN_MEMORY:
        values = np.array(np.moveaxis(as_levels(images, _signed(images, name)), 3, 1), order="C")  # a copy of our own
        return Samples(
            values=values, labels=numbers, classes=classes, fingerprint=fingerprint(values, numbers, classes)
        )
    return cache.samples(key and key(), lambda: _pictures(images, form, numbers, classes, name), options)


def class_numbers(labels: Any, count: int, name: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels of any kind -> numbers from 0 on and the names they stand for."""
    if labels is None:
        return None, ()
    try:
        labels = np.asarray(labels)
    except ValueError as error:  # lists of unequal lengths
        raise UserError(f"The labels of {name} are no array: {error}. {LABELS}") from error
    if labels.ndim == 1 and len(labels) != count:
        raise UserError(f"{name} has {count} samples and {len(labels)} labels; each sample needs one.")
    if labels.ndim != 1 or labels.dtype.kind not in "iubU":
        hint = " One-hot rows become so by .argmax(1)." if labels.ndim == 2 else ""
        raise UserError(f"The labels of {name} have shape {labels.shape} and type {labels.dtype}. {LABELS}{hint}")
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) > 2 and classes.dtype.kind == "i" and classes[0] < 0:
        warnings.warn(f"The label {classes[0]} of {name} is a class like any other.", Notice, stacklevel=2)
    return numbers.astype(np.int64), tuple(map(str, classes))


def _points(array: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...], name: str) -> Samples:
    values = np.array(array, dtype=np.float32, order="C")
    refuse_not_finite([values], name)
    if not values.shape[1]:
        raise UserError(f"{name} has shape {array.shape}: points need at least one dimension.")
    return Samples(values=values, labels=labels, classes=classes, fingerprint=fingerprint(values, labels, classes))


def _as_images(array: np.ndarray, name: str, channels_first: bool) -> np.ndarray:
    """A view with the shape `(n, height, width, channels)`."""
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise UserError(
            f"{name} has shape {array.shape} and type {array.dtype}; images are (n, height, width), "
            "(n, height, width, channels) or (n, channels, height, width), points are float (n, dimensions)."
        )
    if array.ndim == 3:
        count, height, width = array.shape
        if width <= MOST_CHANNELS < height:
            warnings.warn(
                f"{name} has shape {array.shape}: taken for {count} grey images of {height}x{width}. If it is one "
                "picture, put an axis before its own: images[None].",
                Notice,
                stacklevel=2,
            )
        return array[:, :, :, None]
    first = has_channels_first([array.shape[1:]], name, channels_first)
    return np.moveaxis(array, 1, 3) if first else array


def has_channels_first(shapes: Iterable[tuple[int, ...]], name: str, on_a_tie: bool) -> bool:
    """Whether images have their channels first, not last, and a word about it where that may be wrong.

    Channels are on the axis that is shorter, taking of each the longest that any image has. That is certain where one
    of them is 1 to 4 long and the other longer; everything else is told.

    Args:
        shapes: of the images, three lengths each.
        name: for messages.
        on_a_tie: which it is where both are equally long.
    """
    first, middle, last = np.max(list(shapes), axis=0).tolist()
    is_first = on_a_tie if first == last else first < last
    if not min(first, last) <= MOST_CHANNELS < max(first, last):
        height, width, channels = (middle, last, first) if is_first else (first, middle, last)
        warnings.warn(
            f"Images of {name} are up to ({first}, {middle}, {last}): taken for {channels} channels "
            f"{'first' if is_first else 'last'} of {height}x{width}. If that is wrong, move the axis yourself.",
            Notice,
            stacklevel=2,
        )
    return is_first


def stored_type(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    """The type that values of type `dtype` are stored in."""
    if dtype.kind == "f":
        return np.dtype(np.float32)
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.newbyteorder("=") in PRECISION:
        return dtype.newbyteorder("=")
    raise UserError(
        f"{name} has type {dtype}; images are bool, uint8, uint16 or float. "
        "Whole numbers from 0 to 255 become so by .astype('uint8')."
    )


def refuse_not_finite(parts: Iterable[np.ndarray], name: str) -> None:
    """Stop where samples have values that are no numbers, or infinite.

    Args:
        parts: samples, `(n, …)` each, in their order.
        name: for messages.
    """
    bad = np.concatenate([~np.isfinite(part).reshape(len(part), -1).all(1) for part in parts])
    if bad.any():
        where = listed(tuple(map(str, np.flatnonzero(bad).tolist())))
        raise UserError(
            f"{name} has values that are not finite (NaN or infinite) in {int(bad.sum())} of {len(bad)} samples, "
            f"at {where}. Mend or remove these."
        )


def is_signed(parts: Iterable[np.ndarray], name: str) -> bool:
    """Whether floats are in [-1, 1], not [0, 1].

    Raises:
        UserError: they are in neither.
    """
    ranges = [(float(part.min()), float(part.max())) for part in parts]
    low, high = np.min(ranges), np.max(ranges)
    if not (low >= -1 - SLACK and high <= 1 + SLACK):
        raise UserError(
            f"{name} has values from {low:g} to {high:g}; float images must be in [0, 1] or in [-1, 1]. "
            "Values from 0 to 255 become so by division by 255."
        )
    return bool(low < -SLACK)


def as_levels(images: np.ndarray, signed: bool) -> np.ndarray:
    """Images of any allowed type -> values as they are stored; `signed` floats come from [-1, 1]."""
    if images.dtype.kind == "b":
        return images * np.uint8(255)
    if images.dtype.kind == "f":
        values = images.astype(np.float32)
        return np.clip((values + 1) / 2 if signed else values, 0, 1)
    return images.astype(stored_type(images.dtype, "array"), copy=False)


def _signed(images: np.ndarray, name: str) -> bool:
    if images.dtype.kind != "f":
        return False
    refuse_not_finite(blocks(images), name)
    return is_signed(blocks(images), name)


def _pictures(
    images: np.ndarray, form: Form, labels: np.ndarray | None, classes: tuple[str, ...], name: str
) -> Pictures:
    signed = _signed(images, name)
    return Pictures(
        count=len(images),
        describe=lambda item: f"{name}[{item}]",
        probe=lambda item: form,
        read=lambda item, side: as_levels(images[item], signed),
        labels=labels,
        classes=classes,
    )
