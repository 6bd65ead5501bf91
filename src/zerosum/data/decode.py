"""One image file -> a picture: `(height, width, channels)`, upright, in the file's own type.

PNG, JPEG, WebP, BMP, TIFF and GIF, of which the first frame counts. Palettes become colour; grey with alpha becomes
colour with alpha. Files with 16 bits a value keep them where Pillow does, which is in grey; in colour it gives 8.
"""

from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from zerosum.data.pictures import LEVELS, PRECISION, Form

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"})
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF")
_UINT8, _UINT16, _FLOAT32 = PRECISION
_ORIENTATION = 0x0112
_LYING = range(5, 9)


def probe(file: BinaryIO) -> Form:
    """The form of the picture that `decode` gives, from the file's head."""
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _LYING:
            width, height = height, width
        mode = _mode(image)
        return Form(height, width, {"RGB": 3, "RGBA": 4}.get(mode, 1), _TYPES.get(mode, _UINT8))


def decode(file: BinaryIO, side: int = 0) -> np.ndarray:
    """The picture in a file.

    Args:
        file: opened for reading bytes.
        side: a JPEG more than twice as large comes reduced, its sides no less than twice `side`, which is
            quicker; 0 keeps its size.

    Raises:
        Exception: of many kinds, when the file is no image or damaged.
    """
    with Image.open(file, formats=FORMATS) as image:
        if side:
            image.draft(None, (2 * side, 2 * side))
        return picture(image)


def picture(image: Image.Image) -> np.ndarray:
    """A picture of Pillow's as an array, upright."""
    mode = _mode(image)
    upright = ImageOps.exif_transpose(image)
    if mode in _TYPES:
        return _precise(np.asarray(upright), _TYPES[mode])
    levels = np.asarray(upright if upright.mode == mode else upright.convert(mode))
    return levels.reshape(*levels.shape[:2], -1)


_TYPES: dict[str, np.dtype[np.generic]] = {
    **dict.fromkeys(("I", "I;16", "I;16L", "I;16B", "I;16N"), _UINT16),
    "F": _FLOAT32,
}


def _mode(image: Image.Image) -> str:
    """The mode a picture is taken in: a precise one as it is, else grey, colour, or colour with alpha."""
    if image.mode in _TYPES:
        return image.mode
    if image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in ("L", "1") else "RGB"


def _precise(values: np.ndarray, dtype: np.dtype[np.generic]) -> np.ndarray:
    low, high, top = values.min(), values.max(), LEVELS[dtype]
    if not (low >= 0 and high <= top):
        raise ValueError(f"values from {low} to {high}; they must be from 0 to {top}")
    return values.astype(dtype)[:, :, None]
