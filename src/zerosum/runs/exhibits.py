"""What a page shows beside a finding: the course of its statistic, and samples from before, from its worst and its end.

Plots are drawn here, as coordinates on a canvas of `WIDTH` by `HEIGHT`, so that a page needs no script for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zerosum.diagnosis.course import PLAYERS, Column, Course
from zerosum.diagnosis.detectors import DETECTORS, Detector
from zerosum.diagnosis.findings import Finding
from zerosum.runs.findings import in_words, moment, span_end
from zerosum.runs.pages import data_of_picture
from zerosum.training.progress import abbreviated

WIDTH, HEIGHT = 320, 130
LEFT, RIGHT, TOP, BOTTOM = 44, 6, 8, 18
LINE = 11
"""Height of a line of text."""
USUAL = (0.05, 0.95)
"""Quantiles of a curve that are always on its plot; what lies beyond may leave it."""
MARGIN = 0.25
"""By how much of what lies on the other side a plot reaches beyond its threshold, at least."""
SHOWN = 3
"""Findings of a kind whose samples are shown, the surest."""


@dataclass(frozen=True)
class Plot:
    """Curves over samples seen, on a canvas.

    Attributes:
        title: what is drawn.
        curves: label -> path.
        stretches: begin and width of what is shaded.
        worst: where each finding was worst, `(x, y)`.
        limit: height of the threshold; None where there is none.
        levels, moments: what stands beside and below the axes: `(place, text)`.
    """

    title: str
    curves: dict[str, str]
    stretches: list[tuple[float, float]]
    worst: list[tuple[float, float]]
    limit: float | None
    levels: list[tuple[float, str]]
    moments: list[tuple[float, str]]


@dataclass(frozen=True)
class Canvas:
    """Where moments and values lie.

    Attributes:
        until: the last moment.
        low, high: values at the lower and upper edge.
    """

    until: float
    low: float
    high: float

    def x(self, moment: float) -> float:
        """From the left, in units of the canvas."""
        return round(LEFT + moment / self.until * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """From the top; what is beyond an edge lies a little outside."""
        share = float(np.clip((value - self.low) / (self.high - self.low), -0.05, 1.05))
        return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)

    def path(self, moments: Column, values: Column) -> str:
        """A curve; gaps stay gaps."""
        known = np.isfinite(values)
        starts = known & ~np.concatenate([[False], known[:-1]])
        return "".join(
            f"{'M' if starts[place] else 'L'}{self.x(moments[place])},{self.y(values[place])}"
            for place in np.flatnonzero(known)
        )


# --- plots ---


def plots(
    findings: Iterable[Finding], course: Course, until: int, detectors: Mapping[str, Detector] = DETECTORS
) -> list[Plot]:
    """A plot for all that a detector saw, or, of findings without one, for their evidence; none of what has neither."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.began is not None:
            groups.setdefault((finding.detector, finding.sampler), []).append(finding)
    drawn = [
        plot(course.of(sampler), until, titled(detectors.get(seen_by), sampler), group)
        for (seen_by, sampler), group in groups.items()
    ]
    return [one for one in drawn if one is not None]


def titled(detector: Detector | None, sampler: str) -> Detector | None:
    """A detector with the sampler among its words that it looked at, where that is not the first."""
    return replace(detector, label=f"{detector.label}, {sampler}") if detector and sampler else detector


def plot(course: Course, until: int, detector: Detector | None, findings: Sequence[Finding]) -> Plot | None:
    """What a detector measured, or the evidence of findings that none saw, with the stretches shaded."""
    if detector is not None:
        curves, at = {detector.label: detector.settled(course)}, findings[0].evidence.get("threshold")
        return drawn_on(course, until, detector.label, curves, at, findings)
    names = dict.fromkeys(name for finding in findings for name in finding.evidence)
    return drawn_on(course, until, "", known_curves(course, names), None, findings)


def of_losses(course: Course, until: int, findings: Iterable[Finding]) -> Plot | None:
    """Losses over time, with every stretch of what was found in them shaded."""
    stretches = [finding for finding in findings if finding.began is not None]
    return drawn_on(course, until, "", known_curves(course, [f"{player}/loss" for player in PLAYERS]), None, stretches)


def known_curves(course: Course, names: Iterable[str]) -> dict[str, Column]:
    """Label -> values, of the figures of which anything is known."""
    return {in_words(name): course[name] for name in names if np.isfinite(course[name]).any()}


