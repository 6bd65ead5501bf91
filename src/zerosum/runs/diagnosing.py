"""What is found of a training that is over: of a run, from its log; of another program's, from losses and samples."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zerosum.diagnosis.beforehand import kept
from zerosum.diagnosis.course import Course, course_of, leaps
from zerosum.diagnosis.detectors import DETECTORS, Detector, find, present
from zerosum.diagnosis.doctor import MOMENTS, looked_enough
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.health import nothing_wrong
from zerosum.diagnosis.losses import SEEN_IN_LOSSES, find_in_losses
from zerosum.diagnosis.probe import SAMPLES
from zerosum.diagnosis.standing import standing
from zerosum.errors import UserError
from zerosum.games import Game
from zerosum.metrics.evaluation import refuse_unlike
from zerosum.runs.directory import Line, nothing_there, run_at
from zerosum.runs.evaluating import Given, called, find_subject
from zerosum.runs.evaluating import of_samples as samples_of
from zerosum.runs.foreign import look, with_class
from zerosum.runs.losses import Losses, read_losses
from zerosum.runs.norms import Norms, norms_of
from zerosum.runs.state import State, read_state
from zerosum.training.checkpoints import write_atomically

NAME = "findings.json"
NOT_FINITE = re.compile(r"(\S+) became NaN or infinite in round (\d+)")
"""What a failed training says of itself."""
FINE = 400
"""Moments at which losses are drawn."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found, of what.

    Attributes:
        subject: what was looked at, in words.
        findings: the earliest first; a good one where nothing is wrong and enough was looked at to say so.
        until: the last moment that was looked at, in `unit`; None where there are none.
        unit: of moments.
        taken: role -> column that was taken for it, of another program's losses.
        notes: what should be known of what was not looked at.
        run: the directory, of a run.
        course: what it was found in, of a run or of losses.
        detectors: that saw it there.
        curves: losses of another program, at more moments.
        pictures: of another program's samples, by what they show.
        spectral: norms of the networks, where they were asked for.
    """

    subject: str
    findings: tuple[Finding, ...]
    until: int | None = None
    unit: str = "samples seen"
    taken: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()
    run: Path | None = None
    course: Course | None = field(default=None, repr=False, compare=False)
    detectors: Mapping[str, Detector] = field(default_factory=lambda: DETECTORS, repr=False, compare=False)
    curves: Course | None = field(default=None, repr=False, compare=False)
    pictures: Mapping[str, Image.Image] = field(default_factory=dict, repr=False, compare=False)
    spectral: Norms | None = None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "subject": self.subject,
            "until": self.until,
            "unit": self.unit,
            "findings": [finding.document() for finding in self.findings],
            **({"columns": dict(self.taken)} if self.taken else {}),
            "notes": list(self.notes),
            **({"spectral": self.spectral.document()} if self.spectral else {}),
        }


def diagnose(
    subject: str | Path | None,
    samples: Given | None = None,
    against: Any = None,
    *,
    spectral: bool = False,
    checkpoint: int | str | None = None,
    game: Game | None = None,
    progress: bool = True,
) -> Diagnosis:
    """A run, a table of losses, samples of another program, or the last two together; see `zerosum.diagnose`.

    Raises:
        UserError: nothing is given, or something that cannot be used.
    """
    if subject is None and samples is None:
        raise UserError("What is to be diagnosed? A run, a CSV or JSONL of losses, or samples (with against).")
    run = None if subject is None else find_run_or_file(subject)
    if run is not None and samples is not None:
        raise UserError(f"{run} is a run: its own samples were looked at. Leave out samples and against.")
    if samples is None and against is not None:
        raise UserError("against belongs to samples: name both.")
    if checkpoint is not None and not spectral:
        raise UserError(f"checkpoint {checkpoint!r} belongs to spectral: the rest is found in the log.")
    if run is None and spectral:
        raise UserError("Spectral norms are those of a run's networks: name a run.")
    if run is not None:
        return replace(of_run(read_state(run)), spectral=norms_of(run, game, checkpoint) if spectral else None)
    parts = [] if subject is None else [of_losses(Path(subject))]
    return together([*parts, *([] if samples is None else [of_folder(samples, against, progress=progress)])])


def store(found: Diagnosis) -> None:
    """Write what was found of a run into it.

    Raises:
        UserError: nothing can be written there.
    """
    assert found.run is not None
    try:
        write_atomically(found.run / NAME, json.dumps(found.document(), indent=2) + "\n")
    except OSError as error:
        raise UserError(f"Cannot write to {str(found.run)!r} ({error.strerror or error}).") from error


def find_run_or_file(subject: str | Path) -> Path | None:
    """The run of this name or path, or of which this is the log; None where it is another file.

    Raises:
        UserError: it is nothing at all, or a folder of something else.
    """
    path = Path(os.path.expanduser(subject))
    run = run_at(path.parent if path.name == "log.jsonl" else subject)
    if run is None and not os.path.exists(path):  # False for whatever cannot be a path
        raise nothing_there("run or file", subject)
    if run is None and path.is_dir():
        raise UserError(
            f"{str(subject)!r} is no run. If it holds samples: zerosum diagnose --samples {path} --against …"
        )
    return run


def together(parts: Sequence[Diagnosis]) -> Diagnosis:
    """Losses and samples of the same training."""
    if len(parts) == 1:
        return parts[0]
    losses, samples = parts
    return replace(
        losses,
        subject=f"{losses.subject} and {samples.subject}",
        findings=(*samples.findings, *losses.findings),
        notes=samples.notes,
        pictures=samples.pictures,
    )


# --- a run ---


def of_run(state: State) -> Diagnosis:
    """What the log of a run tells, and what was found in its data."""
    course = course_of(state.log, state.length_samples)
    watched = len(course) > 0
    if not watched:
        course = course_of_all(state.log, state.length_samples)
    of_data, of_players = kept(state.path), [*named(find(course), state), *not_finite(state.notes)]
    found = sorted([*of_data, *of_players], key=lambda finding: finding.began or 0)
    enough = watched and looked_enough(course)
    if enough and not any(finding.serious for finding in present(found)):
        found.append(nothing_wrong(course, found, looked_at(state)))
    return Diagnosis(
        subject=state.name,
        findings=tuple(found),
        until=state.samples_seen,
        notes=() if enough or of_players else (of_too_little(len(course) if watched else 0, state),),
        run=state.path,
        course=course,
    )


def course_of_all(log: Sequence[Line], length_samples: float) -> Course:
    """The course of a log without probes, at about as many moments as the doctor has."""
    course = table(coarse(log), length_samples)
    return replace(course, columns={**course.columns, **leaps(log, course.samples_seen)})


def coarse(lines: Sequence[Line], most: int = MOMENTS) -> list[Line]:
    """At most about `most` lines, as many as the doctor has looks, each the mean of what is known of its neighbours."""
    width = -(-len(lines) // most) or 1
    return [mean_of(lines[start : start + width]) for start in range(0, len(lines), width)]


def mean_of(lines: Sequence[Line]) -> Line:
    """The mean of what is known; the moment is that of the last line.

    >>> mean_of([{"samples_seen": 1.0, "a": 1.0, "b": None}, {"samples_seen": 2.0, "a": 3.0}])
    {'samples_seen': 2.0, 'a': 2.0}
    """
    known: dict[str, list[float]] = {}
    for line in lines:
        for name, value in line.items():
            if value is not None:
                known.setdefault(name, []).append(value)
    return {name: values[-1] if name == "samples_seen" else sum(values) / len(values) for name, values in known.items()}


def table(lines: Sequence[Line], length: float) -> Course:
    """A row a line."""
    names = dict.fromkeys(name for line in lines for name in line)
    columns = {name: np.array([as_float(line.get(name)) for line in lines]) for name in names}
    return Course(columns.get("samples_seen", np.zeros(0)), columns, max(1, int(length)))


def as_float(value: float | None) -> float:
    """NaN where there is none."""
    return np.nan if value is None else value


def not_finite(notes: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """What stopped a training that failed."""
    for samples_seen, text in notes:
        if (found := NOT_FINITE.search(text)) is not None:
            phase, _, term = found[1].rpartition("/")
            where = f"{term.replace('_', ' ')} of phase {phase}" if phase else term
            yield Finding(kind="nan", began=samples_seen, detail=f"{where}, in round {found[2]}")


def named(found: Sequence[Finding], state: State) -> list[Finding]:
    """Findings with the names of the classes that they are about."""
    return [with_class(finding, state.plan["data"].get("classes") or ()) for finding in found]


def looked_at(state: State) -> int:
    """Samples of each kind that the doctor looks at."""
    return min(SAMPLES, state.plan["data"].get("train_size") or SAMPLES)


def of_too_little(looks: int, state: State) -> str:
    """Why nothing is said."""
    if looks:
        return f"The doctor looked {looks} time{'s' if looks > 1 else ''}: too little to say that all is well."
    care = state.plan.get("doctor", {})
    why = f"the first look was to come after {care.get('every_samples') or 0:,} samples seen"
    if care.get("doctor", "off") == "off":
        why = "the doctor was off"
    return f"Nobody looked at the samples of this run ({why}): little can be said of it."


# --- another program's losses ---


def of_losses(path: Path) -> Diagnosis:
    """What a table of losses tells.

    Raises:
        UserError: the file cannot be read, or has no losses.
    """
    read = read_losses(path)
    columns: dict[str, list[float | None]] = {"samples_seen": [*read.moments], **read.columns}
    lines: list[Line] = [{role: finite(values[row]) for role, values in columns.items()} for row in range(len(read))]
    course = course_of_all(lines, read.moments[-1])
    course = replace(course, columns={**course.columns, **standing(lines, course.samples_seen)})
    found = sorted([*find_in_losses(course), *first_not_finite(read)], key=lambda finding: finding.began or 0)
    note = "Losses tell little: how good and how varied the samples are they do not say (--samples, --against)."
    return Diagnosis(
        str(path),
        tuple(found),
        until=int(read.moments[-1]),
        unit=read.unit,
        taken=read.taken,
        notes=(note,),
        course=course,
        detectors=SEEN_IN_LOSSES,
        curves=table(coarse(lines, FINE), read.moments[-1]),
    )


def first_not_finite(losses: Losses) -> Iterator[Finding]:
    """The first value that was NaN or infinite."""
    for row, moment in enumerate(losses.moments):
        values = {role: column[row] for role, column in losses.columns.items()}
        bad = [losses.taken[role] for role, v in values.items() if v is not None and not np.isfinite(v)]
        if bad:
            yield Finding(kind="nan", began=int(moment), detail=", ".join(bad))
            return


def finite(value: float | None) -> float | None:
    """None where a value is no number."""
    return value if value is not None and np.isfinite(value) else None


# --- another program's samples ---


def of_folder(samples: Given, against: Any, *, progress: bool) -> Diagnosis:
    """What samples tell, beside real ones.

    Raises:
        UserError: real samples are not named, or either cannot be used.
    """
    if against is None:
        raise UserError("Samples are judged against real ones: name them too, --against DATA.")
    if isinstance(samples, str | Path) and find_subject(samples) is not None:
        raise UserError(f"{called(samples)} is a run: zerosum diagnose {called(samples)}.")
    matter = samples_of(samples, against=against, progress=progress)
    refuse_unlike(matter.generated.space, matter.data.space)
    seen = look(matter.generated, matter.data)
    note = f"{seen.made} samples were looked at, beside {seen.real} that are real."
    return Diagnosis(called(samples), seen.findings, notes=(note,), pictures=seen.pictures)
