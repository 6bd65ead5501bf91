"""Trainings that leave nothing behind, timed."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zerosum
from zerosum import Run

PROBE_SECONDS = 4.0


@contextmanager
def training(recipe: Any = None, **how: Any) -> Iterator[tuple[Run, float]]:
    """A run as `zerosum.train` leaves it, and the seconds that took: data, pictures and checkpoints included."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = zerosum.train(recipe, out=Path(folder, "run"), progress=False, **how)
        yield run, time.perf_counter() - began


def length_for(seconds: float, recipe: str, **how: Any) -> int:
    """The samples that rounds of so many seconds see, by the speed of a short training."""
    length, playing = 2_000, 0.0
    while playing < PROBE_SECONDS:
        length = int(length * min(10, max(2, 1.5 * PROBE_SECONDS / playing))) if playing else length
        with training(recipe, length_samples=length, **how) as (run, _):
            playing = next(line["seconds"] for line in reversed(run.log) if "seconds" in line) or 0.0
    return int(length * seconds / playing)
