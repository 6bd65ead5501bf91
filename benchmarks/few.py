"""Augmentation of what the critic sees, where there are 200 training digits: DiffAugment and ADA against none.

All trainings of a recipe have the same 200 digits, networks and samples seen; samples are compared with the whole
held-out split. `sngan` gets worse when it trains on, on so few digits, and is what must get better; so must `r3gan`,
of which it was seen in a trial. `dcgan`, whose critic has batch normalisation, came first: it did not get worse in
that time, and augmentation only cost it. Whether variations show in samples, as they must not, is asked of a judge:
for each policy a network is taught to tell real training digits from the same varied, and says which share of samples
looks varied to it, beside that of held-out digits and that of the training without augmentation.
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import torch

import zerosum
from judges import Classifier, train_classifier
from judges.classifier import everything
from records import Case, Measured, Target, run
from sicknesses import few
from trainings import training
from zerosum.data import Data, open_data
from zerosum.data.differentiable import policy as policy_for
from zerosum.draw import Draw
from zerosum.spaces import Images

IMAGES = 200
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "sngan": {"length_samples": 60_000},
    "dcgan": {"length_samples": 300_000, "width": 32},
    "r3gan": {"length_samples": 120_000},
}
OVERFITTING = ("sngan", "r3gan")
TRIAL_LENGTH = 640
SAMPLES = 2_000
STRENGTH: Mapping[str, float] = {"r3gan": 0.5}
"""Probability of DiffAugment, where it is not the paper's 1 but what `auto` takes for so few samples."""
SIGNLESS = ("r3gan",)
"""Whose critics only compare: the sign of a score, from which ADA tells overfitting, says nothing."""
ADA: Mapping[str, Any] = {"augment_policy": "ada", "augment_target": 0.6, "augment_rise_samples": 20_000}
VARIED = {"diffaugment": 1.0, "ada": 0.8}
"""Probabilities at which the judges are taught: the largest that a training may have."""
METRICS = ("fd", "precision", "recall", "coverage")


def ways(recipe: str) -> dict[str, Mapping[str, Any]]:
    """Options of each way."""
    diffaugment = {"augment": STRENGTH.get(recipe, 1.0), "augment_policy": "diffaugment"}
    return {"plain": {}, "diffaugment": diffaugment, **({} if recipe in SIGNLESS else {"ada": ADA})}


def varied_ways(recipe: str) -> list[str]:
    """Those of them that vary what the critic sees."""
    return [way for way in VARIED if way in ways(recipe)]


@cache
def digits() -> Data:
    """The data."""
    return open_data("digits", progress=False)


@cache
def judge(policy: str, seed: int, trial: bool) -> Classifier:
    """What tells varied digits (class 1) from digits as they are (class 0)."""
    images, _ = everything(digits().train)
    shown = torch.cat([images, varied(images, policy, seed)])
    kinds = torch.arange(2).repeat_interleave(len(images))
    return train_classifier(shown, kinds, space(), classes=2, seed=seed, steps=10 if trial else 300)


def varied(images: torch.Tensor, policy: str, seed: int) -> torch.Tensor:
    """Images as the critic would see them."""
    return policy_for(policy, space())(images, VARIED[policy], Draw(seed, "varied"))


def space() -> Images:
    """Of digits."""
    found = digits().space
    assert isinstance(found, Images)
    return found


def measure(seed: int, trial: bool, *, recipe: str) -> Measured:
    """Train in all ways on the same few, judge against all that is held out."""
    data = few(IMAGES)(digits(), seed)
    figures, pictures = looks(everything(digits().held_out)[0], "held_out", seed, trial), []
    for way, options in ways(recipe).items():
        short = {"length_samples": TRIAL_LENGTH} if trial else {}
        how = {**RECIPES[recipe], **options, **short, "evaluate": "off"}
        with training(recipe, data=data, seed=seed, **how) as (made, took):
            samples = made.sample(SAMPLES, seed=seed)
            figures |= {f"p_{way}": made.log[-1].get("control/augment") or 0.0, f"seconds_{way}": took}
        for record in zerosum.evaluate(samples, "digits", metrics=list(METRICS), progress=False):
            figures[f"{record.metric.partition('[')[0]}_{way}"] = float(record.value or 0.0)
        figures |= looks(samples, way, seed, trial)
        pictures.append(samples[:30])
    for way in varied_ways(recipe):
        figures[f"better_{way}"] = figures["fd_plain"] - figures[f"fd_{way}"]
        shown = max(figures[f"looks_{way}_{other}"] for other in ("held_out", "plain"))
        figures[f"leak_{way}"] = figures[f"looks_{way}_{way}"] - shown
    return Measured(figures, space().picture(torch.cat(pictures), columns=10))


def looks(images: torch.Tensor, name: str, seed: int, trial: bool) -> dict[str, float]:
    """The share of images that looks varied, by policy."""
    said = {policy: judge(policy, seed, trial).predict(images) for policy in VARIED}
    return {f"looks_{policy}_{name}": found.double().mean().item() for policy, found in said.items()}


def targets(recipe: str) -> dict[str, Target]:
    """Nothing may leak, and what overfits must get better."""
    better = {f"better_{way}": Target(low=0.0) for way in varied_ways(recipe)}
    return better | {f"leak_{way}": Target(high=0.02) for way in varied_ways(recipe)}


CASES = [
    Case(
        name=f"{recipe}-{IMAGES}",
        measure=partial(measure, recipe=recipe),
        options={"samples": SAMPLES, **how, "ways": {name: dict(way) for name, way in ways(recipe).items()}},
        targets=targets(recipe),
        seeds=3 if recipe in OVERFITTING else 1,
    )
    for recipe, how in RECIPES.items()
]

if __name__ == "__main__":
    run("few", __doc__, CASES)
