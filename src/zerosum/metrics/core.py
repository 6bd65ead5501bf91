"""What a metric is given, and what it answers.

Samples are looked at once (`statistics.py`); what that leaves behind, `Statistics`, is shared by all metrics. A
`Metric` answers a `Question`, real against generated statistics, with one `Finding` for each of its results.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from PIL import Image
from torch import Tensor

from zerosum.draw import Draw
from zerosum.metrics.intervals import Interval
from zerosum.metrics.statistics import Statistics

Better = Literal["lower", "higher", "as-real"]
"""Which way a result should go; `as-real`: to what real samples have."""
Need = Literal["features", "logits", "labels", "asked", "images", "points", "modes", "train", "generator", "transform"]


@dataclass(frozen=True)
class Modes:
    """The centres `(m, d)` and the common standard deviation of equally likely modes."""

    centres: Tensor
    std: float


class Paths(Protocol):
    """Samples at two close points on paths between latents.

    Attributes:
        interpolation: how paths run between latents: `slerp` or `lerp`.
    """

    @property
    def interpolation(self) -> str:
        """`slerp` or `lerp`."""
        ...

    def __call__(self, n: int, epsilon: float, draw: Draw) -> tuple[Tensor, Tensor]:
        """`n` samples at a point of a path each, and `n` a share `epsilon` of the path further on, `(n, *shape)`.

        As `Statistics` keeps samples but for rounding, which would hide so small a step: images are float32 in [0, 1].
        """
        ...


class Placing(Protocol):
    """Samples of a generator that can be told where its picture lies.

    Attributes:
        span: of the values of samples, from the lowest to the highest.
    """

    @property
    def span(self) -> float:
        """As of images."""
        ...

    def styles(self, n: int, draw: Draw) -> Tensor:
        """What `n` samples are made of, `(n, size)`."""
        ...

    def samples(self, w: Tensor, transform: Tensor) -> Tensor:
        """Samples of these, `(n, channels, height, width)`, float64 on the CPU, not cut to a range.

        `transform` brings coordinates of the picture, in units of its shorter side from the middle, to those at which
        it lies without one: `(3, 3)`, or `(n, 3, 3)`.
        """
        ...


@dataclass(frozen=True)
class Question:
    """What is to be judged.

    Attributes:
        real: the reference, of samples that nothing was trained on (unless the user asks for another split).
        generated: what is judged.
        draw: of whatever is drawn (pairs, subsets, clusters), on the CPU.
        train: what the generator was trained on, where that is known; for memorisation.
        modes: where they are known.
        path: for perceptual path length; None where there is no generator with latents.
        features_of: samples as `Statistics` keeps them, or as `path` gives them -> features `(n, d)`, on the CPU, by
            the same network.
        confidence: whether confidence intervals are wanted; where they cost much, they are left out otherwise.
        placing: for equivariance; None where the generator's input has no transform.
    """

    real: Statistics
    generated: Statistics
    draw: Draw
    features_of: Callable[[Tensor], Tensor]
    train: Statistics | None = None
    modes: Modes | None = None
    path: Paths | None = None
    confidence: bool = True
    placing: Placing | None = None


@dataclass(frozen=True)
class Finding:
    """A result.

    Attributes:
        value: the figure.
        interval: where it may lie, see `Interval`; None where it was not asked for or is not known.
        settings: whatever else the figure depends on (k, subset size, scales); two results with other settings are
            not comparable.
        details: JSON that explains the figure (values a class, bins …).
        warnings: what a reader must know (too few samples …).
        pictures: pictures that explain it.
    """

    value: float
    interval: Interval | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    pictures: Mapping[str, Image.Image] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """A metric: one computation with one result or several.

    Attributes:
        results: the names of its results, with which way each should go.
        summary: one line for a list.
        source: the paper, shortly (`Heusel 2017`).
        compute: the computation; gives a finding for each of `results`.
        needs: what must be there: features or logits of the network, labels of the real samples, the classes that
            generated samples were `asked` for (their labels), images, points, known modes, the training split, a
            generator with latents, or one whose input has a transform.
        fewest: real and generated samples that it can do with at the least.
        featured: whether the figure depends on the feature network, whose name it then carries: `kid[classifier]`.
    """

    results: Mapping[str, Better]
    summary: str
    source: str
    compute: Callable[[Question], Mapping[str, Finding]]
    needs: frozenset[Need] = frozenset({"features"})
    fewest: int = 2

    @property
    def featured(self) -> bool:
        """Whether the figures depend on the feature network."""
        return bool(self.needs & {"features", "logits"})
