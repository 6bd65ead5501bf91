"""What is done about a finding while the training goes on: other values for its controls.

A remedy looks at the course and at the controls as they are set, and says which should have which value; it says
nothing where the game has no such control or where it would change nothing. What no control can mend is for a new
beginning (`zerosum.diagnosis.treatment`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from zerosum.diagnosis.course import Course
from zerosum.diagnosis.statistics import UPDATE
from zerosum.games import Controls
from zerosum.games.pair import PRECISE

LR_SCALE = "/lr_scale"
REPEATS = "/repeats"
CLIP = "/clip"
HALF_LIFE = "ema_half_life_samples"
LONG = 3.0
"""How many times its typical length a gradient must have to be clipped to that."""
BRISK = 0.025
"""Step over weights beyond which a player moves too fast; the clinic's healthy trainings stay below."""
STEADY = 0.005
"""What it is brought down to; the middle of those trainings."""
PENALTIES = ("r1", "r2", "gradient_penalty", "dragan")
NON_LEAKING = 0.8
"""Probability beyond which augmentations begin to show in samples (Karras 2020, section 2.2)."""


@dataclass(frozen=True)
class Remedy:
    """Something to do.

    Attributes:
        what: it is, in words.
        source: who found that it helps.
        change: `(course, controls) ->` the controls that it sets.
        passing: whether it moves the game's equilibrium, so that it ends when it has helped.
    """

    what: str
    source: str
    change: Callable[[Course, Controls], dict[str, float]]
    passing: bool = False


def brisk_players(course: Course, controls: Controls) -> dict[str, float]:
    """Learning rates of the players whose steps are too long, so that they become steady."""
    found = {}
    for name in (name for name in controls if name.endswith(LR_SCALE)):
        ratio = latest(course, UPDATE + name.removesuffix(LR_SCALE))
        if ratio > BRISK:
            found[name] = controls[name] * STEADY / ratio
    return found


def latest(course: Course, name: str, width: int = 3) -> float:
    """The median of the latest known values of a column; NaN where there are none."""
    values = course[name][-width:]
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def times(factor: float, *names: str) -> Callable[[Course, Controls], dict[str, float]]:
    """Controls of these names, where they are set, multiplied."""

    def change(course: Course, controls: Controls) -> dict[str, float]:
        return {name: factor * controls[name] for name in names if controls.get(name)}

    return change


def at_least(value: float, name: str) -> Callable[[Course, Controls], dict[str, float]]:
    """A control that is set to `value`, where it is smaller."""

    def change(course: Course, controls: Controls) -> dict[str, float]:
        return {name: value} if controls.get(name, value) < value else {}

    return change


def more_steps(course: Course, controls: Controls) -> dict[str, float]:
    """Two more steps of the critic a round."""
    name = f"D{REPEATS}"
    return {name: controls[name] + 2} if name in controls else {}


def more_augmentation(course: Course, controls: Controls) -> dict[str, float]:
    """A greater probability of augmentation, while it does not leak."""
    now = controls.get("augment", NON_LEAKING)
    return {"augment": min(NON_LEAKING, now + 0.2)} if now < NON_LEAKING else {}


def shorter_gradients(course: Course, controls: Controls) -> dict[str, float]:
    """Gradients of the players no longer than they typically were, where they are longer now."""
    found = {}
    for name in (name for name in controls if name.endswith(CLIP)):
        column = f"{name.removesuffix(CLIP)}/grad_norm"
        usual = float(np.nanmedian(course[column])) if np.isfinite(course[column]).any() else 0.0
        if usual and not controls[name] and latest(course, column) > LONG * usual:
            found[name] = usual
    return found


def precise_penalties(course: Course, controls: Controls) -> dict[str, float]:
    """Slopes in float32, where there are penalties with a weight and they are coarser."""
    woken = any(controls.get(name) for name in PENALTIES)
    return {PRECISE: 1.0} if woken and not controls.get(PRECISE, 1.0) else {}


STEADIER = Remedy(
    "learning rates from the steps' length: each player moves by a two-hundredth of its weights at most",
    "zerosum's clinic",
    brisk_players,
)
SLOWER = Remedy("half the learning rates", "Mescheder 2018, arXiv 1801.04406", times(0.5, "D/lr_scale", "G/lr_scale"))
SLOWER_CRITIC = Remedy(
    "a third of the critic's learning rate", "Heusel 2017 (TTUR), arXiv 1706.08500", times(1 / 3, "D/lr_scale")
)
SLOWER_GENERATOR = Remedy(
    "a third of the generator's learning rate", "Heusel 2017 (TTUR), arXiv 1706.08500", times(1 / 3, "G/lr_scale")
)
MORE_STEPS = Remedy("two more critic steps a round", "Arjovsky 2017, arXiv 1701.07875", more_steps)
CLIPPED = Remedy("gradients no longer than they typically were", "Pascanu 2013, arXiv 1211.5063", shorter_gradients)
FINER = Remedy("slopes of penalties in float32", "Micikevicius 2018, arXiv 1710.03740", precise_penalties)
PENALISED = Remedy("four times the penalty", "Mescheder 2018, arXiv 1801.04406", times(4, *PENALTIES))
NOISE = Remedy(
    "noise on what the critic sees", "Sønderby 2016, arXiv 1610.04490", at_least(0.1, "instance_noise"), passing=True
)
SMOOTHED = Remedy("smoothed labels", "Salimans 2016, arXiv 1606.03498", at_least(0.1, "label_smoothing"), passing=True)
AVERAGED = Remedy(
    "four times the half-life of the averaged generator", "Yazici 2019, arXiv 1806.04498", times(4, HALF_LIFE)
)
SEEKING = Remedy("a mode-seeking term", "Mao 2019, arXiv 1903.05628", at_least(1.0, "mode_seeking"), passing=True)
AUGMENTED = Remedy("augmentation of what the critic sees", "Karras 2020, arXiv 2006.06676", more_augmentation)

REMEDIES: Mapping[str, tuple[Remedy, ...]] = {
    "collapse": (STEADIER, SEEKING, NOISE),
    "partial": (STEADIER, SEEKING, SLOWER),
    "strong": (STEADIER, SLOWER_CRITIC, SMOOTHED, NOISE),
    "blind": (STEADIER, SLOWER_GENERATOR, MORE_STEPS),
    "diverging": (STEADIER, CLIPPED, FINER, PENALISED, SLOWER),
    "oscillating": (STEADIER, SLOWER, PENALISED, AVERAGED),
    "overfitting": (AUGMENTED, PENALISED),
}
"""By kind of finding, the mildest first. Kinds that are missing have no remedy while the training goes on."""
