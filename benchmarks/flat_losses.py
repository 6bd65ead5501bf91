"""Thresholds of losses that stand still (`zerosum.diagnosis.standing`), from the clinic's kept courses.

As `clinic_calibrate.py` does it: half-way between the largest value that a statistic keeps up in a healthy training and
the typical one of trainings of a right kind that are beyond it; the last seed of each case is held out.

    python benchmarks/flat_losses.py
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinic import CASES, path_of
from clinic_calibrate import NEARER
from sicknesses import KINDS
from zerosum.diagnosis.course import course_of, settled
from zerosum.diagnosis.detectors import GRACE, HOLD
from zerosum.diagnosis.standing import STANDING, standing

RIGHT = {"at chance": {"blind"}, "flat": {"blind", "stagnation"}}
"""Findings of which a statistic must show trainings: a blind critic's losses stand, too."""
Kept = tuple[Mapping[str, Any], bool, Mapping[str, Any]]


def kept() -> list[Kept]:
    """Options, whether it sets thresholds, and course of every training that was watched."""
    return [
        (case.options, seed < case.seeds - 1, json.loads(path.read_text()))
        for case in CASES
        if case.options["mode"] == "watch"
        for seed in range(case.seeds)
        if (path := path_of(case.name, seed)).is_file()
    ]


def kept_up(name: str, course: Mapping[str, Any]) -> float:
    """The largest value that the statistic keeps up for `HOLD` looks."""
    looks = course_of(course["lines"], course["length_samples"])
    if not len(looks):
        return float("nan")
    found = standing(course["lines"], looks.samples_seen)
    values = settled(found[name])[looks.share >= GRACE]
    runs = [values[place : place + HOLD].min() for place in range(len(values) - HOLD + 1)]
    return max((value for value in runs if np.isfinite(value)), default=float("nan"))


def threshold(name: str, everything: Sequence[Kept]) -> dict[str, float]:
    """Where a statistic becomes a finding."""
    calibrating = [(options["kind"], course) for options, calibrates, course in everything if calibrates]
    well = np.array([kept_up(name, course) for kind, course in calibrating if kind == "healthy"])
    ill = np.array(
        [
            kept_up(name, course)
            for kind, course in calibrating
            if kind != "healthy" and RIGHT[name] & set(KINDS[kind].right)
        ]
    )
    top = float(np.nanmax(well))
    beyond = ill[ill > top]
    typical = float(np.median(beyond))
    at, scale = top + NEARER * (typical - top), (typical - top) / 4
    return {"healthy": top, "sick": typical, "seen": len(beyond), "at": at, "scale": scale}


def main() -> None:
    """A line a statistic, and how often it is beyond the threshold in use in healthy trainings that were held out."""
    everything = kept()
    for name, one in STANDING.items():
        held_out = [c for options, calibrates, c in everything if not calibrates and options["kind"] == "healthy"]
        false = sum(kept_up(name, course) > one.threshold.at for course in held_out)
        print(name, threshold(name, everything), "in use", one.threshold, f"{false} of {len(held_out)} healthy")


if __name__ == "__main__":
    main()
