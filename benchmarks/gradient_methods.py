"""Gradient methods for games on mixtures of Gaussians: plain `gan`, played in each way.

Everything but the way of playing is the same, networks, learning rate, samples seen, and as in `tricks.py`; negative
momentum is another setting of the optimizer. Judged as in `points.py`. A seed that is played alone ends elsewhere
than the same seed beside others, by up to three modes: games like these magnify rounding, and few seeds rank nothing
that is close.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from records import Case, Measured, run
from trainings import training
from tricks import LENGTH, SAMPLES, SETTING, TRIAL_LENGTH
from zerosum.data import density
from zerosum.metrics.core import Modes
from zerosum.metrics.modes import coverage

BENCHMARK = "gradient_methods"
WAYS: dict[str, Mapping[str, Any]] = {
    "alternating": {},
    "simultaneous": {"order": "simultaneous"},
    "negative-momentum": {"betas": (-0.5, 0.999)},
    "lookahead": {"lookahead": 5},
    "optimistic": {"order": "simultaneous", "optimistic": True},
    "extragradient": {"order": "extragradient"},
    "consensus": {"order": "consensus"},
    "symplectic": {"order": "symplectic"},
}
DATA = ("ring", "grid")


def measure(seed: int, trial: bool, *, data: str, way: Mapping[str, Any]) -> Measured:
    """Train and judge."""
    length = TRIAL_LENGTH if trial else LENGTH
    how = {**SETTING, "length_samples": length, "evaluate": "off", "doctor": "off", **way}
    with training("gan", data=data, seed=seed, **how) as (played, took):
        samples = played.samples(SAMPLES, seed=seed)
    mixture = density(data)
    assert mixture.modes is not None
    assert mixture.std is not None
    found = coverage(samples.values, Modes(mixture.modes, mixture.std))
    return Measured({**asdict(found), "seconds": took}, samples.space.picture(samples.values))


CASES = [
    Case(
        name=f"{name}-{data}",
        measure=partial(measure, data=data, way=way),
        options={"data": data, "way": dict(way), "length_samples": LENGTH, "samples": SAMPLES, **SETTING},
        seeds=5,
    )
    for data in DATA
    for name, way in WAYS.items()
]

if __name__ == "__main__":
    run(BENCHMARK, __doc__, CASES)
