"""A data set of the user's own: anything with `len` and `[]`, as in PyTorch.

An item is an image or a pair (image, label); an image is a picture of Pillow's, an array `(height, width)` or
`(height, width, channels)`, or a tensor `(height, width)` or `(channels, height, width)`. Every item is taken once,
in order, and kept in memory.
"""

from typing import Any, Protocol

import numpy as np
from PIL import Image
from torch import Tensor

from zerosum.data import decode
from zerosum.data.arrays import as_levels, class_numbers, is_signed, refuse_not_finite, stored_type
from zerosum.data.options import DataOptions
from zerosum.data.pictures import Form, common_form, conform
from zerosum.data.samples import Samples, fingerprint
from zerosum.errors import UserError


class Items(Protocol):
    """A data set as PyTorch knows it."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def sequence_samples(items: Items, options: DataOptions, *, name: str) -> Samples:
    """The images of a data set, with their labels if it has any.

    Raises:
        UserError: it is empty, an item is no image, or only some have labels.
    """
    if len(items) == 0:
        raise UserError(f"{name} is empty.")
    taken = [_image_and_label(items[index], f"{name}[{index}]") for index in range(len(items))]
    labels, classes = _classes([label for _, label in taken], name)
    images = _on_one_scale([image for image, _ in taken], name)
    form = common_form({Form.of(image) for image in images}, None, options)
    values = np.stack([conform(image, form, options.fit) for image in images])
    return Samples(values=values, labels=labels, classes=classes, fingerprint=fingerprint(values, labels, classes))


def _image_and_label(item: Any, name: str) -> tuple[np.ndarray, Any]:
    image, label = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
    return _picture(image, name), label.item() if isinstance(label, Tensor | np.generic) else label


def _picture(image: Any, name: str) -> np.ndarray:
    """An image of any kind -> `(height, width, channels)`."""
    if isinstance(image, Image.Image):
        return decode.picture(image)
    array = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
    if not isinstance(array, np.ndarray) or array.ndim not in (2, 3) or not array.size:
        given = f"an array of shape {array.shape}" if isinstance(array, np.ndarray) else type(image).__name__
        raise UserError(f"{name} is {given}; an image or a pair (image, label) is needed.")
    if array.ndim == 2:
        return array[:, :, None]
    return np.moveaxis(array, 0, 2) if isinstance(image, Tensor) else array


def _classes(labels: list[Any], name: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if all(label is None for label in labels):
        return None, ()
    if any(label is None for label in labels):
        raise UserError(f"{name} has labels for some items only.")
    return class_numbers(labels, len(labels), name)


def _on_one_scale(images: list[np.ndarray], name: str) -> list[np.ndarray]:
    """Images as they are stored; floats are in [0, 1] or in [-1, 1], all alike."""
    for dtype in {image.dtype for image in images}:
        stored_type(dtype, name)
    floats = [image for image in images if image.dtype.kind == "f"]
    refuse_not_finite([image[None] for image in images], name)
    signed = bool(floats) and is_signed(floats, name)
    return [as_levels(image, signed) for image in images]
