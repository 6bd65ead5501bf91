"""Small trainings of every recipe, and single rounds of them, for benchmarks that count rather than time."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zerosum.runs.setup import settle
from zerosum.training.devices import make_fabric
from zerosum.training.engine import Engine
from zerosum.training.progress import Progress

POINTS = {"data": "ring", "width": 8, "latent_size": 4}
DIGITS = {"data": "digits", "resolution": "16", "width": 8, "latent_size": 8}
SMALL: dict[str, Mapping[str, Any]] = {
    **dict.fromkeys(("gan", "wgan", "wgan-gp", "dragan", "r3gan"), POINTS),
    "cyclegan": {"data": "glyphs:sans-serif", "resolution": "16", "width": 8, "blocks": 1},
}
"""Data and sizes by recipe; the others play with digits."""


def small(recipe: str) -> dict[str, Any]:
    """Options of a small training."""
    return {"batch_size": 8, **SMALL.get(recipe, DIGITS)}


@contextmanager
def engine(recipe: str, *, device: str = "cpu", precision: str = "float32", **options: Any) -> Iterator[Engine]:
    """An engine at the beginning of a training that leaves nothing behind."""
    given = dict(options)
    setup = settle(recipe, given.pop("data"), given, device=device, precision=precision, progress=False)
    plan = setup.plan()
    with tempfile.TemporaryDirectory() as folder:
        yield Engine(
            plan,
            setup.data,
            run=Path(folder),
            fabric=make_fabric(setup.device, 1, setup.precision_for(plan)),
            seed=0,
            identity={},
            listener=Progress(plan.length_samples),
        )
