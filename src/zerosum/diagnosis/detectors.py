"""From signals to findings: each detector is one statistic of the course, higher the worse, and a threshold.

Detectors see the log and nothing else: no recipe, no option, no name. What a statistic is worth is not guessed: the
thresholds and their scales in `thresholds.json` come from the clinic (`benchmarks/clinic`), from trainings that were
healthy and trainings that were made sick; the last two seeds of every case measure them, the others set them. Those of
outliers are known beforehand, as robust z-scores have a scale of their own, and so is that of waiting for data, which
others have named: `thresholds.json` says so under `source`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from zerosum.diagnosis.course import DROP, LEAP, Column, Course, settled, stretches
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.probe import PREFIX
from zerosum.diagnosis.statistics import (
    blind,
    collapse,
    diverging,
    exploding,
    lost,
    memorising,
    oscillating,
    partial,
    rarest,
    relapse,
    settling,
    stagnation,
    strong,
    uniform,
    unsteady,
    vanishing,
)

GRACE = 0.1
"""Share of the training in which samples need not be good yet."""
HOLD = 3
"""Moments in a row that make a finding of what lasts."""
EVENT = 1
"""The same of what happens and is over."""


@dataclass(frozen=True)
class Detector:
    """Sees one kind of finding.

    Args:
        kind: of the finding.
        statistic: of a course: a value for each moment, higher the worse; NaN where nothing is known.
        evidence: names of the figures that are shown with the finding.
        grace: share of the training in which it keeps silent.
        hold: moments in a row that make a finding; the statistic is the median of as many.
        label: the statistic in a few words or as a formula of signals.
        detail: what was seen, in words, where one of several detectors of a kind has to say more than the kind does.
        grown: whether it keeps silent while a level of growing networks settles.
    """

    kind: str
    statistic: Callable[[Course], Column]
    evidence: tuple[str, ...]
    grace: float = GRACE
    hold: int = HOLD
    label: str = ""
    detail: str = ""
    grown: bool = False

    @property
    def of_samples(self) -> bool:
        """Whether it looks at signals of samples, which every sampler has of its own."""
        return any(name.startswith(PREFIX) for name in self.evidence)

    def awake(self, course: Course) -> NDArray[np.bool_]:
        """At which moments it speaks, `(m,)`."""
        beyond = course.share >= self.grace
        return beyond & ~settling(course) if self.grown else beyond

    def settled(self, course: Course) -> Column:
        """The statistic as it is held against the threshold, `(m,)`."""
        return settled(self.statistic(course), self.hold)


@dataclass(frozen=True)
class Threshold:
    """Where a statistic becomes a finding.

    Attributes:
        at: the value.
        scale: a difference that counts, for the confidence.
    """

    at: float
    scale: float

    def confidence(self, value: float) -> float:
        """In [0, 1]; ½ at the threshold."""
        return float(1 / (1 + np.exp(-np.clip((value - self.at) / self.scale, -50, 50))))


DETECTORS: Mapping[str, Detector] = {
    "collapse": Detector("collapse", collapse, ("signal/diversity",), label="1 − diversity"),
    "uniform": Detector(
        "collapse", uniform, ("signal/narrowest", "signal/narrowest_class"), label="1 − diversity within a class"
    ),
    "partial": Detector(
        "partial",
        partial,
        ("signal/precision", "signal/coverage"),
        label="(precision − coverage) × (1 − growth)",
        grown=True,
    ),
    "lost": Detector(
        "partial",
        lost,
        ("signal/missing", "signal/precision"),
        label="missing × (1 − growth), where precision ≥ ½",
        detail="some real samples have none anywhere near",
        grown=True,
    ),
    "rarest": Detector(
        "partial",
        rarest,
        ("signal/rarest", "signal/rarest_class", "signal/precision"),
        label="(1 − rarest) × precision × (1 − progress)",
        grown=True,
    ),
    "strong": Detector(
        "strong",
        strong,
        ("signal/auc", "signal/distance"),
        label="(2 auc − 1) × √distance × (1 − progress)",
        grown=True,
    ),
    "blind": Detector("blind", blind, ("signal/auc", "signal/distance"), label="(2 − 2 auc) × √distance", grown=True),
    "vanishing": Detector("vanishing", vanishing, ("G/grad_norm",), grace=0.02, label="−log10 of G’s gradient norm"),
    "diverging": Detector(
        "diverging", diverging, ("signal/score_real", "signal/score_fake"), grace=0, label="log10 of the larger score"
    ),
    "exploding": Detector(
        "diverging",
        exploding,
        ("D/grad_norm", "G/grad_norm"),
        label="log10 of a gradient's norm over its earlier median",
        detail="a gradient is far longer than it used to be",
    ),
    "oscillating": Detector(
        "oscillating", oscillating, ("signal/drift", "signal/coverage"), label="drift × (1 − coverage)", grown=True
    ),
    "relapse": Detector(
        "oscillating",
        relapse,
        ("signal/distance",),
        label="√distance over its smallest so far, at the same level of growth",
        detail="samples have been nearer to the data before",
        grown=True,
    ),
    "unsteady": Detector(
        "oscillating",
        unsteady,
        ("update/G", "learning_rate/G", "signal/distance"),
        label="log10 by which G’s steps leave their course × √distance",
        detail="the generator’s steps leap from look to look",
        grown=True,
    ),
    "unsteady critic": Detector(
        "oscillating",
        lambda course: unsteady(course, "D"),
        ("update/D", "learning_rate/D", "signal/distance"),
        label="log10 by which D’s steps leave their course × √distance",
        detail="the critic’s steps leap from look to look",
        grown=True,
    ),
    "stagnation": Detector(
        "stagnation", stagnation, ("update/G", "update/D"), grace=0, label="log10 of learning rate over step"
    ),
    "overfitting": Detector(
        "overfitting", lambda course: course.signal("auc_held_out"), ("signal/auc_held_out",), label="auc held out"
    ),
    "memorising": Detector("memorising", memorising, ("signal/memorised",), label="memorised"),
    "dead": Detector("dead", lambda course: course.signal("dead"), ("signal/dead",), grace=0, label="dead"),
    "starved": Detector(
        "starved", lambda course: course["waiting"], ("waiting", "samples_per_second"), grace=0.02, label="waiting"
    ),
    "range": Detector("range", lambda course: course.signal("outside"), ("signal/outside",), grace=0, label="outside"),
    "outlier": Detector(
        "outlier", lambda course: course[LEAP + "D"], (LEAP + "D",), hold=EVENT, label="leap of D’s loss, in σ"
    ),
    "drop": Detector(
        "outlier", lambda course: course[DROP + "G"], (DROP + "G",), hold=EVENT, label="drop of G’s loss, in σ"
    ),
}
"""By name; several may see the same kind."""


@cache
def thresholds() -> Mapping[str, Threshold]:
    """As calibrated, by detector."""
    text = resources.files("zerosum.diagnosis").joinpath("thresholds.json").read_text()
    return {name: Threshold(entry["at"], entry["scale"]) for name, entry in json.loads(text)["thresholds"].items()}


def find(course: Course, detectors: Mapping[str, Detector] = DETECTORS) -> list[Finding]:
    """All findings in a course, the earliest first."""
    found = [finding for name in detectors for finding in seen_by(name, detectors[name], course)]
    for sampler in course.others:
        there = course.of(sampler)
        looking = {name: one for name, one in detectors.items() if one.of_samples}
        found += [of(sampler, finding) for name, one in looking.items() for finding in seen_by(name, one, there)]
    return sorted(found, key=lambda finding: (finding.began or 0, -finding.confidence))


def of(sampler: str, finding: Finding) -> Finding:
    """A finding in another sampler's signals, the evidence by their names in the log."""
    own = {
        f"{PREFIX}{sampler}/{name.removeprefix(PREFIX)}" if name.startswith(PREFIX) else name: value
        for name, value in finding.evidence.items()
    }
    return replace(finding, evidence=own, sampler=sampler)


