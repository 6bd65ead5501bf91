"""Systems that know classes, on digits, as they come: told them, finding them, or learning them from few labels.

An independent classifier, trained on the real training split, says whether samples are of the class that was asked for
(and, of `infogan`, which class each category is, by the best matching); the same classifier trained on samples alone is
tested on real digits. `sgan` is compared with the same network on the same labels without any other samples.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from judges import Classifier, train_classifier
from judges.classifier import everything
from records import Case, Measured, Target, run
from trainings import training
from zerosum.data import Batch, Data, open_data
from zerosum.draw import Draw
from zerosum.games import Phase, Result
from zerosum.games.core import Controls
from zerosum.losses import cross_entropy
from zerosum.runs.setup import settle
from zerosum.spaces import Images
from zerosum.training.plan import Plan

SAMPLES, OF_EACH = 2_000, 200
TRIAL = {"length_samples": 1_280}
IN_TIME = {"seconds": Target(high=480)}


@cache
def digits() -> tuple[Data, Images]:
    """The data and their space."""
    data = open_data("digits", progress=False)
    assert isinstance(data.space, Images)
    return data, data.space


def school(images: Tensor, labels: Tensor, seed: int, trial: bool) -> Classifier:
    """A classifier that is taught by these images."""
    return train_classifier(images, labels, digits()[1], classes=10, seed=seed, steps=10 if trial else 300)


@cache
def reference(seed: int, trial: bool) -> Classifier:
    """The independent classifier."""
    return school(*everything(digits()[0].train), seed, trial)


def told(recipe: str, seed: int, trial: bool) -> Measured:
    """A system that is told classes: whether it makes what is asked for, and what its samples teach."""
    with training(recipe, data="digits", seed=seed, **(TRIAL if trial else {})) as (played, took):
        made = played.samples(SAMPLES, seed=seed)
    assert made.labels is not None
    figures = {
        "samples_as_asked": reference(seed, trial).accuracy(made.values, made.labels),
        "accuracy": school(made.values, made.labels, seed, trial).accuracy(*everything(digits()[0].held_out)),
        "accuracy_by_real": reference(seed, trial).accuracy(*everything(digits()[0].held_out)),
        "seconds": took,
    }
    return Measured(figures, made.space.picture(made.values[:100], columns=10))


def finding(seed: int, trial: bool) -> Measured:
    """`infogan`: share of samples whose class is the one that best matches their category."""
    with training("infogan", data="digits", seed=seed, **(TRIAL if trial else {})) as (played, took):
        made = [played.sample(OF_EACH, label=code, seed=seed) for code in range(10)]
    counts = torch.stack([reference(seed, trial).predict(of_code).bincount(minlength=10) for of_code in made])
    codes, classes = linear_sum_assignment(-counts.numpy())
    share = counts[codes, classes].sum().item() / counts.sum().item()
    rows = torch.cat([of_code[:10] for of_code in made])
    return Measured({"matched": share, "seconds": took}, digits()[1].picture(rows, columns=10))


def labels_alone(how: Mapping[str, Any], seed: int) -> Plan:
    """The plan of `sgan`, from the same weights, without everything that samples without labels are for."""
    plan = settle("sgan", "digits", how, seed=seed, progress=False).plan()
    game = plan.game

    def supervised(batch: Batch, draw: Draw, controls: Controls) -> Result:
        assert game.classifier is not None
        assert batch.condition is not None
        assert batch.label is not None
        logits = game.classifier(game.networks, batch.condition)
        return Result({"supervised": cross_entropy(logits, batch.label).mean()})

    return replace(plan, game=replace(game, phases=(Phase("D", ("D",), supervised),)))


def learning(per_class: int, seed: int, trial: bool) -> Measured:
    """`sgan` against the same network, labels, steps and averaging without unlabelled samples."""
    how = {"labelled_per_class": per_class, **(TRIAL if trial else {})}
    with training("sgan", data="digits", seed=seed, **how) as (played, took):
        share, picture = played.log[-1]["accuracy/held_out"], played.samples(100, seed=seed)
    unwatched = {"evaluate": "off", "doctor": "off"}
    with training(labels_alone(how, seed), data="digits", seed=seed, **unwatched) as (plain, _):
        alone = plain.log[-1]["accuracy/held_out"]
    assert share is not None
    assert alone is not None
    figures = {"accuracy": share, "accuracy_of_labels_alone": alone, "gain": share - alone, "seconds": took}
    return Measured(figures, picture.space.picture(picture.values, columns=10))


ASKED: Mapping[str, Target] = {"samples_as_asked": Target(low=0.95), "accuracy": Target(low=0.92), **IN_TIME}
CASES = [
    *(
        Case(name=name, measure=partial(told, name), options={"samples": SAMPLES}, targets=ASKED)
        for name in ("cgan", "acgan", "projection")
    ),
    Case(
        name="infogan",
        measure=finding,
        options={"of_each": OF_EACH},
        targets={"matched": Target(low=0.8), **IN_TIME},
    ),
    *(
        Case(
            name=f"sgan-{per_class}",
            measure=partial(learning, per_class),
            options={"labelled_per_class": per_class},
            targets={"gain": Target(low=0.0), **IN_TIME},
        )
        for per_class in (10, 100)
    ),
]

if __name__ == "__main__":
    run("conditional", __doc__, CASES)
