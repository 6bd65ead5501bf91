"""Random crops of the colour photographs that ship with scikit-learn and scikit-image.

Of every photograph one strip is held out. Each part is kept at its own size, a half and a quarter of it where a crop
fits, so that crops show both grain and things; a part that is too small is enlarged. Crops are taken on the device:
all pixels of all parts lie in one long array, and a batch is one index operation into it.
"""

import math
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zerosum.data.augmentation import Variation, augmentation
from zerosum.data.core import Batch, Source
from zerosum.data.decode import decode
from zerosum.data.options import DataOptions
from zerosum.data.packed import image_space, vary
from zerosum.data.pictures import resized, with_channels
from zerosum.data.samples import fingerprint
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.spaces import Images

PHOTOGRAPHS = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "skimage": (
        "data/astronaut.png",
        "data/chelsea.png",
        "data/coffee.png",
        "data/hubble_deep_field.jpg",
        "data/motorcycle_left.png",
        "data/rocket.jpg",
    ),
}
SIDES = (64, 64)
LARGEST_SIDE = 512


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs `(height, width, 3)`, uint8, to be cropped."""

    pictures: tuple[np.ndarray, ...]

    @property
    def fingerprint(self) -> str:
        """Of all pixels."""
        return "-".join(fingerprint(picture, None, ())[:8] for picture in self.pictures)

    def sources(self, options: DataOptions) -> tuple[Source, Source]:
        """Crops of the larger part of each photograph, with augmentation, and of the strip held out."""
        height, width = options.size or SIDES
        if max(height, width) > LARGEST_SIDE:
            raise UserError(f"Photos can be had up to a resolution of {LARGEST_SIDE}, not {height}x{width}.")
        channels = options.channels or 3
        if channels not in (1, 3):
            raise UserError(f"Photos have 3 channels or 1 (grey), not {channels}.")
        parts = [_parted(with_channels(picture, channels), options.held_out) for picture in self.pictures]
        plain = Images((channels, height, width), preprocessing="[0,1]")
        train, held_out = (CropSource.of(side, plain) for side in zip(*parts, strict=True))
        space = image_space(plain.shape, options, train)
        return replace(train, space=space, variations=augmentation(options)), replace(held_out, space=space)


def photographs() -> Photographs:
    """Those on this machine."""
    return Photographs(tuple(_read(path) for path in paths()))


def paths() -> list[Path]:
    """Files of the photographs; the packages are found without importing them."""
    found = []
    for package, names in PHOTOGRAPHS.items():
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(f"photos needs the package {package}: pip install scikit-{package.removeprefix('sk')}.")
        found += [Path(spec.submodule_search_locations[0], name) for name in names]
    return [path for path in found if path.is_file()]


def _read(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        return with_channels(decode(file), 3)


def _parted(picture: np.ndarray, held_out: float) -> tuple[np.ndarray, np.ndarray]:
    """The left part, to train on, and the strip at the right."""
    edge = int(np.clip(round(picture.shape[1] * (1 - held_out)), 1, picture.shape[1] - 1))
    return picture[:, :edge], picture[:, edge:]


def _sizes(picture: np.ndarray, height: int, width: int) -> list[np.ndarray]:
    """A part at its own size, enlarged if a crop would not fit, and at a half and a quarter of it if one does."""
    factor = max(1.0, height / picture.shape[0], width / picture.shape[1])
    sizes = [_scaled(picture, factor / halving) for halving in (1, 2, 4)]
    return [size for size in sizes if size.shape[0] >= height and size.shape[1] >= width]


def _scaled(picture: np.ndarray, factor: float) -> np.ndarray:
    sides = math.ceil(picture.shape[0] * factor - 1e-6), math.ceil(picture.shape[1] * factor - 1e-6)
    return picture if factor == 1 else resized(picture, *sides)


@dataclass(frozen=True, eq=False, kw_only=True)
class CropSource:
    """Crops at places drawn at random, evenly over pictures, then over places.

    Args:
        space: of the crops.
        pixels: of all pictures, row by row, one picture after the other, `(channels, total)`, uint8.
        places: of each picture the first pixel, the height and the width, `(pictures, 3)`, int64.
        variations: what happens to values in [0, 1] on the device.
    """

    space: Images
    pixels: Tensor
    places: Tensor
    variations: tuple[Variation, ...] = ()
    _copies: dict[torch.device, tuple[Tensor, ...]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, parts: tuple[np.ndarray, ...], space: Images) -> "CropSource":
        """Crops of parts of photographs, at all their sizes."""
        pictures = [size for part in parts for size in _sizes(part, *space.shape[1:])]
        ends = np.cumsum([picture.shape[0] * picture.shape[1] for picture in pictures])
        starts = [0, *ends[:-1].tolist()]
        places = [[start, *picture.shape[:2]] for start, picture in zip(starts, pictures, strict=True)]
        pixels = np.concatenate([picture.reshape(-1, space.shape[0]).T for picture in pictures], axis=1)
        return cls(space=space, pixels=torch.from_numpy(np.ascontiguousarray(pixels)), places=torch.tensor(places))

    @property
    def size(self) -> None:
        """There is no end of crops."""
        return None

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """As many new crops as there are `positions`."""
        lines, places, down = self._on(draw.device)
        _, height, width = self.space.shape
        start, rows, columns = places[draw.integers(len(places), len(positions))].unbind(1)
        unit = draw.uniform(len(positions), 2)
        top = (unit[:, 0] * (rows - height + 1)).long()
        left = (unit[:, 1] * (columns - width + 1)).long()
        first = (start + top * columns + left)[:, None] + down * columns[:, None]
        crops = lines[:, first].transpose(0, 1).contiguous()
        return Batch(self.space.encode(vary(crops, self.variations, draw)))

    def _on(self, device: torch.device) -> tuple[Tensor, ...]:
        """Every line of a crop's width, by its first pixel, a view of the pixels; places; and lines of a crop."""
        if device not in self._copies:
            _, height, width = self.space.shape
            lines = self.pixels.to(device).unfold(1, width, 1)
            self._copies[device] = (lines, self.places.to(device), torch.arange(height, device=device))
        return self._copies[device]
