"""A small network that is trained once on the data itself: the judge that is always there, offline.

Where the data has labels it learns to classify. Where it has none it learns by itself, to recognise an image after its
appearance was varied (contrastive learning: Chen 2020, SimCLR, equations 1 and 2): that needs no property of the data
beyond what the variations spare, while predicting rotations, say, teaches nothing of pictures without an upright
position. Either way the network is the same, four convolutions and a hidden layer; its features, `(n, 128)`, are taken
before the hidden layer's ReLU, where they are closest to the normal distribution that Fréchet distances assume.

Training takes a fixed number of steps on the CPU, with every random number from a `Draw`: equal data and seed give
equal weights (on one machine, with one number of threads), and no generator of torch's is disturbed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.data.augmentation import Augmentation
from zerosum.draw import Draw, fold
from zerosum.errors import UserError
from zerosum.metrics.networks.preparation import as_levels, at_most, digest_of, in_parts
from zerosum.metrics.statistics import Look

FEATURES = 128
SIDE = 64
"""Larger images are made smaller first."""
AT_ONCE = 500
BATCH, STEPS = 128, 300
TEMPERATURE = 0.2
VARIED = Augmentation(shift=0.06, rotate=10, scale=0.1, shear=0.1)
"""What training images go through for the classifier: no more than leaves every class what it is."""
DISGUISED = Augmentation(shift=0.1, rotate=15, scale=0.2, shear=0.2, crop=0.4)
"""What two views of one image go through, beside changes of light."""


class Trunk(nn.Module):
    """Images `(n, channels, h, w)`, float32 in [0, 1], to features `(n, 128)`.

    Args:
        channels: of the images.
        width: channels of the first convolution.
    """

    def __init__(self, channels: int, width: int = 16) -> None:
        super().__init__()
        sizes = [(channels, width, 2), (width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)]
        layers = [layer for before, after, stride in sizes for layer in _layer(before, after, stride)]
        self.convolutions = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.hidden = nn.Linear(4 * width * 16, FEATURES)

    def forward(self, images: Tensor) -> Tensor:
        """Features."""
        features: Tensor = self.hidden(self.convolutions(images * 2 - 1))
        return features


def _layer(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


@dataclass(frozen=True)
class Encoder:
    """A trunk that was trained on images of one shape, as a feature network.

    Attributes:
        trunk: trained, in eval mode.
        shape: of the images, `(channels, height, width)`.
        classes: names of the classes, where there are any.
    """

    trunk: Trunk
    shape: tuple[int, ...]
    classes: tuple[str, ...] = field(default=(), kw_only=True)
    name = "self-supervised"

    @property
    def preparation(self) -> str:
        """In words."""
        smaller = f"made smaller to {SIDE} (bilinear, antialiased, 8 bits), " if max(self.shape[1:]) > SIDE else ""
        return f"uint8, {smaller}divided by 255"

    @cached_property
    def digest(self) -> str:
        """Of weights and preparation."""
        return digest_of(self.learned.state_dict(), self.name, repr(self.shape), self.preparation)

    @property
    def learned(self) -> nn.ModuleDict:
        """The networks."""
        return nn.ModuleDict({"trunk": self.trunk})

    def __call__(self, shown: Tensor) -> Look:
        """Images `(n, *shape)`, uint8 -> features `(n, 128)`.

        Raises:
            UserError: the images have another shape than those it was trained on.
        """
        shown = as_levels(shown, self.name)
        if tuple(shown.shape[1:]) != self.shape:
            raise UserError(
                f"The feature network {self.name!r} was trained on images of shape {self.shape} "
                f"(channels, height, width); given are images of shape {tuple(shown.shape[1:])}."
            )
        return in_parts(self._look, shown.to(self.trunk.hidden.weight.device), AT_ONCE)

    def _look(self, shown: Tensor) -> Look:
        return Look(self.trunk(at_most(shown, SIDE).float() / 255))


@dataclass(frozen=True)
class Classifier(Encoder):
    """A trained classifier; features as `Encoder`, and logits.

    Attributes:
        head: features to logits.
    """

    head: nn.Module = field(kw_only=True)
    name = "classifier"

    @property
    def learned(self) -> nn.ModuleDict:
        """The networks."""
        return nn.ModuleDict({"trunk": self.trunk, "head": self.head})

    def _look(self, shown: Tensor) -> Look:
        features = super()._look(shown).features
        return Look(features, self.head(features))

    def logits(self, shown: Tensor) -> Tensor:
        """Images `(n, *shape)`, uint8 -> `(n, classes)`."""
        logits = self(shown).logits
        assert logits is not None
        return logits

    def predict(self, shown: Tensor) -> Tensor:
        """Class numbers `(n,)` of images `(n, *shape)`, uint8."""
        return self.logits(shown).argmax(1)


def train_classifier(shown: Tensor, labels: Tensor, *, classes: int, seed: int = 0, steps: int = STEPS) -> Classifier:
    """Train a classifier: AdamW, one cycle of the learning rate, smoothed labels, images slightly varied.

    Args:
        shown: images `(n, c, h, w)`, uint8, of any size; those beyond 64 pixels are made smaller.
        labels: class numbers `(n,)`, int64, in [0, classes).
        classes: how many there are, at least 2.
        seed: of initial weights, order and variation.
        steps: of 128 images each, drawn with replacement.

    Raises:
        UserError: images, labels and classes do not fit each other.
    """
    shown = as_levels(shown, Classifier.name)
    _require_labels(labels, len(shown), classes)
    small, labels = at_most(shown.cpu(), SIDE), labels.cpu()
    trunk, head = untrained(shown.shape[1], classes, seed)

    def loss(rows: Tensor, draw: Draw) -> Tensor:
        logits = head(trunk(VARIED(small[rows].float() / 255, draw)))
        return F.cross_entropy(logits, labels[rows], label_smoothing=0.05)

    _train(nn.ModuleList([trunk, head]), loss, len(small), seed, steps)
    return Classifier(trunk, tuple(shown.shape[1:]), head=head)


def train_self_supervised(shown: Tensor, *, seed: int = 0, steps: int = STEPS) -> Encoder:
    """Train by contrast: of all views in a batch, find the other view of the same image (SimCLR).

    Args:
        shown: images `(n, c, h, w)`, uint8, of any size; those beyond 64 pixels are made smaller.
        seed: of initial weights, order and views.
        steps: of 128 images each, in two views.

    Raises:
        UserError: these are not at least two images.
    """
    shown = as_levels(shown, Encoder.name)
    if len(shown) < 2:
        raise UserError(f"{len(shown)} image(s): learning without labels needs at least 2, to tell them apart.")
    small = at_most(shown.cpu(), SIDE)
    trunk, head = untrained(shown.shape[1], FEATURES, seed)

    def loss(rows: Tensor, draw: Draw) -> Tensor:
        unit = small[rows].float() / 255
        views = torch.cat([disguised(unit, draw.sub(view)) for view in range(2)])
        return contrast(head(trunk(views)), rows)

    _train(nn.ModuleList([trunk, head]), loss, len(small), seed, steps)
    return Encoder(trunk, tuple(shown.shape[1:]))


def disguised(unit: Tensor, draw: Draw) -> Tensor:
    """A view of images in [0, 1]: moved, turned, cropped, its light and contrast changed."""
    moved = DISGUISED(unit, draw)
    light = draw.uniform(len(unit), 1, 1, 1, low=-0.2, high=0.2)
    strength = draw.uniform(len(unit), 1, 1, 1, low=0.6, high=1.4)
    centre = moved.mean((1, 2, 3), keepdim=True)
    return ((moved - centre) * strength + centre + light).clamp(0, 1)


def contrast(projected: Tensor, rows: Tensor) -> Tensor:
    """NT-Xent (Chen 2020, equation 1) of two views of each of m images; a scalar.

    An image that was drawn twice is nobody's contrary to itself.

    Args:
        projected: `(2m, d)`, the second views after the first.
        rows: which image each is, `(m,)`.
    """
    m = len(rows)
    unit = F.normalize(projected, dim=1)
    alike = unit @ unit.T / TEMPERATURE
    twin = torch.arange(2 * m).roll(m)
    same = (rows[:, None] == rows).repeat(2, 2).scatter(1, twin[:, None], False)
    return F.cross_entropy(alike.masked_fill(same, -torch.inf), twin)


def _require_labels(labels: Tensor, n: int, classes: int) -> None:
    if labels.shape != (n,) or labels.is_floating_point():
        raise UserError(
            f"Labels are class numbers of shape ({n},), whole; given is {labels.dtype} {tuple(labels.shape)}."
        )
    if n < 2 or classes < 2:
        raise UserError(f"{n} image(s) of {classes} class(es): a classifier needs at least 2 of both.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise UserError(
            f"Labels run from {low} to {high}; with {classes} classes they must be from 0 to {classes - 1}."
        )


def untrained(channels: int, outputs: int, seed: int = 0) -> tuple[Trunk, nn.Module]:
    """A fresh trunk and a head that gives so many outputs; on the CPU."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(fold(seed, "feature network"))
        return Trunk(channels), nn.Sequential(nn.ReLU(), nn.Linear(FEATURES, outputs))


def _train(networks: nn.Module, loss: Callable[[Tensor, Draw], Tensor], n: int, seed: int, steps: int) -> None:
    """Lower a loss of (rows, draw), then freeze."""
    networks.train()
    optimizer = torch.optim.AdamW(networks.parameters(), weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps, pct_start=0.2)
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        for step in range(steps):
            draw = Draw(seed, "feature network", step)
            rows = draw.integers(n, BATCH)
            optimizer.zero_grad()
            torch.autograd.backward(loss(rows, draw.sub("views")))
            optimizer.step()
            cycle.step()
    networks.eval().requires_grad_(False)