def seen_by(name: str, detector: Detector, course: Course) -> list[Finding]:
    """What one detector sees: a finding for each stretch in which its statistic is beyond its threshold."""
    threshold, values = thresholds()[name], detector.settled(course)
    beyond = (values > threshold.at) & detector.awake(course)
    return [finding_of(name, detector, course, values, *stretch) for stretch in stretches(beyond, detector.hold)]


def finding_of(name: str, detector: Detector, course: Course, values: Column, first: int, end: int) -> Finding:
    """A stretch as a finding: the evidence is that of its worst moment."""
    threshold = thresholds()[name]
    worst = first + int(np.nanargmax(values[first:end]))
    figures = {figure: float(course[figure][worst]) for figure in detector.evidence}
    evidence = {figure: value for figure, value in figures.items() if np.isfinite(value)}
    over = end < len(course)
    return Finding(
        kind=detector.kind,
        evidence=evidence | {"statistic": float(values[worst]), "threshold": threshold.at},
        began=int(course.samples_seen[first]),
        ended=int(course.samples_seen[end]) if over else None,
        confidence=threshold.confidence(float(values[worst])),
        detector=name,
        detail=detector.detail,
        worst=int(course.samples_seen[worst]),
    )


def shows(finding: Finding, course: Course) -> bool:
    """Whether the last look by itself shows what was found, or does not know: what is settled trails behind."""
    detector = DETECTORS.get(finding.detector)
    if detector is None or not len(course):
        return True
    return not detector.statistic(course.of(finding.sampler))[-1] <= thresholds()[finding.detector].at


def present(findings: Sequence[Finding]) -> list[Finding]:
    """Those that are not over."""
    return [finding for finding in findings if finding.ended is None]
