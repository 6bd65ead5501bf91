"""What is said of a training in which nothing serious is wrong.

That its players are near an equilibrium is said only where the latest looks show it: the critic tells training samples
from generated ones no better than chance has it with so few, these are no farther apart than two sets of real samples,
and samples of the same latents hardly change any more. Otherwise nothing serious was found, and that is all.

What chance does with n and m samples of one distribution: the AUC is ½ with the deviation √((n + m + 1) / (12 n m))
(Mann & Whitney 1947). The energy distance without bias is 0 on average, and n m / (n + m) times it tends to
Σ λᵢ (Zᵢ² - 1) with normal Zᵢ and Σ λᵢ the mean distance of two samples (Székely & Rizzo 2013); so over that distance,
its deviation is √2 (n + m) / (n m) at most.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zerosum.diagnosis.course import Course, settled
from zerosum.diagnosis.detectors import DETECTORS, GRACE, Detector, thresholds
from zerosum.diagnosis.findings import CATALOGUE, Finding
from zerosum.diagnosis.probe import PREFIX, SAMPLES

SHOWN = ("auc", "distance", "drift", "precision", "coverage", "diversity")
DEVIATIONS = 3.0
"""So many standard deviations are chance."""
STILL = 0.1
"""Drift that is small: a tenth of the distance of two real samples."""


def nothing_wrong(course: Course, over: Sequence[Finding], n: int = SAMPLES) -> Finding:
    """That no serious finding is left at the last look; as sure as the likeliest of all was unlikely since then.

    Args:
        course: of the training, with signals.
        over: what was found; since the last of it ended, or samples were to be good, nothing is wrong.
        n: samples of each kind that the signals are of.
    """
    began = max((finding.ended or 0 for finding in over), default=course.samples_seen[course.share >= GRACE][0])
    latest = latest_of(course)
    return Finding(
        kind=kind_of(course, n),
        evidence={f"{PREFIX}{name}": value for name, value in latest.items() if np.isfinite(value)},
        began=int(began),
        confidence=1 - alarm(course, course.samples_seen >= began),
    )


def latest_of(course: Course) -> dict[str, float]:
    """What the last looks showed, by the names of signals."""
    return {name: float(settled(course.signal(name))[-1]) for name in SHOWN}


def kind_of(course: Course, n: int = SAMPLES) -> str:
    """What is said where nothing serious was found; "healthy" where all samplers are near an equilibrium."""
    every = [latest_of(course.of(sampler)) for sampler in ("", *course.others)]
    near = all(near_equilibrium(latest["auc"], latest["distance"], latest["drift"], n) for latest in every)
    return "healthy" if near else "nothing serious"


def near_equilibrium(auc: float, distance: float, drift: float, n: int) -> bool:
    """Whether players cannot be told from players at an equilibrium; drift is NaN where nothing is averaged.

    >>> near_equilibrium(0.54, 0.01, 0.05, 256), near_equilibrium(0.95, 0.01, 0.05, 256)
    (True, False)
    """
    chance = DEVIATIONS * np.sqrt((2 * n + 1) / (12 * n * n))
    near = DEVIATIONS * np.sqrt(2) * 2 / n
    return bool(abs(auc - 0.5) <= chance and distance <= near and not drift > STILL)


def alarm(course: Course, since: NDArray[np.bool_]) -> float:
    """The largest confidence that any detector of something serious had at its worst moment."""
    serious = {name: one for name, one in DETECTORS.items() if CATALOGUE[one.kind].severity == "serious"}
    courses = [course.of(sampler) for sampler in ("", *course.others)]
    return max(worst(name, one, seen, since) for name, one in serious.items() for seen in courses)


def worst(name: str, detector: Detector, course: Course, since: NDArray[np.bool_]) -> float:
    """The largest confidence of a detector at the moments `since`; 0 where nothing is known."""
    values = detector.settled(course)[since & detector.awake(course)]
    known = values[np.isfinite(values)]
    return thresholds()[name].confidence(float(known.max())) if len(known) else 0.0
