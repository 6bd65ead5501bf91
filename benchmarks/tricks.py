"""Tricks against mode collapse, each alone, on plain `gan` on ring and grid; 10 seeds trained side by side.

Networks of 128 units, batches of 128, learning rate .001; everything else as `gan` comes. Seed by seed, networks begin
with the same weights and see the same samples with every trick as without, so differences are taken in pairs;
`tricks_page.py` writes them down. Judged as in `points.py`.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import zerosum
from records import Case, Measured, run
from zerosum.data import density
from zerosum.metrics.core import Modes
from zerosum.metrics.modes import coverage

BENCHMARK = "tricks"
PLAIN = "plain"
TRICKS: Mapping[str, Mapping[str, Any]] = {
    PLAIN: {},
    "pac-2": {"pac": 2},
    "pac-3": {"pac": 3, "batch_size": 126},
    "pac-4": {"pac": 4},
    "minibatch-deviation": {"minibatch": "deviation"},
    "mode-seeking": {"mode_seeking": 0.1},
    "unrolled-5": {"unrolled": 5},
}
"""Options of each. The batch must be a multiple of `pac`."""
DATA = ("ring", "grid")
SEEDS = 10
LENGTH, TRIAL_LENGTH = 640_000, 6_400
SETTING: Mapping[str, Any] = {"width": 128, "batch_size": 128, "lr": 1e-3}
SAMPLES = 2_500


@cache
def played(data: str, trick: str, trial: bool) -> Sequence[Measured]:
    """All seeds at once, judged one by one."""
    length = TRIAL_LENGTH if trial else LENGTH
    seldom = {"snapshot_every_samples": length, "checkpoint_every_samples": length}
    unwatched = {"evaluate": "off", "doctor": "off", "progress": False}
    how = {**SETTING, "length_samples": length, **seldom, **unwatched, **TRICKS[trick]}
    with tempfile.TemporaryDirectory() as folder:
        runs = zerosum.train_seeds("gan", data=data, seeds=SEEDS, out=Path(folder, "runs"), compile="on", **how)
        return [judged(one, data, seed) for seed, one in enumerate(runs)]


def judged(made: zerosum.Run, data: str, seed: int) -> Measured:
    """Modes, quality and balance of one seed."""
    mixture = density(data)
    assert mixture.modes is not None
    assert mixture.std is not None
    samples = made.samples(SAMPLES, seed=seed)
    found = coverage(samples.values, Modes(mixture.modes, mixture.std))
    return Measured(asdict(found), samples.space.picture(samples.values))


def measure(seed: int, trial: bool, *, data: str, trick: str) -> Measured:
    """One of the seeds that were trained together."""
    return played(data, trick, trial)[seed]


CASES = [
    Case(
        name=f"{trick}-{data}",
        measure=partial(measure, data=data, trick=trick),
        options={"data": data, "length_samples": LENGTH, "samples": SAMPLES, **SETTING, **how},
        seeds=SEEDS,
    )
    for data in DATA
    for trick, how in TRICKS.items()
]

if __name__ == "__main__":
    run(BENCHMARK, __doc__, CASES)
