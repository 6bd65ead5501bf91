"""What the doctor's watching costs: the time of its looks over that of the rounds, in the same training."""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import zerosum
from records import Case, Measured, Target, run
from zerosum.diagnosis.doctor import Doctor
from zerosum.training.observers import Report, State

MOST = 0.03
TRIAL_LENGTH = 20_000
CASES_OF: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("gan", "ring", {"length_samples": 300_000}),
    ("wgan-gp", "grid", {"length_samples": 100_000}),
    ("r3gan", "ring", {"length_samples": 1_000_000}),
    ("r3gan", "digits", {"length_samples": 40_000}),
    ("dcgan", "digits", {"length_samples": 80_000}),
    ("cgan", "digits", {"length_samples": 80_000}),
)


class Timed:
    """The doctor with a watch in hand.

    Attributes:
        seconds: of all looks but the first, which pays for what is done only once (and for a look at the data).
        first: of the first.
        looks: how many.
    """

    def __init__(self, doctor: Doctor) -> None:
        self.doctor, self.seconds, self.first, self.looks = doctor, 0.0, 0.0, 0

    @property
    def every_samples(self) -> int:
        """Between two looks."""
        return self.doctor.every_samples

    def __call__(self, state: State) -> Report:
        """Look."""
        begin = time.perf_counter()
        found = self.doctor(state)
        took = time.perf_counter() - begin
        self.looks += bool(found.values)
        if self.looks == 1 and not self.first:
            self.first = took
        else:
            self.seconds += took
        return found


def measure(seed: int, trial: bool, *, recipe: str, data: str, how: dict[str, Any]) -> Measured:
    """Train, and time."""
    how = how | ({"length_samples": TRIAL_LENGTH} if trial else {})
    every = zerosum.describe(recipe, data=data, **how)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run")
        settled = every["doctor"]["every_samples"]
        timed = Timed(Doctor(path, every_samples=settled, batch_size=every["training"]["batch_size"]))
        played = zerosum.train(
            recipe,
            data=data,
            out=path,
            seed=seed,
            evaluate="off",
            doctor="off",
            progress=False,
            observers=[timed],
            **how,
        )
        seconds = max(line.get("seconds") or 0.0 for line in played.log)
    return Measured(
        {
            "share": timed.seconds / seconds,
            "first_look_seconds": timed.first,
            "looks": timed.looks,
            "seconds": seconds,
        }
    )


CASES = [
    Case(
        name=f"{recipe}-{data}",
        measure=partial(measure, recipe=recipe, data=data, how=how),
        options={"recipe": recipe, "data": data, **how},
        targets={"share": Target(high=MOST)},
        seeds=1,
    )
    for recipe, data, how in CASES_OF
]

if __name__ == "__main__":
    run("watch", __doc__, CASES)
