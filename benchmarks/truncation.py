"""Truncated latents of `biggan` on digits: samples that look real against samples of every kind (Brock 2019, 3.1).

One training, sampled with latents cut off beyond fewer and fewer deviations: precision must rise and recall fall with
every step, each within the deviation that it has over other draws of the same generator.
"""

from itertools import pairwise

import torch
from torch import Tensor

import zerosum
from records import Case, Measured, Target, run
from trainings import training
from zerosum import Run
from zerosum.data import open_data

THRESHOLDS = (None, 1.5, 1.0, 0.7, 0.5, 0.3, 0.1)
"""Deviations beyond which latents are drawn anew; None: nowhere."""
LENGTH, TRIAL_LENGTH = 16_000, 320
SAMPLES, DRAWS, SHOWN = 2_000, 3, 10


def measure(seed: int, trial: bool) -> Measured:
    """Train once, then measure at every threshold."""
    length = TRIAL_LENGTH if trial else LENGTH
    with training("biggan", data="digits", seed=seed, length_samples=length, evaluate="off") as (made, took):
        found = [measured(made, threshold, trial) for threshold in THRESHOLDS]
        rows = torch.cat([made.sample(SHOWN, threshold=threshold, seed=seed) for threshold in THRESHOLDS])
    figures = {"seconds": took}
    for metric in ("precision", "recall"):
        course = [draws[metric] for draws in found]
        means, deviations = [each.mean().item() for each in course], [each.std().item() for each in course]
        named = zip(THRESHOLDS, means, strict=True)
        figures |= {f"{metric} {'whole' if threshold is None else threshold}": mean for threshold, mean in named}
        up = 1 if metric == "precision" else -1
        steps = [up * (after - before) for before, after in pairwise(means)]
        figures |= {f"{metric} worst step": min(steps), f"{metric} in all": sum(steps)}
        figures[f"{metric} deviation"] = max(deviations)
    space = open_data("digits", progress=False).space
    return Measured(figures, space.picture(rows, columns=SHOWN))


def measured(made: Run, threshold: float | None, trial: bool) -> dict[str, Tensor]:
    """Precision and recall of several draws."""
    n = 200 if trial else SAMPLES
    found: dict[str, list[float]] = {"precision": [], "recall": []}
    for draw in range(DRAWS):
        samples = made.sample(n, threshold=threshold, seed=draw)
        for record in zerosum.evaluate(samples, "digits", metrics=list(found), progress=False):
            assert record.value is not None
            found[record.metric.partition("[")[0]].append(record.value)
    return {metric: torch.tensor(values, dtype=torch.float64) for metric, values in found.items()}


WITHIN = -0.01
"""What a step may go back: about one deviation over draws."""
CASES = [
    Case(
        name="biggan",
        measure=measure,
        options={"length_samples": LENGTH, "samples": SAMPLES, "draws": DRAWS, "thresholds": list(THRESHOLDS)},
        targets={
            "precision worst step": Target(low=WITHIN),
            "recall worst step": Target(low=WITHIN),
            "precision in all": Target(low=0.0),
            "recall in all": Target(low=0.0),
        },
    )
]

if __name__ == "__main__":
    run("truncation", __doc__, CASES)
