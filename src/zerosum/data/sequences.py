"""A data set of the user's own: anything with `len` and `[]`, as in PyTorch.

An item is an image or a pair (image, label); an image is a picture of Pillow's, or an array or tensor
`(height, width)` or with channels first or last, whichever is shorter in all items (`has_channels_first`); where both
are equally long, arrays have them last and tensors first. Every item is taken once, in order, and kept in memory.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image
from torch import Tensor

from zerosum.data import decode
from zerosum.data.arrays import as_levels, class_numbers, has_channels_first, is_signed, refuse_not_finite, stored_type
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
    images = _on_one_scale(_channels_last([image for image, _ in taken], name), name)
    form = common_form({Form.of(image) for image in images}, None, options)
    values = np.stack([conform(image, form, options.fit) for image in images])
    return Samples(values=values, labels=labels, classes=classes, fingerprint=fingerprint(values, labels, classes))


class Taken(NamedTuple):
    """An image as it came.

    Attributes:
        array: with three axes.
        kind: of those whose channels may be first or last: arrays, or tensors; None: they are last.
    """

    array: np.ndarray
    kind: type[np.ndarray] | type[Tensor] | None


def _image_and_label(item: Any, name: str) -> tuple[Taken, Any]:
    image, label = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
    return _taken(image, name), label.item() if isinstance(label, Tensor | np.generic | np.ndarray) else label


def _taken(image: Any, name: str) -> Taken:
    if isinstance(image, Image.Image):
        return Taken(decode.picture(image), None)
    array = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
    if not isinstance(array, np.ndarray) or array.ndim not in (2, 3) or not array.size:
        given = f"an array of shape {array.shape}" if isinstance(array, np.ndarray) else type(image).__name__
        raise UserError(f"{name} is {given}; an image or a pair (image, label) is needed.")
    if array.ndim == 2:
        return Taken(array[:, :, None], None)
    return Taken(array, Tensor if isinstance(image, Tensor) else np.ndarray)


def _channels_last(images: list[Taken], name: str) -> list[np.ndarray]:
    """All images as arrays `(height, width, channels)`; arrays have one layout, and tensors have one."""
    is_first: dict[type | None, bool] = {None: False}
    for kind in (np.ndarray, Tensor):
        if shapes := [image.array.shape for image in images if image.kind is kind]:
            is_first[kind] = has_channels_first(shapes, name, on_a_tie=kind is Tensor)
    return [np.moveaxis(image.array, 0, 2) if is_first[image.kind] else image.array for image in images]


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
