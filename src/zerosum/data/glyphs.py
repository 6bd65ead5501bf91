"""Letters and digits in the text fonts that come with matplotlib: 62 characters, 22 fonts, three weights of stroke.

A fixed pool is rendered once, at the resolution asked for, and kept in the cache; a random affine map and, with three
channels, random colours are drawn on the device at every visit. Two domains can be had: `sans-serif` (A without
serifs, B the sister font with them) and `clean-rough` (A as printed, B the same with worn edges).
"""

import itertools
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from zerosum.data.augmentation import Augmentation, Colours, Variation
from zerosum.data.options import DataOptions
from zerosum.data.packing import Cache
from zerosum.data.pictures import Form, Pictures
from zerosum.data.samples import Domains, Samples
from zerosum.draw import fold
from zerosum.errors import UserError, choose

CHARACTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
SIDES = (32, 32)
WEIGHTS = (0.0, 0.012, 0.024)
"""Widths added to each side of a stroke, as shares of the image's shorter side."""
STYLE_OF = {
    "DejaVuSans": "sans",
    "DejaVuSans-Bold": "sans bold",
    "DejaVuSans-Oblique": "sans italic",
    "DejaVuSans-BoldOblique": "sans bold italic",
    "cmss10": "sans",
    "DejaVuSerif": "serif",
    "DejaVuSerif-Bold": "serif bold",
    "DejaVuSerif-Italic": "serif italic",
    "DejaVuSerif-BoldItalic": "serif bold italic",
    "STIXGeneral": "serif",
    "STIXGeneralBol": "serif bold",
    "STIXGeneralItalic": "serif italic",
    "STIXGeneralBolIta": "serif bold italic",
    "cmr10": "serif",
    "cmb10": "serif bold",
    "cmti10": "serif italic",
    "cmmi10": "serif italic",
    "DejaVuSansMono": "mono",
    "DejaVuSansMono-Bold": "mono bold",
    "DejaVuSansMono-Oblique": "mono italic",
    "DejaVuSansMono-BoldOblique": "mono bold italic",
    "cmtt10": "mono",
}
"""Font files and the style each counts as; matplotlib's others have symbols in place of letters, or none."""
SISTERS = {
    "DejaVuSans": "DejaVuSerif",
    "DejaVuSans-Bold": "DejaVuSerif-Bold",
    "DejaVuSans-Oblique": "DejaVuSerif-Italic",
    "DejaVuSans-BoldOblique": "DejaVuSerif-BoldItalic",
    "cmss10": "cmr10",
}
STYLES = tuple(dict.fromkeys(STYLE_OF.values()))
JITTER = Augmentation(rotate=10, scale=0.1, shift=0.05, shear=0.12, outside="zeros")
_RENDERING = 1  # to be raised when glyphs come to look different, so that cached ones are not used
_FINER = 4  # glyphs are drawn so many times larger and shrunk
_GRAINS = 28  # of the noise that wears edges, on a side
_CAPITAL = 0.54  # height of a capital, share of the image's shorter side
_BASELINE = 0.73  # where letters stand, share of that side


