"""A small convolutional classifier that judges images by what it sees in them.

It is trained for a fixed number of steps whose learning rate falls to 0, never stopped by a look at what it is tested
on, and equal for equal seeds (on one machine, with one number of threads).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.data import Source
from zerosum.data.augmentation import Augmentation
from zerosum.draw import Draw, fold
from zerosum.spaces import Images

VARIED = Augmentation(shift=0.06, rotate=10, scale=0.1, shear=0.1, outside="zeros")
"""What training images go through, in [0, 1] with black beyond their edges."""
AT_ONCE = 500


class Network(nn.Module):
    """Four convolutions and a hidden layer: images `(n, c, h, w)` in [0, 1] to logits `(n, classes)`."""

    def __init__(self, channels: int, classes: int, width: int = 24, features: int = 128) -> None:
        super().__init__()
        sizes = [(channels, width, 1), (width, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2)]
        layers = [layer for before, after, stride in sizes for layer in _layer(before, after, stride)]
        pool = [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(4 * width * 16, features), nn.ReLU()]
        self.features = nn.Sequential(*layers, *pool)
        self.head = nn.Linear(features, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.head(self.features(images))
        return logits


def _layer(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


@dataclass(frozen=True)
class Classifier:
    """A trained network; takes images as games make them.

    Args:
        network: in eval mode.
        space: of the images, in whose values they come.
    """

    network: Network
    space: Images

    def predict(self, images: Tensor) -> Tensor:
        """Class numbers `(n,)` of images `(n, c, h, w)`."""
        return self._in_parts(self.network, images).argmax(1)

    def features(self, images: Tensor) -> Tensor:
        """What the last hidden layer says of images, `(n, 128)`."""
        return self._in_parts(self.network.features, images)

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Share of images whose class is found."""
        return (self.predict(images) == labels).double().mean().item()

    @torch.no_grad()
    def _in_parts(self, network: nn.Module, images: Tensor) -> Tensor:
        return torch.cat([network(self.space.decode(part)) for part in torch.split(images, AT_ONCE)])


def train_classifier(
    images: Tensor, labels: Tensor, space: Images, *, classes: int, seed: int, steps: int = 300, batch_size: int = 128
) -> Classifier:
    """Train a classifier: AdamW, one cycle of the learning rate, smoothed labels.

    Args:
        images: `(n, c, h, w)` in values of the space.
        labels: class numbers `(n,)`.
        space: of the images.
        classes: how many there are.
        seed: of initial weights, order and variation.
        steps, batch_size: of the training; images are drawn with replacement.
    """
    unit = space.decode(images)
    with torch.random.fork_rng():
        torch.manual_seed(fold(seed, "judge"))
        network = Network(images.shape[1], classes)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps, pct_start=0.2)
    for step in range(steps):
        draw = Draw(seed, "judge", step)
        rows = draw.integers(len(unit), batch_size)
        logits = network(VARIED(unit[rows], draw.sub("varied")))
        optimizer.zero_grad()
        F.cross_entropy(logits, labels[rows], label_smoothing=0.05).backward()
        optimizer.step()
        cycle.step()
    return Classifier(network.eval().requires_grad_(False), space)


def everything(source: Source, *visits: int | str) -> tuple[Tensor, Tensor]:
    """All images of a source with their labels, once for each of `visits`, between which they may vary."""
    assert source.size is not None
    places = torch.arange(source.size)
    batches = [source.batch(places, Draw("everything", visit)) for visit in visits or (0,)]
    labels = [batch.label for batch in batches if batch.label is not None]
    return torch.cat([batch.real for batch in batches]), torch.cat(labels)
