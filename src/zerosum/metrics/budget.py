"""Evaluating within a limit of time: fewer samples, and only metrics that fit.

How many samples can be looked at follows from the speed of the first two chunks, of which the first is not counted
where there is a second: it pays for what is done only once. How long a metric takes is told from a trial on a few
samples.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from torch import Tensor

from zerosum.errors import UserError
from zerosum.metrics.core import Metric, Question
from zerosum.metrics.registry import growth
from zerosum.metrics.statistics import Shown, Statistics

TRIAL = 256
"""Samples of a trial."""
LARGER = 4
"""So many times as many are tried next."""


@dataclass(frozen=True)
class Budget:
    """Seconds that may be used, counted from when this is made; None: as many as it takes."""

    seconds: float | None = None
    begin: float = field(default_factory=lambda: time.monotonic())

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise UserError(f"The time limit is {self.seconds:g} s; it must be above 0.")

    @property
    def left(self) -> float:
        """Seconds."""
        return math.inf if self.seconds is None else self.seconds - (time.monotonic() - self.begin)


def limited(samples: Shown, seconds: float) -> Shown:
    """The first of the samples, as many as can be looked at in about so many seconds; two chunks at the least."""
    if math.isinf(seconds):
        return samples

    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        begin = last = time.monotonic()
        seen, most = 0, samples.n
        for number, (shown, labels) in enumerate(samples.chunks()):
            yield shown, labels
            now = time.monotonic()
            seen += len(shown)
            if number < 2:
                speed = len(shown) / max(now - last, 1e-9)
                most = seen + int(speed * max(0.0, seconds - (now - begin)))
            last = now
            if number > 0 and seen + len(shown) > most:  # before the next chunk is made
                return

    return replace(samples, chunks=chunks)


def cost(metric: Metric, question: Question) -> float:
    """Seconds that a metric may take: what does not grow with the samples, and what does, from trials on few of them.

    0 where there are too few samples to bother.
    """
    few, power = max(TRIAL, metric.fewest), growth(metric)
    n = max(question.real.n, question.generated.n)
    if n <= 2 * LARGER * few:
        return 0.0
    seconds(metric, question, few)  # pays for what is done only once
    once, more = seconds(metric, question, few), seconds(metric, question, LARGER * few)
    slope = max(0.0, more - once) / (math.pow(LARGER, power) - 1)
    return more + slope * (math.pow(n / few, power) - math.pow(LARGER, power))


def seconds(metric: Metric, question: Question, few: int) -> float:
    """How long a metric takes on the first samples."""
    part = trial(question, few)
    begin = time.monotonic()
    metric.compute(part)
    return time.monotonic() - begin


def trial(question: Question, few: int) -> Question:
    """The same about the first samples."""
    train = None if question.train is None else head(question.train, few)
    return replace(question, real=head(question.real, few), generated=head(question.generated, few), train=train)


def head(statistics: Statistics, few: int) -> Statistics:
    """What is known of the first samples."""
    logits, labels = statistics.logits, statistics.labels
    return replace(
        statistics,
        features=statistics.features[:few],
        kept=statistics.kept[:few],
        logits=None if logits is None else logits[:few],
        labels=None if labels is None else labels[:few],
    )
