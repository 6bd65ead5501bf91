"""The doctor at the bedside: an observer that probes, reads the course of the training, and says what it finds.

It keeps nothing to itself. Signals go into the log with the other figures, and findings are a function of the log, and
of the data, which are examined at the first look; so a resumed training is read as an uninterrupted one, and one that
is over can be read again (`zerosum diagnose`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from zerosum.diagnosis.beforehand import of_data
from zerosum.diagnosis.course import Course, course_of
from zerosum.diagnosis.detectors import GRACE, HOLD, find, present
from zerosum.diagnosis.findings import CATALOGUE, Finding
from zerosum.diagnosis.health import kind_of
from zerosum.diagnosis.memory import memory_of
from zerosum.diagnosis.probe import probe
from zerosum.diagnosis.treatment import Act, Treatment
from zerosum.training.engine import due
from zerosum.training.journal import Follower
from zerosum.training.observers import Report, State

PREFIX = "finding/"
"""Of a finding's confidence in the log."""
MOMENTS = 50
"""Probes in a training, where it is long enough."""
ROUNDS = 100
"""Rounds between two probes at least: one costs about as much as three …"""
SAMPLES_APART = 10_000
"""… and in small ones as up to 200 samples."""


def cadence(
    length_samples: int, batch_size: int, report_every_samples: int, wanted: int | None = None, samplers: int = 1
) -> int:
    """Samples between two probes: a multiple of those between two lines of the log, beside which signals stand.

    As many as are `wanted`, or else a fiftieth of the length, and at least what keeps looking at the samplers cheap.

    >>> cadence(length_samples=1_000_000, batch_size=64, report_every_samples=5_000)
    20000
    """
    cheap = max(ROUNDS * batch_size, SAMPLES_APART) * samplers
    least = max(length_samples / MOMENTS, cheap) if wanted is None else wanted
    return math.ceil(least / report_every_samples) * report_every_samples


class Doctor:
    """Watches a training.

    Args:
        run: its directory, whose log is read.
        every_samples: between two looks; see `cadence`.
        batch_size: real samples a round; given, it looks only when a look is due, so that a training that ended and
            goes on later has the log of one that went on at once. None: whenever it is called.
        first: whether this is the first of the processes, which alone reads and speaks.
        tell: hears what a user should know, once.
        show: hears the state in words, at every look.
        treatment: what is done about findings; None: nothing.
        spread: gives all processes what the first one has.
    """

    def __init__(
        self,
        run: Path,
        *,
        every_samples: int,
        batch_size: int | None = None,
        first: bool = True,
        tell: Callable[[str], None] = lambda text: None,
        show: Callable[[str], None] = lambda text: None,
        treatment: Treatment | None = None,
        spread: Callable[[Any], Any] = lambda given: given,
    ) -> None:
        self.run, self.first, self.tell, self.show = run, first, tell, show
        self.log, self.treatment, self.spread = Follower(run / "log.jsonl"), treatment, spread
        self._every_samples, self.batch_size = every_samples, batch_size
        self.told: set[tuple[str, str]] = set()
        self.there: set[tuple[str, str]] = set()
        self.memory = cache(memory_of)

    @property
    def every_samples(self) -> int:
        """Between two looks."""
        return self._every_samples

    def __call__(self, state: State) -> Report:
        """Probe, and read the course up to here."""
        if self.out_of_turn(state):
            return Report()
        signals = probe(state, memory=self.memory(state.data))  # by all processes alike: batch statistics are shared
        report = self.reported(state, signals) if self.first else Report(signals)
        return report if self.treatment is None else replace(report, requests=self.spread(report.requests))

    def reported(self, state: State, signals: dict[str, float]) -> Report:
        """What is found, said and done."""
        log = [line for line in self.log.lines() if line["samples_seen"] < state.samples_seen]
        course = course_of(
            [*log, {**state.values, "samples_seen": state.samples_seen, **signals}], state.length_samples
        )
        found = [*of_data(self.run, state.data), *present(find(course))]
        self.show(in_words(found) or (CATALOGUE[kind_of(course)].name if looked_enough(course) else ""))
        self.speak(found)
        act = Act() if self.treatment is None else self.treatment(state, course, found, log)
        for note in act.notes:
            self.tell(f"Doctor: {note['note'].removeprefix('doctor: ')}.")
        values = signals | {PREFIX + finding.kind: finding.confidence for finding in found}
        return Report(values, requests=act.requests, notes=act.notes)

    def out_of_turn(self, state: State) -> bool:
        """Whether it is called though no look is due: the training ends here, or was stopped by somebody else."""
        return self.batch_size is not None and not due(self.every_samples, state.samples_seen, self.batch_size)

    def speak(self, found: Sequence[Finding]) -> None:
        """Say what is new, and in short what has come back."""
        serious = {(finding.kind, finding.sampler): finding for finding in found if finding.serious}
        for key, finding in serious.items():
            if key not in self.told:
                self.tell(announced(finding))
            elif key not in self.there:
                self.tell(f"Doctor: {finding.name} again{since(finding)}.")
        self.there = set(serious)
        self.told = self.told | self.there


def looked_enough(course: Course) -> bool:
    """Whether there were so many looks that finding nothing means something."""
    return int((course.share >= GRACE).sum()) >= HOLD


def in_words(found: Sequence[Finding]) -> str:
    """The state of a training in a few words, the surest finding first.

    >>> in_words([Finding(kind="blind", confidence=0.7), Finding(kind="partial", confidence=0.9)])
    'partial mode collapse, critic blind'
    """
    return ", ".join(dict.fromkeys(finding.name for finding in sorted(found, key=lambda finding: -finding.confidence)))


def announced(finding: Finding) -> str:
    """A finding as it is told while a training goes on: since when, by what, and what to do."""
    figures = ", ".join(f"{name.removeprefix('signal/')} {value:.3g}" for name, value in shown(finding).items())
    seen = f"{finding.detail}: {figures}" if finding.detail and finding.detector else finding.detail or figures
    what = "".join(f" Try {advice.what}." for advice in finding.about.advice[:1])
    return f"Doctor: {finding.name}{since(finding)} ({seen}). {finding.about.what}{what}"


def since(finding: Finding) -> str:
    """When a finding began, where that is known."""
    return "" if finding.began is None else f" since {finding.began:,} samples"


def shown(finding: Finding) -> dict[str, float]:
    """The evidence without what only the doctor's own arithmetic needs."""
    return {name: value for name, value in finding.evidence.items() if name not in ("statistic", "threshold")}