class Glyph(NamedTuple):
    """What is rendered: a character in a font with a weight of stroke, worn or not."""

    character: str
    font: str
    weight: float
    rough: bool


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A set of glyphs.

    Args:
        fonts: their files, without ending.
        rough: whether edges are worn.
    """

    fonts: tuple[str, ...]
    rough: bool = False

    @property
    def glyphs(self) -> list[Glyph]:
        """All of them; weights change fastest, then fonts, then characters."""
        return [Glyph(*parts, self.rough) for parts in itertools.product(CHARACTERS, self.fonts, WEIGHTS)]


DOMAINS = {
    "sans-serif": (Pool(fonts=tuple(SISTERS)), Pool(fonts=tuple(SISTERS.values()))),
    "clean-rough": (Pool(fonts=tuple(STYLE_OF)), Pool(fonts=tuple(STYLE_OF), rough=True)),
}


def glyphs(options: DataOptions, cache: Cache) -> Samples:
    """All glyphs, 32 x 32 unless the options say otherwise, labelled by character or by style."""
    return _samples(Pool(fonts=tuple(STYLE_OF)), options, cache)


def glyph_domains(name: str, options: DataOptions, cache: Cache) -> Domains:
    """Two sets of glyphs: `sans-serif` or `clean-rough`."""
    first, second = choose("pair of glyph domains", name, DOMAINS)
    return Domains(_samples(first, options, cache), _samples(second, options, cache), options.paired)


def _samples(pool: Pool, options: DataOptions, cache: Cache) -> Samples:
    key = ("glyphs", _RENDERING, metadata.version("matplotlib"), pool, WEIGHTS, options.label)
    grey = replace(options, channels=1)
    samples = cache.samples(key, lambda: _pictures(pool, options), grey)
    return replace(samples, variations=_variations(options.channels))


def _variations(channels: int | None) -> tuple[Variation, ...]:
    if channels not in (None, 1, 3):
        raise UserError(f"Glyphs have 1 channel (white on black) or 3 (random colours), not {channels}.")
    return (JITTER, Colours()) if channels == 3 else (JITTER,)


def _pictures(pool: Pool, options: DataOptions) -> Pictures:
    sides = options.size or SIDES
    wanted = pool.glyphs
    renderer = _Renderer(min(sides))
    labels, classes = _labels(wanted, options)
    return Pictures(
        count=len(wanted),
        describe=lambda item: repr(wanted[item]),
        probe=lambda item: Form(*sides, 1, np.dtype(np.uint8)),
        read=lambda item, side: _centred(renderer(wanted[item]), sides),
        labels=labels,
        classes=classes,
        groups=np.arange(len(wanted)) // len(WEIGHTS),  # weights of one character in one font are all but the same
        sides=sides,
    )


def _labels(wanted: Sequence[Glyph], options: DataOptions) -> tuple[np.ndarray, tuple[str, ...]]:
    names = [glyph.character if options.label == "character" else STYLE_OF[glyph.font] for glyph in wanted]
    present = set(names)
    classes = tuple(name for name in (*CHARACTERS, *STYLES) if name in present)
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[name] for name in names], np.int64), classes


def _centred(levels: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """A square in the middle of a canvas that is at least as large, `(height, width, 1)`."""
    canvas = np.zeros((*sides, 1), np.uint8)
    top, left = (sides[0] - len(levels)) // 2, (sides[1] - len(levels)) // 2
    canvas[top : top + len(levels), left : left + len(levels), 0] = levels
    return canvas


class _Renderer:
    """Glyph -> white on black, `(side, side)`, uint8. Capitals of all fonts have one height."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.fine = side * _FINER
        self.fonts = {name: _font(name, _CAPITAL * self.fine) for name in STYLE_OF}

    def __call__(self, glyph: Glyph) -> np.ndarray:
        image = self._drawn(glyph)
        if glyph.rough:
            image = _worn(image, fold("rough", repr(glyph)))
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.BOX))

    def _drawn(self, glyph: Glyph) -> Image.Image:
        image = Image.new("L", (self.fine, self.fine))
        draw, font = ImageDraw.Draw(image), self.fonts[glyph.font]
        stroke = round(glyph.weight * self.fine)
        left, _, right, _ = draw.textbbox((0, 0), glyph.character, font=font, anchor="ls")
        place = (self.fine / 2 - (left + right) / 2, _BASELINE * self.fine)
        draw.text(place, glyph.character, font=font, fill=255, anchor="ls", stroke_width=stroke)
        return image


def _font(name: str, capital: float) -> ImageFont.FreeTypeFont:
    """A font at the size at which its capitals are `capital` pixels high."""
    from matplotlib import get_data_path  # slow to import

    path = str(Path(get_data_path(), "fonts", "ttf", f"{name}.ttf"))
    try:
        trial = ImageFont.truetype(path, 1000)
        return ImageFont.truetype(path, max(1.0, 1000 * capital / -trial.getbbox("H", anchor="ls")[1]))
    except OSError as error:
        raise UserError(f"Glyphs need the font {path} of matplotlib, which cannot be read: {error}.") from error


def _worn(image: Image.Image, seed: int) -> Image.Image:
    """Edges eaten and swollen: noise is added to the blurred glyph, and what is above a half is ink.

    The noise stays below a half, so that it moves edges and leaves paper and ink alone.
    """
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((_GRAINS, _GRAINS), dtype=np.float32)
    grain = np.asarray(Image.fromarray(noise).resize(image.size, Image.Resampling.BICUBIC))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(image.width / 50)), np.float32) / 255
    return Image.fromarray(np.where(soft + np.clip(0.35 * grain, -0.48, 0.48) > 0.5, 255, 0).astype(np.uint8))
