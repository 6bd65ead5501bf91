"""Losses that stand still: that nobody learns, seen without a look at players or samples.

Losses move, if only with the batches that they are of. Where both stand, nobody learns; and where they stand at what
they are for a critic that answers ½ to everything, it is blind. Those levels are log 4 of the critic and ± log 2 of the
generator, or log 2 of each where halves or pairs are averaged. Towards an equilibrium losses come near to these, too;
but there they still differ from batch to batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from zerosum.diagnosis.course import PLAYERS, Column, Course, Line, stretches, total_loss
from zerosum.diagnosis.detectors import Detector, Threshold
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.outliers import LEAST, WINDOW

LOSSES = tuple(f"{player}/loss" for player in PLAYERS)
"""What is shown as evidence."""
LEVELS = ((2 * np.log(2), np.log(2)), (2 * np.log(2), -np.log(2)), (np.log(2), np.log(2)))
"""Both players' losses where D(x) = D(G(z)) = ½: summed with the non-saturating and the saturating loss; averaged."""
MOST = 6.0
"""Orders of magnitude beyond which a loss does not move at all."""


@dataclass(frozen=True)
class Standing:
    """Sees losses that stand still.

    Attributes:
        detector: the statistic.
        threshold: of its own: between healthy trainings of the clinic, and those of a kind that it is to find, as
            `benchmarks/flat_losses.py` prints them.
        detail: of the finding.
    """

    detector: Detector
    threshold: Threshold
    detail: str


STANDING: Mapping[str, Standing] = {
    "at chance": Standing(
        Detector("blind", lambda course: course["at chance"], LOSSES, label="orders from a blind critic"),
        Threshold(at=1.749, scale=0.1475),
        "both losses stay at what a critic makes of them that answers ½ to everything",
    ),
    "flat": Standing(
        Detector("stagnation", lambda course: course["flat"], LOSSES, label="orders that losses stand"),
        Threshold(at=3.036, scale=0.4142),
        "the losses hardly move, though batches differ",
    ),
}
"""By name."""


def standing(lines: Sequence[Line], moments: Column) -> dict[str, Column]:
    """How still losses stand at each moment, in orders of magnitude: columns `flat` and `at chance`, `(m,)`.

    `flat`: the deviation of the `WINDOW` lines until then, over their mean size, of the player whose losses move more.
    `at chance`: that, or how far the means are from one of the `LEVELS`, whichever is more.
    """
    series = [total_loss(lines, player) for player in PLAYERS]
    places = max((places for places, _ in series), key=len)
    told = {number: losses for number, (_, losses) in enumerate(series) if len(losses) == len(places)}
    if len(places) == 0:
        return {}
    windows = [trailing(losses) for losses in told.values()]
    means, deviations = (np.stack([of(window) for window in windows]) for of in (mean, deviation))
    moves = (deviations / np.maximum(np.abs(means), np.finfo(np.float64).tiny)).max(0)
    off = np.min([away(means, [level[number] for number in told]) for level in LEVELS], axis=0)
    latest = np.searchsorted(places, moments, side="right") - 1
    return {"flat": orders(moves)[latest], "at chance": orders(np.maximum(moves, off))[latest]}


def trailing(values: Column) -> Column:
    """The `WINDOW` values until each, `(n, WINDOW)`; NaN before the first."""
    return sliding_window_view(np.concatenate([np.full(WINDOW - 1, np.nan), values]), WINDOW)


def mean(windows: Column) -> Column:
    """Of what is known, `(n,)`; NaN where fewer than `LEAST` are."""
    return enough(windows, np.nanmean)


def deviation(windows: Column) -> Column:
    """Standard deviation of what is known, `(n,)`; NaN where fewer than `LEAST` are."""
    return enough(windows, np.nanstd)


def enough(windows: Column, of: Callable[..., Column]) -> Column:
    """A figure of each window that has `LEAST` known values, `(n,)`."""
    rows = np.isfinite(windows).sum(1) >= LEAST
    found = np.full(len(windows), np.nan)
    found[rows] = of(windows[rows], axis=1)
    return found


def away(means: Column, level: Sequence[float]) -> Column:
    """How far means `(players, n)` are from a level, over it, `(n,)`."""
    there = np.array(level)[:, None]
    return np.asarray((np.abs(means - there) / np.abs(there)).max(0), dtype=np.float64)


def orders(share: Column) -> Column:
    """Orders of magnitude below 1, at most `MOST`."""
    return -np.log10(np.maximum(share, 10**-MOST))


def find_standing(course: Course) -> list[Finding]:
    """Stretches in which losses stand still; what stands at chance is told as that alone."""
    found = {name: seen_standing(name, one, course) for name, one in STANDING.items()}
    blind = [(finding.began or 0, finding.ended) for finding in found["at chance"]]
    apart = [f for f in found["flat"] if not any(overlaps(f, began, ended) for began, ended in blind)]
    return [*found["at chance"], *apart]


def overlaps(finding: Finding, began: int, ended: int | None) -> bool:
    """Whether a finding and a stretch have a moment in common."""
    return (ended is None or (finding.began or 0) < ended) and (finding.ended is None or began < finding.ended)


def seen_standing(name: str, one: Standing, course: Course) -> list[Finding]:
    """A finding for each stretch in which a statistic is beyond its threshold."""
    values = one.detector.settled(course)
    beyond = (values > one.threshold.at) & one.detector.awake(course)
    found = []
    for first, end in stretches(beyond, one.detector.hold):
        worst = first + int(np.nanargmax(values[first:end]))
        figures = {figure: float(course[figure][worst]) for figure in one.detector.evidence}
        statistic = {"statistic": float(values[worst]), "threshold": one.threshold.at}
        found.append(
            Finding(
                kind=one.detector.kind,
                evidence={figure: value for figure, value in figures.items() if np.isfinite(value)} | statistic,
                detail=one.detail,
                began=int(course.samples_seen[first]),
                ended=int(course.samples_seen[end]) if end < len(course) else None,
                confidence=one.threshold.confidence(float(values[worst])),
                detector=name,
                worst=int(course.samples_seen[worst]),
            )
        )
    return found
