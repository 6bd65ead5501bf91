"""The clinic: trainings made sick in known ways, and healthy ones, with the course of each kept.

A record has what was found when, by the detectors as they are; the signals themselves are kept beside it, so that
thresholds can be calibrated (`clinic_calibrate.py`) without training again.
"""

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import zerosum
from records import RESULTS, Case, Measured, run
from sicknesses import HEALTHY, KINDS, Sickness, onset
from zerosum.diagnosis.beforehand import kept
from zerosum.diagnosis.doctor import Doctor
from zerosum.errors import TrainingFailed
from zerosum.runs.setup import settle
from zerosum.training.journal import read_lines
from zerosum.training.plan import Plan

BENCHMARK = "clinic"
LENGTH: Mapping[str, int] = {
    "r3gan ring": 768_000,
    "r3gan grid": 768_000,
    "wgan-gp ring": 100_000,
    "wgan-gp grid": 100_000,
    "wgan grid": 100_000,
    "gan ring": 300_000,
    "gan digits": 150_000,
    "gan glyphs": 150_000,
    "dcgan digits": 40_000,
    "dcgan glyphs": 40_000,
    "lsgan digits": 40_000,
    "lsgan glyphs": 40_000,
    "cgan digits": 40_000,
    "cgan glyphs": 40_000,
    "cyclegan glyphs:sans-serif": 600,
}
"""Samples seen; up to half a minute on one core."""
USUAL = 20_000
LOOKS = 50
"""Also of trainings that are too short to be looked at so often in earnest."""
DATA: Mapping[str, dict[str, Any]] = {
    "digits": {"resolution": "16"},
    "glyphs": {"resolution": "16"},
    "glyphs:sans-serif": {"resolution": "16"},
}
TRIAL_LENGTH = 3_000


def played(recipe: str, data: str, seed: int, trial: bool, sickness: Sickness | None) -> tuple[dict[str, Any], float]:
    """Play a training under the doctor's eyes; its course, and the seconds it took."""
    options = dict(DATA.get(data, {})) | (dict(sickness.options) if sickness else {})
    options["length_samples"] = TRIAL_LENGTH if trial else LENGTH.get(f"{recipe} {data}", USUAL)
    setup = settle(recipe, data, options, seed=seed, progress=False)
    if sickness and sickness.critic:
        setup = settle(recipe, data, options | {"critic": sickness.critic(setup.data.space)}, seed=seed, progress=False)
    if sickness and sickness.data:
        setup = replace(setup, data=sickness.data(setup.data, seed))
    plan = setup.plan()
    if sickness and sickness.plan:
        plan = sickness.plan(plan, setup.data.space, seed)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run")
        failure = ""
        try:
            zerosum.train(
                plan,
                data=setup.data,
                out=path,
                seed=seed,
                evaluate="off",
                doctor="off",
                observers=[doctor_of(plan, path)],
                progress=False,
            )
        except TrainingFailed as error:
            failure = str(error)
        course = {
            "length_samples": plan.length_samples,
            "onset": onset(plan, seed) if sickness and sickness.late else 0,
            "failure": failure,
            "data_findings": [finding.kind for finding in kept(path)],
            "lines": [rounded(line) for line in read_lines(path / "log.jsonl")],
        }
    return course, time.perf_counter() - begin


def doctor_of(plan: Plan, path: Path) -> Doctor:
    """Who looks `LOOKS` times, at moments at which the log has a line."""
    every = -(-plan.length_samples // (LOOKS * plan.report_every_samples)) * plan.report_every_samples
    return Doctor(path, every_samples=every, batch_size=plan.batch_size)


def rounded(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the log in five digits."""
    return {name: float(f"{v:.5g}") if isinstance(v, float) else v for name, v in line.items()}


def measure(seed: int, trial: bool, *, name: str, recipe: str, data: str, sickness: Sickness | None) -> Measured:
    """Play, and keep the course."""
    course, seconds = played(recipe, data, seed, trial, sickness)
    if not trial:
        path = path_of(name, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(course) + "\n")
    last = course["lines"][-1]
    shown = ("signal/distance", "signal/precision", "signal/coverage", "signal/auc", "signal/drift")
    return Measured({key.removeprefix("signal/"): last.get(key) or 0.0 for key in shown} | {"seconds": seconds})


def path_of(name: str, seed: int) -> Path:
    """Where a course is kept."""
    return RESULTS / BENCHMARK / "courses" / f"{name}-seed{seed}.json"


def case(kind: str, recipe: str, data: str, sickness: Sickness | None, seeds: int) -> Case:
    """A training."""
    name = f"{kind.replace(' ', '_')}-{recipe}-{data.partition(':')[0]}"
    return Case(
        name=name,
        measure=partial(measure, name=name, recipe=recipe, data=data, sickness=sickness),
        options={"kind": kind, "recipe": recipe, "data": data, "length": LENGTH.get(f"{recipe} {data}", USUAL)},
        seeds=seeds,
    )


CASES = [
    *(case("healthy", recipe, data, None, 2) for recipe, data in HEALTHY),
    *(case(kind, recipe, data, sick, 2) for kind, sick in KINDS.items() for recipe, data in sick.wards),
]

if __name__ == "__main__":
    run(BENCHMARK, __doc__, CASES)
