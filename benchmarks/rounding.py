"""Whether a training in bfloat16 ends where one in float32 does: the default run on digits, and `r3gan` on the grid.

Same seeds, and the judges of `digits.py` and `points.py`. What differs by no more than seeds do is equal.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

import points
from digits import SAMPLES, in_parts, judge
from judges.classifier import everything
from records import Case, Measured, run
from trainings import training
from zerosum.data import density, open_data
from zerosum.metrics.core import Modes
from zerosum.metrics.modes import coverage

PRECISIONS = ("float32", "bfloat16")
TRIAL = {"length_samples": 1_280}


def measure(seed: int, trial: bool, *, data: str, precision: str) -> Measured:
    """Train and judge."""
    how: dict[str, Any] = {"data": data, **(points.ours(data) if data != "digits" else {}), **(TRIAL if trial else {})}
    with training(precision=precision, seed=seed, evaluate="off", doctor="off", **how) as (played, took):
        made = played.samples(SAMPLES, seed=seed)
    found = digits_judged(made.values, trial) if data == "digits" else modes_found(made.values, data)
    return Measured(
        {**found, "seconds": took}, made.space.picture(made.values[:100] if data == "digits" else made.values)
    )


def digits_judged(values: Tensor, trial: bool) -> Mapping[str, float]:
    """Classes, precision and recall, as `digits.py` has them."""
    judging, held_out = judge(trial), everything(open_data("digits", progress=False).held_out)
    shares = torch.bincount(judging.predict(values), minlength=10) / len(values)
    precision, recall = in_parts(judging, held_out[0], values)
    return {"classes": int((shares > 0).sum()), "precision": precision, "recall": recall}


def modes_found(values: Tensor, data: str) -> Mapping[str, float]:
    """Modes and good samples, as `points.py` has them."""
    mixture = density(data)
    assert mixture.modes is not None
    assert mixture.std is not None
    found = coverage(values, Modes(mixture.modes, mixture.std))
    return {"modes": found.modes, "hq": found.hq, "reverse_kl": found.reverse_kl, "spread": found.spread}


CASES = [
    Case(
        name=f"{data}-{precision}",
        measure=partial(measure, data=data, precision=precision),
        options={"data": data, "precision": precision, "samples": SAMPLES}
        | ({} if data == "digits" else points.ours(data)),
    )
    for data in ("digits", "grid")
    for precision in PRECISIONS
]

if __name__ == "__main__":
    run("rounding", __doc__, CASES)
