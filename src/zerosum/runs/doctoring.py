"""Whether the doctor looks after a training, and how often."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zerosum.diagnosis.doctor import Doctor, cadence
from zerosum.diagnosis.treatment import SPARE, Treatment
from zerosum.errors import UserError, choose
from zerosum.training.plan import Plan

MODES = {
    "off": "nobody looks",
    "watch": "signals and findings go into the log; what is serious is told",
    "treat": "and something is done about it",
}


@dataclass(frozen=True, kw_only=True)
class Doctoring:
    """What a user asks for, as in `zerosum.train`, and what came of it.

    Attributes:
        doctor: one of `MODES`.
        doctor_switch: whether treatment may put another recipe, and so another loss, in the place of one that fails.
        doctor_every_samples: between two looks; None: as `zerosum.diagnosis.doctor.cadence` has it.
        every_samples: between two looks, settled; None: not yet, or there is nothing to look at.
        spare_samples: that treatment may still cost beyond the length of the training; None: not settled.
    """

    doctor: str = "watch"
    doctor_switch: bool = True
    doctor_every_samples: int | None = None
    every_samples: int | None = None
    spare_samples: int | None = None

    def __post_init__(self) -> None:
        choose("doctor", self.doctor, MODES)
        if self.doctor_every_samples is not None and self.doctor_every_samples < 1:
            raise UserError(f"--doctor-every-samples is {self.doctor_every_samples}; it is a whole number from 1 up.")

    @classmethod
    def recorded(cls, document: Mapping[str, Any]) -> "Doctoring":
        """What `plan.json` says; a run that says nothing is older than the doctor and goes on without."""
        return cls(**document.get("doctor", {"doctor": "off"}))

    def settled(self, plan: Plan) -> "Doctoring":
        """The same with the time between two looks; what was settled before holds, whatever length the plan has now."""
        if self.doctor == "off" or self.every_samples is not None or not plan.game.samplers:
            return self
        every = cadence(
            plan.length_samples,
            plan.batch_size,
            plan.report_every_samples,
            self.doctor_every_samples,
            samplers=len(plan.game.samplers),
        )
        spare = int(SPARE * plan.length_samples) if self.treats and self.spare_samples is None else self.spare_samples
        return replace(self, every_samples=every, spare_samples=spare)

    @property
    def treats(self) -> bool:
        """Whether anything is done about findings."""
        return self.doctor == "treat"

    def document(self) -> dict[str, Any]:
        """For `plan.json`: who looks and how often, and what was asked for or settled beside that."""
        usual = asdict(Doctoring(doctor=self.doctor, every_samples=self.every_samples))
        said = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return {"doctor": self.doctor, "every_samples": self.every_samples, **said}

    def observers(self, run: Path, *, mendable: tuple[str, ...], **how: Any) -> list[Doctor]:
        """The doctor, where one looks; kinds of findings for which it can begin again; `how` as for `Doctor`."""
        if self.doctor == "off" or self.every_samples is None:
            return []
        spare = self.spare_samples if mendable else None
        treatment = Treatment(every_samples=self.every_samples, spare_samples=spare, mendable=mendable)
        return [Doctor(run, every_samples=self.every_samples, treatment=treatment if self.treats else None, **how)]
