"""Plain `gan` on ring and grid: left alone, treated, and treated with another loss forbidden; 10 seeds.

The literature has about 6 of 8 and 17 of 25 modes without treatment (Srivastava 2017, Lin 2018). Samples of all
attempts together are at most a quarter more than those of the training that was asked for. Those that are left alone
are trained side by side, seed by seed the same trainings up to rounding.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import zerosum
from points import SAMPLES, TRIAL_LENGTH
from records import Case, Measured, Target, run
from zerosum.data import density
from zerosum.diagnosis.treatment import ENTRY, acts_of, given_up
from zerosum.metrics.core import Modes
from zerosum.metrics.modes import coverage
from zerosum.training.journal import read_lines

LENGTH = 2_048_000
SEEDS = 10
ALONE = "alone"
WAYS: dict[str, dict[str, Any]] = {
    ALONE: {"doctor": "off"},
    "treated": {"doctor": "treat"},
    "treated-own-loss": {"doctor": "treat", "doctor_switch": False},
}


def measure(seed: int, trial: bool, *, data: str, way: str) -> Measured:
    """Train, and judge what came of it."""
    if way == ALONE:
        return alone(data, trial)[seed]
    length = TRIAL_LENGTH if trial else LENGTH
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = Path(folder, "run")
        played = zerosum.train(
            "gan", data=data, seed=seed, out=path, length_samples=length, progress=False, **WAYS[way]
        )
        seconds = time.perf_counter() - began
        attempts = [*sorted((path / "attempts").glob("*")), path]
        logs = [lines for one in attempts if (lines := read_lines(one / "log.jsonl"))]
        seen = [int(lines[-1]["samples_seen"]) for lines in logs]
        seen += [given_up(acts_of([line for line in lines if ENTRY in line])) for lines in logs]
        effort = {"attempts": float(len(attempts)), "samples": float(sum(seen)) / length, "seconds": seconds}
        return judged(played, data, seed, effort)


@cache
def alone(data: str, trial: bool) -> list[Measured]:
    """All seeds at once, judged one by one."""
    length = TRIAL_LENGTH if trial else LENGTH
    with tempfile.TemporaryDirectory() as folder:
        how = {"length_samples": length, "evaluate": "off", "progress": False, **WAYS[ALONE]}
        runs = zerosum.train_seeds("gan", data=data, seeds=SEEDS, out=Path(folder, "runs"), **how)
        return [judged(one, data, seed, {"attempts": 1.0, "samples": 1.0}) for seed, one in enumerate(runs)]


def judged(played: zerosum.Run, data: str, seed: int, effort: Mapping[str, float]) -> Measured:
    """Modes, quality and balance of a training's samples."""
    samples = played.samples(SAMPLES[data], seed=seed)
    mixture = density(data)
    assert mixture.modes is not None
    assert mixture.std is not None
    found = coverage(samples.values, Modes(mixture.modes, mixture.std))
    return Measured({**asdict(found), **effort}, samples.space.picture(samples.values))


def case(data: str, way: str) -> Case:
    """A mixture, and what is done."""
    modes = density(data).modes
    assert modes is not None
    reached = {
        "modes": Target(low=len(modes), every=True),
        "hq": Target(low=0.95, every=True),
        "samples": Target(high=1.25, every=True),
    }
    return Case(
        name=f"gan-{data}-{way}",
        measure=partial(measure, data=data, way=way),
        options={"data": data, "length": LENGTH, **WAYS[way]},
        targets=reached if way == "treated" else {},
        seeds=SEEDS,
    )


CASES = [case(data, way) for way in ("treated", "alone", "treated-own-loss") for data in ("ring", "grid")]

if __name__ == "__main__":
    run("rescue", __doc__, CASES)
