"""Pictures that are not packed yet, and how one picture is brought to the form of all.

A picture is an array `(height, width, channels)`: uint8, uint16, or float32 in [0, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from zerosum.data.options import DataOptions, Fit
from zerosum.errors import UserError

PRECISION = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
LEVELS = dict(zip(PRECISION, (255, 65535, 1), strict=True))
DEFAULT_SIDES = (64, 64)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow does it


class Form(NamedTuple):
    """What a picture looks like from outside."""

    height: int
    width: int
    channels: int
    dtype: np.dtype[np.generic]

    @classmethod
    def of(cls, picture: np.ndarray, dtype: np.dtype[np.generic] | None = None) -> "Form":
        """The form of a picture, stored as `dtype`."""
        height, width, channels = picture.shape
        return cls(height, width, channels, dtype or picture.dtype)


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures that can be read one by one, in any order and from several threads.

    Attributes:
        count: how many there are.
        describe: position -> a name for messages.
        probe: position -> its form, without decoding it where possible.
        read: (position, side) -> the picture; one that is larger may come reduced, its sides no less than `side`.
        labels: class numbers, `(count,)`, int64.
        classes: names of the classes.
        groups: as in `Samples`.
        sides: height and width that are used unless the options say otherwise; None: the common size of all
            pictures, or 64 x 64 where they differ.
    """

    count: int
    describe: Callable[[int], str]
    probe: Callable[[int], Form]
    read: Callable[[int, int], np.ndarray]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    sides: tuple[int, int] | None = None


def common_form(forms: set[Form], sides: tuple[int, int] | None, options: DataOptions) -> Form:
    """The form that pictures of all these `forms` are brought to.

    Channels: colour if any has colour, alpha only if all have it; type: the one of highest precision.
    """
    sizes = {(form.height, form.width) for form in forms}
    common = sizes.pop() if len(sizes) == 1 else DEFAULT_SIDES
    height, width = options.size or sides or common
    given = {form.channels for form in forms}
    channels = options.channels or _common_channels(given)
    for other in given:
        if other != channels and not {other, channels} <= {1, 3, 4}:
            raise UserError(f"Images have {other} channels, which cannot become {channels}; only 1, 3 and 4 can.")
    return Form(height, width, channels, max((form.dtype for form in forms), key=PRECISION.index))


def _common_channels(given: set[int]) -> int:
    if len(given) == 1:
        return min(given)
    return 3 if given <= {1, 3, 4} else max(given)


def conform(picture: np.ndarray, form: Form, fit: Fit) -> np.ndarray:
    """A picture in the given form, `(channels, height, width)`."""
    picture = with_type(with_channels(picture, form.channels), form.dtype)
    if picture.shape[:2] != (form.height, form.width):
        picture = fitted(picture, form.height, form.width, fit)
    return np.moveaxis(picture, 2, 0)


def with_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """Grey, colour or colour with alpha; what was transparent is laid over white, grey is the luma of colour."""
    given = picture.shape[2]
    if given == channels:
        return picture
    if given == 4:
        picture = _over_white(picture)
    if channels == 1:
        return _rounded(picture @ _LUMA, picture.dtype)[:, :, None] if picture.shape[2] == 3 else picture
    picture = np.broadcast_to(picture, (*picture.shape[:2], 3))
    if channels == 3:
        return picture
    opaque = np.full_like(picture[:, :, :1], LEVELS[picture.dtype])
    return np.concatenate([picture, opaque], axis=2)


def _over_white(picture: np.ndarray) -> np.ndarray:
    alpha = picture[:, :, 3:].astype(np.float32) / LEVELS[picture.dtype]
    return _rounded(picture[:, :, :3] * alpha + LEVELS[picture.dtype] * (1 - alpha), picture.dtype)


def with_type(picture: np.ndarray, dtype: np.dtype[np.generic]) -> np.ndarray:
    """The same values with at least the precision they had."""
    if picture.dtype == dtype:
        return picture
    ratio = LEVELS[dtype] / LEVELS[picture.dtype]
    return _rounded(picture.astype(np.float64) * ratio, dtype)


def fitted(picture: np.ndarray, height: int, width: int, fit: Fit) -> np.ndarray:
    """A picture of another size: the middle of it, all of it out of shape, or all of it between black bars."""
    given_height, given_width = picture.shape[:2]
    if fit == "stretch":
        return resized(picture, height, width)
    if fit == "crop":
        scale = min(given_height / height, given_width / width)
        left, right = _middle(given_width, scale * width)
        top, bottom = _middle(given_height, scale * height)
        return resized(picture, height, width, (left, top, right, bottom))
    scale = max(given_height / height, given_width / width)
    inner = resized(picture, max(1, round(given_height / scale)), max(1, round(given_width / scale)))
    canvas = np.zeros((height, width, picture.shape[2]), picture.dtype)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


def _middle(given: int, wanted: float) -> tuple[float, float]:
    """Where a stretch of `wanted` pixels in the middle of `given` ones begins and ends; rounding leads out of none."""
    margin = max(0.0, (given - wanted) / 2)
    return margin, given - margin


def resized(
    picture: np.ndarray, height: int, width: int, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Bicubic, antialiased where it shrinks; of the box (left, top, right, bottom) in pixels, or of all."""

    def resize(image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box))

    if picture.dtype == np.uint8 and picture.shape[2] in (1, 3, 4):
        image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else np.ascontiguousarray(picture))
        return resize(image).reshape(height, width, -1)
    planes = [resize(Image.fromarray(plane.astype(np.float32))) for plane in np.moveaxis(picture, 2, 0)]
    return _rounded(np.stack(planes, axis=2), picture.dtype)


def _rounded(values: np.ndarray, dtype: np.dtype[np.generic]) -> np.ndarray:
    """Float values on the scale of `dtype` -> that type."""
    values = np.clip(values, 0, LEVELS[dtype])
    return (np.rint(values) if dtype.kind == "u" else values).astype(dtype)
