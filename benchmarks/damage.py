"""Known faults: real pictures made worse, as a generator might have made them.

A fault is a pure function of real pictures, its strength and a draw. It gives as many pictures as it is asked for; with
strength 0 they are the first of the fresh ones, the same for every fault.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.draw import Draw


@dataclass(frozen=True)
class Pictures:
    """Images `(n, channels, height, width)`, uint8, and their class numbers `(n,)`."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Tensor | slice) -> "Pictures":
        """Some of them."""
        return Pictures(self.images[rows], self.labels[rows])

    def __add__(self, others: "Pictures") -> "Pictures":
        """Both."""
        return Pictures(torch.cat([self.images, others.images]), torch.cat([self.labels, others.labels]))


@dataclass(frozen=True)
class Material:
    """What faults are made of, in random order.

    Attributes:
        fresh: pictures that are neither reference nor training images.
        train: what a generator would have been trained on.
    """

    fresh: Pictures
    train: Pictures


Fault = Callable[[Material, float, int, Draw], Pictures]
"""(material, strength, how many pictures, draw) -> pictures."""


def blurred(material: Material, sigma: float, n: int, draw: Draw) -> Pictures:
    """Under a Gaussian of `sigma` pixels; pictures go on beyond their edges as they end there."""
    fresh = material.fresh[:n]
    if sigma == 0:
        return fresh
    reach, channels = math.ceil(3 * sigma), fresh.images.shape[1]
    gauss = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    kernel = (gauss / gauss.sum()).expand(channels, 1, 1, -1)
    values = F.pad(fresh.images.float(), [reach] * 4, mode="replicate")
    values = F.conv2d(F.conv2d(values, kernel, groups=channels), kernel.mT, groups=channels)
    return Pictures(levels(values), fresh.labels)


def noisy(material: Material, std: float, n: int, draw: Draw) -> Pictures:
    """With white noise of standard deviation `std`, a share of the range from black to white."""
    fresh = material.fresh[:n]
    return Pictures(levels(fresh.images + 255 * std * draw.normal(*fresh.images.shape)), fresh.labels)


def dropped(material: Material, share: float, n: int, draw: Draw) -> Pictures:
    """Without a `share` of the classes; as many different pictures, of the others."""
    labels = material.fresh.labels
    classes = labels.unique()
    gone = classes[draw.permutation(len(classes))][: round(share * len(classes))]
    left = (~torch.isin(labels, gone)).nonzero()[:, 0]
    assert len(left) >= n, "a picture would repeat, which is another fault"
    return material.fresh[left[:n]]


def duplicated(material: Material, share: float, n: int, draw: Draw) -> Pictures:
    """A `share` of them repeats others: the first `(1 - share) n` in turn, shuffled."""
    different = max(1, round((1 - share) * n))
    return material.fresh[(torch.arange(n) % different)[shuffled(share, n, draw)]]


def memorised(material: Material, share: float, n: int, draw: Draw) -> Pictures:
    """A `share` of them is training images, copied exactly."""
    copied = round(share * n)
    return (material.train[:copied] + material.fresh[: n - copied])[shuffled(share, n, draw)]


def shuffled(strength: float, n: int, draw: Draw) -> Tensor:
    """A random order, so that neighbours have nothing in common; without a fault the order that there is."""
    return draw.permutation(n) if strength else torch.arange(n)


def levels(values: Tensor) -> Tensor:
    """Rounded to uint8, as in a file."""
    return values.round().clamp(0, 255).to(torch.uint8)


FAULTS: Mapping[str, tuple[Fault, tuple[float, ...], str]] = {
    "blur": (blurred, (0.0, 0.75, 1.5, 2.25, 3.0, 4.0), "σ of a Gaussian in pixels"),
    "noise": (noisy, (0.0, 0.05, 0.1, 0.15, 0.2, 0.3), "standard deviation, share of the range"),
    "dropped": (dropped, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), "share of the classes that is missing"),
    "duplicated": (duplicated, (0.0, 0.2, 0.4, 0.6, 0.8, 0.9), "share of the samples that repeats others"),
    "memorised": (memorised, (0.0, 0.1, 0.25, 0.5, 0.75, 1.0), "share of the samples that is training images"),
}
"""Each fault with its ladder of strengths and what these are."""