def drawn_on(
    course: Course,
    until: int,
    title: str,
    curves: Mapping[str, Column],
    at: float | None,
    findings: Sequence[Finding],
) -> Plot | None:
    """Curves on a canvas, with the threshold `at` if there is one; None where nothing is known."""
    edges = span(list(curves.values()), at)
    if edges is None:
        return None
    canvas = Canvas(max(1, until), *edges)
    marked = [f for f in findings if at is not None and f.worst is not None]
    levels = [level for level in edges if at is None or abs(canvas.y(level) - canvas.y(at)) > LINE]
    return Plot(
        title=title,
        curves={name: canvas.path(course.samples_seen, values) for name, values in curves.items()},
        stretches=[stretch(canvas, finding) for finding in findings],
        worst=[(canvas.x(f.worst or 0), canvas.y(f.evidence["statistic"])) for f in marked],
        limit=None if at is None else canvas.y(at),
        levels=[(canvas.y(level), f"{level:.2g}") for level in (*levels, *([] if at is None else [at]))],
        moments=[(canvas.x(moment), abbreviated(round(moment))) for moment in (0, until / 2, until)],
    )


def stretch(canvas: Canvas, finding: Finding) -> tuple[float, float]:
    """Begin and width of a finding; what is but a moment stays visible."""
    assert finding.began is not None
    end = canvas.until if finding.ended is None else finding.ended
    return canvas.x(finding.began), max(1.5, round(canvas.x(end) - canvas.x(finding.began), 1))


def span(curves: Sequence[Column], at: float | None) -> tuple[float, float] | None:
    """Lowest and highest value of a plot; None where nothing is known.

    >>> span([np.array([0.0, 1.0, np.nan])], None), span([np.array([np.nan])], 1.0)
    ((0.05, 0.95), None)
    """
    values = np.concatenate([values[np.isfinite(values)] for values in curves]) if curves else np.zeros(0)
    if not len(values):
        return None
    low, high = (float(edge) for edge in np.quantile(values, USUAL))
    if at is not None:
        low, high = min(low, at - MARGIN * (high - at)), max(high, at + MARGIN * (at - low))
    room = max(0.5, 1e-6 * abs(low))  # a half would be lost in the last digits of large values
    return (low, high) if high > low else (low - room, high + room)


# --- samples ---


@dataclass(frozen=True)
class Strip:
    """Samples of one finding.

    Attributes:
        when: the finding's stretch, in words.
        pictures: `words` for what each shows, `samples_seen`, and `src`, a data URI.
    """

    when: str
    pictures: list[dict[str, Any]]


def strips(findings: Iterable[Finding], snapshots: Mapping[int, Path]) -> list[Strip]:
    """Of the surest findings of a kind, in their order; none of those without a picture."""
    surest = sorted((f for f in findings if f.began is not None), key=lambda finding: -finding.confidence)[:SHOWN]
    found = [strip(finding, snapshots) for finding in sorted(surest, key=lambda finding: finding.began or 0)]
    return [one for one in found if one.pictures]


def strip(finding: Finding, snapshots: Mapping[int, Path]) -> Strip:
    """Whatever whole pictures there are of a finding."""
    pictures = [
        {"words": words, "samples_seen": seen, "src": source}
        for seen, words in moments_of(finding, list(snapshots)).items()
        if (source := data_of_picture(snapshots[seen])) is not None
    ]
    return Strip(f"{moment(finding.began)} – {span_end(finding)}", pictures)


def moments_of(finding: Finding, snapshots: Sequence[int]) -> dict[int, str]:
    """Which snapshots show a finding, in their order, and what of it.

    >>> moments_of(Finding(kind="dead", began=25, worst=31, ended=45), [0, 10, 20, 30, 40, 50])
    {20: 'before', 30: 'at its worst', 50: 'when it was over'}
    """
    began, ended = finding.began or 0, finding.ended
    within = [seen for seen in snapshots if began <= seen and (ended is None or seen < ended)]
    before = [seen for seen in snapshots if seen < began and finding.about.severity != "good"]
    after = [seen for seen in snapshots if ended is not None and seen >= ended]
    words: dict[int, list[str]] = {}
    if before:
        words.setdefault(before[-1], []).append("before")
    if within and finding.worst is not None:
        worst = finding.worst
        words.setdefault(min(within, key=lambda seen: abs(seen - worst)), []).append("at its worst")
    if after:
        words.setdefault(after[0], []).append("when it was over")
    elif within and ended is None:
        words.setdefault(within[-1], []).append("now")
    return {seen: ", ".join(parts) for seen, parts in words.items()}
