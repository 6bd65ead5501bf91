"""Whether the doctor looks after a training, and how often."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zerosum.diagnosis.doctor import Doctor, cadence
from zerosum.errors import choose
from zerosum.training.plan import Plan

MODES = {
    "off": "nobody looks",
    "watch": "signals and findings go into the log; what is serious is told",
}


@dataclass(frozen=True, kw_only=True)
class Doctoring:
    """What a user asks for, as in `zerosum.train`, and what came of it.

    Attributes:
        doctor: one of `MODES`.
        every_samples: between two looks; None: not settled, or there is nothing to look at.
    """

    doctor: str = "watch"
    every_samples: int | None = None

    def __post_init__(self) -> None:
        choose("doctor", self.doctor, MODES)

    @classmethod
    def recorded(cls, document: Mapping[str, Any]) -> "Doctoring":
        """What `plan.json` says; a run that says nothing is older than the doctor and goes on without."""
        return cls(**document.get("doctor", {"doctor": "off"}))

    def settled(self, plan: Plan) -> "Doctoring":
        """The same with the time between two looks; what was settled before holds, whatever length the plan has now."""
        if self.doctor == "off" or self.every_samples is not None or not plan.game.samplers:
            return self
        every = cadence(plan.length_samples, plan.batch_size, plan.report_every_samples)
        return replace(self, every_samples=every)

    def document(self) -> dict[str, Any]:
        """For `plan.json`."""
        return asdict(self)

    def observers(
        self, run: Path, *, batch_size: int, first: bool, tell: Callable[[str], None], show: Callable[[str], None]
    ) -> list[Doctor]:
        """The doctor, where one looks; see `Doctor`."""
        if self.doctor == "off" or self.every_samples is None:
            return []
        every = self.every_samples
        return [Doctor(run, every_samples=every, batch_size=batch_size, first=first, tell=tell, show=show)]
