"""How far a run has come, read from its plan, log and pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zerosum.metrics.observer import PREFIX
from zerosum.metrics.records import Record
from zerosum.runs import evaluations
from zerosum.runs.directory import Line, Plan, read_log, read_notes, read_plan
from zerosum.training.checkpoints import STATE

SCALES = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))


@dataclass(frozen=True)
class State:
    """A run as it stands on disk.

    Attributes:
        path: the run directory.
        plan: what `plan.json` says.
        log: the figures of `log.jsonl`.
        notes: what happened on the way: (samples seen, text).
        snapshots: samples seen -> grid of generated samples, oldest first.
        checkpoints: directories, oldest first.
        records: what evaluations found, oldest first.
        best: samples seen by the best checkpoint; None where none was kept as such.
    """

    path: Path
    plan: Plan
    log: list[Line]
    notes: list[tuple[int, str]]
    snapshots: dict[int, Path]
    checkpoints: list[Path]
    records: list[Record] = field(default_factory=list)
    best: int | None = None

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.path.resolve().name

    @property
    def length_samples(self) -> int:
        """Real samples seen at the end, after the last change of plan."""
        revised = [entry["length_samples"] for entry in self.plan.get("revisions", []) if "length_samples" in entry]
        return int(revised[-1] if revised else self.plan["training"].get("length_samples", 0))

    @property
    def samples_seen(self) -> int:
        """Real samples seen so far, as far as anything on disk tells."""
        return max(
            [int(self.last("samples_seen") or 0), *self.snapshots, *(int(path.name) for path in self.checkpoints)]
        )

    @property
    def longer(self) -> int | None:
        """A length to resume to: none while the run has not reached its own, then twice that."""
        return 2 * self.length_samples if self.samples_seen >= self.length_samples else None

    @property
    def begun(self) -> str:
        """Day and minute of the beginning, in the time zone that was recorded."""
        return str(self.plan.get("created", ""))[:16].replace("T", " ")

    @property
    def share(self) -> float:
        """How much of the training is done, 0 to 1."""
        return min(1.0, self.samples_seen / self.length_samples) if self.length_samples else 0.0

    @property
    def real(self) -> Path | None:
        """The grid of real samples."""
        path = self.path / "samples" / "real.png"
        return path if path.is_file() else None

    def at(self, samples_seen: int) -> Line:
        """The metrics that were logged after so many samples."""
        lines = [line for line in self.log if line["samples_seen"] == samples_seen]
        return {name: value for line in lines for name, value in line.items() if name.startswith(PREFIX)}

    def last(self, name: str) -> float | None:
        """The last value logged under `name`."""
        return next((line[name] for line in reversed(self.log) if line.get(name) is not None), None)


def read_state(run: Path) -> State:
    """Read all of a run but its weights.

    Raises:
        UserError: the plan cannot be read.
    """
    snapshots = dict(sorted((int(path.stem), path) for path in (run / "samples").glob("*.png") if path.stem.isdigit()))
    found = [path for path in (run / "checkpoints").glob("*") if path.is_dir() and path.name.isdigit()]
    checkpoints = sorted(found, key=lambda path: int(path.name))
    return State(
        run,
        read_plan(run),
        read_log(run),
        read_notes(run),
        snapshots,
        checkpoints,
        evaluations.read(run),
        best_of(checkpoints),
    )


def best_of(checkpoints: Sequence[Path]) -> int | None:
    """What the newest of the checkpoints that can be read calls the best; the weights are not looked at."""
    for path in reversed(checkpoints):
        try:
            best = json.loads((path / STATE).read_text())["best"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return best if isinstance(best, int) else None
    return None


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(3.2), duration(75), duration(7500), duration(200_000)
    ('3.2 s', '1 min 15 s', '2 h 5 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    size, unit, part, part_unit = next(scale for scale in SCALES if seconds >= scale[0])
    return f"{seconds // size:.0f} {unit} {seconds % size // part:.0f} {part_unit}"
