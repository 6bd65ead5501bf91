"""One look at samples, and what it leaves behind for all metrics.

Samples are shown as a person would get them: images as uint8 `(n, channels, height, width)`, rounded as in a file,
everything else as float32 network values. Features are on the CPU in float32.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.spaces import Images, Space

KEPT_BYTES = 256 * 2**20
"""Samples beyond this size are seen by the feature network but not kept."""


@dataclass(frozen=True)
class Look:
    """What a feature network says of some samples.

    Attributes:
        features: `(n, d)`, float32.
        logits: `(n, classes)` where it classifies, else None.
    """

    features: Tensor
    logits: Tensor | None = None


class FeatureNetwork(Protocol):
    """Turns shown samples into features; deterministic, a sample's features do not depend on the others.

    Attributes:
        name: `inception`, `classifier`, `raw` …
        digest: hash of all that shapes the features (weights, architecture, preparation).
        preparation: what is done to samples first (resizer, value range), in words.
        classes: names of what the logits are of; empty where there are none, or where they have no names.
    """

    @property
    def name(self) -> str:
        """Short name."""
        ...

    @property
    def digest(self) -> str:
        """Hash."""
        ...

    @property
    def preparation(self) -> str:
        """In words."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names."""
        ...

    def __call__(self, shown: Tensor) -> Look:
        """Shown samples `(n, *shape)` -> features and logits, on any device."""
        ...


@dataclass(frozen=True)
class Shown:
    """Samples that can be looked at, in pieces.

    Attributes:
        space: of the samples.
        n: how many.
        chunks: gives them anew each time it is called: (shown samples, labels or None).
        about: what they are, as JSON, for the record (`{"run": …, "samples_seen": …}`, `{"data": …, "split": …}`).
        fingerprint: of the samples, where it is known without looking at them (a data set's); None elsewhere.
    """

    space: Space
    n: int
    chunks: Callable[[], Iterator[tuple[Tensor, Tensor | None]]]
    about: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None


@dataclass(frozen=True)
class Moments:
    """Mean `(d,)` and unbiased covariance `(d, d)` of n features, float64."""

    n: int
    mean: Tensor
    covariance: Tensor


@dataclass(frozen=True)
class Statistics:
    """What one look at n samples leaves behind.

    Attributes:
        space: of the samples.
        features: `(n, d)`, float32, CPU.
        logits: `(n, classes)`, or None.
        labels: class numbers `(n,)`, or None.
        kept: the first samples as they were shown (all, where they need no more than `KEPT_BYTES`).
        fingerprint: of what was looked at.
    """

    space: Space
    features: Tensor
    kept: Tensor
    fingerprint: str
    logits: Tensor | None = None
    labels: Tensor | None = None

    @property
    def n(self) -> int:
        """How many samples."""
        return len(self.features)

    @cached_property
    def moments(self) -> Moments:
        """Of the features."""
        return moments(self.features)


def moments(features: Tensor) -> Moments:
    """Mean and unbiased covariance of features `(n, d)`, n ≥ 2, in float64."""
    features = features.double()
    mean = features.mean(0)
    centred = features - mean
    return Moments(len(features), mean, centred.T @ centred / (len(features) - 1))


def show(space: Space, values: Tensor) -> Tensor:
    """Network values `(n, *shape)` -> what is shown: uint8 for images, float32 for everything else."""
    if isinstance(space, Images):
        return space.decode(values).mul(255).round().to(torch.uint8)
    return values.float()


def look(samples: Shown, network: FeatureNetwork, tell: Callable[[int], None] = lambda seen: None) -> Statistics:
    """Show all samples to a network, each once.

    Args:
        samples: to be looked at.
        network: that looks.
        tell: hears how many were seen.

    Raises:
        UserError: features are not finite.
    """
    looks: list[Look] = []
    kept: list[Tensor] = []
    labels: list[Tensor] = []
    digest = hashlib.sha256()
    room, seen = KEPT_BYTES, 0
    for shown, label in samples.chunks():
        found = network(shown)
        looks.append(Look(found.features.float().cpu(), None if found.logits is None else found.logits.float().cpu()))
        shown = shown.cpu()
        digest.update(shown.contiguous().numpy().tobytes())
        if room > 0:
            fit = shown[: max(1, room // (shown[0].numel() * shown.element_size()))]
            kept.append(fit)
            room -= fit.numel() * fit.element_size()
        if label is not None:
            labels.append(label.cpu())
        seen += len(shown)
        tell(seen)
    features = torch.cat([found.features for found in looks])
    bad = int((~features.isfinite().all(1)).sum())
    if bad:
        raise UserError(
            f"{bad} of {len(features)} samples have features (network {network.name!r}) that are not finite."
        )
    logits = [found.logits for found in looks if found.logits is not None]
    return Statistics(
        space=samples.space,
        features=features,
        kept=torch.cat(kept),
        fingerprint=samples.fingerprint or digest.hexdigest(),
        logits=torch.cat(logits) if logits else None,
        labels=torch.cat(labels) if labels else None,
    )
