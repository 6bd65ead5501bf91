"""The default run, `zerosum train --data digits`: are all digits there, do they look real, are they varied?

Judged by a classifier trained on the training split of the real digits: by what it calls the samples, and by improved
precision and recall in its features against the held-out split. As the paper of those has it, as many samples as there
are real ones are judged at a time, and what comes out is averaged; the training split judged in the same way
shows what real digits reach.
"""

from functools import cache
from statistics import fmean

import torch
from torch import Tensor

from judges import Classifier, precision_and_recall, train_classifier
from judges.classifier import everything
from records import Case, Measured, Target, run
from trainings import training
from zerosum.data import open_data
from zerosum.spaces import Images

SAMPLES = 2_000
TRIAL = {"length_samples": 1_280}


@cache
def judge(trial: bool) -> Classifier:
    """A classifier of real digits."""
    data = open_data("digits", progress=False)
    assert isinstance(data.space, Images)
    return train_classifier(*everything(data.train), data.space, classes=10, seed=0, steps=10 if trial else 300)


def measure(seed: int, trial: bool) -> Measured:
    """Train, sample and judge."""
    with training(data="digits", seed=seed, **(TRIAL if trial else {})) as (played, took):
        made = played.samples(SAMPLES, seed=seed)
    data = open_data("digits", progress=False)
    judging, held_out = judge(trial), everything(data.held_out)
    shares = torch.bincount(judging.predict(made.values), minlength=10) / SAMPLES
    precision, recall = in_parts(judging, held_out[0], made.values)
    best_precision, best_recall = in_parts(judging, held_out[0], everything(data.train)[0])
    figures = {
        "judge_accuracy": judging.accuracy(*held_out),
        "classes": int((shares > 0).sum()),
        "least_class": shares.min().item(),
        "precision": precision,
        "recall": recall,
        "seconds": took,
        "precision_of_real": best_precision,
        "recall_of_real": best_recall,
    }
    return Measured(figures, made.space.picture(made.values[:100]))


def in_parts(judging: Classifier, real: Tensor, made: Tensor) -> tuple[float, float]:
    """Mean precision and recall of all parts of `made` that are as large as `real`."""
    features = judging.features(real)
    parts = [part for part in torch.split(judging.features(made), len(real)) if len(part) == len(real)]
    judged = [precision_and_recall(features, part) for part in parts]
    return fmean(p for p, _ in judged), fmean(r for _, r in judged)


CASES = [
    Case(
        name="default",
        measure=measure,
        options={"samples": SAMPLES},
        targets={
            "judge_accuracy": Target(low=0.97, every=True),
            "classes": Target(low=10, every=True),
            "least_class": Target(low=0.04),
            "precision": Target(low=0.7),
            "recall": Target(low=0.7),
            "seconds": Target(high=180),
        },
    )
]

if __name__ == "__main__":
    run("digits", __doc__, CASES)
