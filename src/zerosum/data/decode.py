"""One image file -> a picture: `(height, width, channels)`, upright, in the file's own type.

PNG, JPEG, WebP, BMP, TIFF and GIF, of which the first frame counts. Palettes become colour; grey with alpha becomes
colour with alpha. Files with 16 bits a value keep them, in colour, too: Pillow gives 8 bits of those, so they are
read twice, once for the high bytes and once for the low ones (`_deep`).
"""

import re
import sys
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from zerosum.data.pictures import LEVELS, PRECISION, Form

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"})
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF")
_UINT8, _UINT16, _FLOAT32 = PRECISION
_ORIENTATION = 0x0112
_BITS = 258
_LYING = range(5, 9)


def probe(file: BinaryIO) -> Form:
    """The form of the picture that `decode` gives, from the file's head."""
    with Image.open(file, formats=FORMATS) as image:
        deep = _is_deep(image)  # asked before the head is searched for EXIF, which may read on and forget
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _LYING:
            width, height = height, width
        mode = _mode(image)
        dtype = _UINT16 if deep else _TYPES.get(mode, _UINT8)
        return Form(height, width, {"RGB": 3, "RGBA": 4}.get(mode, 1), dtype)


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
        if _is_deep(image):
            return _deep(file, image)
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


_DEEP = re.compile(r"(RGBA|RGBX|RGB|LA|R|G|B|A);16[BLN]")
"""What Pillow calls the layout of a file with 16 bits a value, of which it gives the high byte."""
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_GREY_WITH_ALPHA = "LA;16B"


def _layouts(image: Image.Image) -> list[str]:
    """How the values of a file that was opened lie in it, as Pillow calls it, for each of its parts."""
    if not isinstance(image, ImageFile.ImageFile):
        return []
    found = [part.args if isinstance(part.args, str) else str((part.args or ("",))[0]) for part in image.tile]
    if isinstance(image, TiffImagePlugin.TiffImageFile) and set(image.tag_v2.get(_BITS, ())) == {16}:
        order = "L" if image.tag_v2.prefix == b"II" else "B"  # Pillow takes planes for 8 bits a value
        return [f"{layout};16{order}" if layout in {*"RGBA"} else layout for layout in found]
    return found


def _is_deep(image: Image.Image) -> bool:
    """Whether this is colour of 16 bits a value."""
    layouts = _layouts(image)
    return bool(layouts) and all(_DEEP.fullmatch(layout) for layout in layouts)


def _deep(file: BinaryIO, image: Image.Image) -> np.ndarray:
    """A picture in colour of 16 bits a value, upright; `image` is the file as it was opened."""
    if _layouts(image) == [_GREY_WITH_ALPHA]:  # four bytes a pixel, all of which can be had at once
        grey_high, grey_low, high, low = np.moveaxis(_read_as(file, lambda layout: "RGBA"), 2, 0)
        grey, alpha = _joined(grey_high, grey_low), _joined(high, low)
        return np.stack([grey, grey, grey, alpha], axis=2)
    key = image.info.get("transparency")
    values = _joined(
        _read_as(file, lambda layout: layout), _read_as(file, lambda layout: layout[:-1] + _OTHER_BYTE[layout[-1]])
    )
    if image.mode == "RGBA":
        return values
    values = values[:, :, :3]
    if not isinstance(key, tuple):
        return values
    alpha = np.where((values == key).all(2, keepdims=True), 0, LEVELS[_UINT16])  # one colour is transparent
    return np.concatenate([values, alpha.astype(_UINT16)], axis=2)


def _joined(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    return np.asarray(high.astype(_UINT16) << 8 | low)


def _read_as(file: BinaryIO, other: Callable[[str], str]) -> np.ndarray:
    """The bytes that Pillow gives when it takes the file's layout for another, `(height, width, bytes)`, upright."""
    file.seek(0)
    with Image.open(file, formats=FORMATS) as image:
        assert isinstance(image, ImageFile.ImageFile)
        parts = zip(image.tile, map(other, _layouts(image)), strict=True)
        image.tile = [
            part._replace(args=layout if isinstance(part.args, str) or part.args is None else (layout, *part.args[1:]))
            for part, layout in parts
        ]
        return np.asarray(ImageOps.exif_transpose(image))


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
