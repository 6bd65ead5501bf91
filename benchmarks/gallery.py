"""Every recipe on one protocol: trained on digits (or glyphs, for translation) with its own defaults, then scored.

The length is such that the slowest take eight minutes on two cores. Scored are 2,000 samples against held-out ones,
in the features of the classifier that `zerosum evaluate` trains on the real data. The Fréchet distance is also measured
on the way, by the same classifier, for the curve. `gallery_page.py` writes the page.
"""

import resource
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

import curves
import zerosum
from curves import Point
from records import RESULTS, Case, Measured, Target, run
from trainings import training
from zerosum import Run
from zerosum.recipes import names

BENCHMARK = "gallery"
SAMPLES = 2_000
LOOKS, LOOKED_AT, TRANSLATED = 12, 500, 150
"""Evaluations on the way, and samples of each; of translations there are no more than held-out samples."""
CURVE = "metric/fd["
METRICS = ("fd", "precision", "recall", "coverage")
OF_CLASSES = ("accuracy", "tstr")
TRIAL_LENGTH = 256
MINUTES = 8


@dataclass(frozen=True)
class Exhibit:
    """How a recipe is shown.

    Args:
        length_samples: that it is trained on.
        data: that it is trained on.
        given: options other than its defaults.
        tells_classes: whether samples of a class can be asked for, which must be at least 95 % right; None: no.
    """

    length_samples: int
    data: str = "digits"
    given: Mapping[str, Any] = field(default_factory=dict)
    tells_classes: float | None = None


EXHIBITS: Mapping[str, Exhibit] = {
    "gan": Exhibit(500_000),
    "dcgan": Exhibit(120_000, given={"width": 32}),
    "lsgan": Exhibit(120_000, given={"width": 32}),
    "wgan": Exhibit(150_000, given={"width": 32}),
    "wgan-gp": Exhibit(90_000, given={"width": 32}),
    "sngan": Exhibit(30_000),
    "dragan": Exhibit(120_000, given={"width": 32}),
    "r3gan": Exhibit(120_000),
    "cgan": Exhibit(60_000, tells_classes=0.95),
    "acgan": Exhibit(60_000, tells_classes=0.95),
    "projection": Exhibit(30_000, tells_classes=0.95),
    "infogan": Exhibit(80_000),
    "sgan": Exhibit(60_000),
    "cyclegan": Exhibit(10_000, "glyphs:sans-serif", given={"batch_size": 4}),
    "progan": Exhibit(120_000, given={"grow_samples": 40_000}),
    "stylegan": Exhibit(60_000, given={"grow_samples": 20_000}),
    "stylegan2": Exhibit(80_000),
    "stylegan3": Exhibit(18_000),
    "sagan": Exhibit(30_000),
    "biggan": Exhibit(16_000, tells_classes=0.95),
    "lapgan": Exhibit(80_000),
    "vitgan": Exhibit(80_000),
    "transgan": Exhibit(30_000),
}
"""By recipe; one that is missing is shown with `USUAL`."""
USUAL = Exhibit(20_000)


def exhibit(recipe: str) -> Exhibit:
    """How it is shown."""
    return EXHIBITS.get(recipe, USUAL)


def measure(seed: int, trial: bool, *, recipe: str) -> Measured:
    """Train, score, and keep the curve."""
    shown = exhibit(recipe)
    length = TRIAL_LENGTH if trial else shown.length_samples
    n = TRANSLATED if translates(shown) else LOOKED_AT
    looks = {"evaluate": ["fd"], "evaluate_every_samples": length // LOOKS, "evaluate_n": n}
    forget_peak()
    with training(recipe, data=shown.data, seed=seed, length_samples=length, **looks, **shown.given) as (made, took):
        figures = {"minutes": took / 60, "samples": float(length), "parameters": parameters(made)}
        figures |= {"gib": peak_gib()} | scored(made, shown, trial)
        points = course(made)
        if points and not trial:
            curves.write(curves.path_of(RESULTS / BENCHMARK, recipe, seed), {"fd": points})
        with Image.open(made.grid) as grid:
            return Measured(figures, grid.copy())


def translates(shown: Exhibit) -> bool:
    """Whether samples are made of held-out ones of another domain."""
    return shown.data.startswith("glyphs:")


def course(made: Run) -> list[Point]:
    """The Fréchet distance on the way."""
    found = [(line["samples_seen"], v) for line in made.log for name, v in line.items() if name.startswith(CURVE)]
    return [Point(seen, v, v, v) for seen, v in found if seen is not None and v is not None]


def scored(made: Run, shown: Exhibit, trial: bool) -> dict[str, float]:
    """How good samples are."""
    n = None if translates(shown) else SAMPLES // 10 if trial else SAMPLES
    asked = [*METRICS, *(OF_CLASSES if shown.tells_classes else ())]
    records = zerosum.evaluate(made, metrics=asked, n=n, progress=False)
    return {record.metric.partition("[")[0]: float(record.value) for record in records}


def parameters(made: Run) -> float:
    """Of all networks, from the checkpoint's tensors."""
    from safetensors import safe_open

    newest = max((made.path / "checkpoints").glob("*/model.safetensors"), key=lambda path: int(path.parent.name))
    with safe_open(newest, "pt") as tensors:
        sizes = (tensors.get_slice(key).get_shape() for key in tensors.keys())  # noqa: SIM118 (no mapping)
        return float(sum(product(shape) for shape in sizes))


def product(shape: list[int]) -> int:
    """How many values."""
    values = 1
    for size in shape:
        values *= size
    return values


def forget_peak() -> None:
    """Begin anew to remember how much memory was in use at most, where the system can."""
    place = Path("/proc/self/clear_refs")
    if place.exists():
        place.write_text("5")


def peak_gib() -> float:
    """The most memory that was in use, in GiB."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def case(recipe: str) -> Case:
    """A recipe."""
    shown = exhibit(recipe)
    targets = {"minutes": Target(high=MINUTES)}
    if shown.tells_classes:
        targets |= {"accuracy": Target(low=shown.tells_classes), "tstr": Target(low=0.92)}
    about = {"recipe": recipe, "data": shown.data, "length": shown.length_samples, "samples": SAMPLES, **shown.given}
    return Case(name=recipe, measure=partial(measure, recipe=recipe), options=about, targets=targets, seeds=1)


CASES = [case(recipe) for recipe in names()]

if __name__ == "__main__":
    run(BENCHMARK, __doc__, CASES)
