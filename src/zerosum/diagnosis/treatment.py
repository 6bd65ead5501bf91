"""Treatment: what the doctor does about what it finds, one thing at a time, and whether that helped.

What is done is decided by the course and by what was done before, both of which stand in the log; so a training that
was interrupted is treated as one that was not. An act is on trial for a few looks: if its finding is still there, the
controls go back to where they were; they do so, too, where it helped but moves what the game comes to in the end, as a
mode-seeking term does. A training that had been healthy for a while first goes back to the newest
checkpoint from before its finding, once. What does not yield, or what no control can mend, begins again with something
changed (what: `zerosum.runs.attempts`), as long as there are samples to spare. What data alone could cure is left at
the best checkpoint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zerosum.diagnosis.course import Course
from zerosum.diagnosis.detectors import shows
from zerosum.diagnosis.findings import CATALOGUE, Finding
from zerosum.diagnosis.remedies import REMEDIES, Remedy
from zerosum.games import Controls
from zerosum.games.pair import PRECISE
from zerosum.training.devices import is_coarse
from zerosum.training.observers import GoBack, Request, SetControl, State, Stop

ENTRY = "treatment"
"""Key of an act among the lines of the log."""
TRIAL = 4
"""Looks after which it is judged whether an act helped."""
ACTS = 6
"""Changes of controls in one attempt; more would be meddling."""
FIRST = 1
"""Of these before it begins again, if it can."""
SPARE = 0.25
"""Samples that treatment may cost, over the length of the training."""
LONG_HEALTHY = 0.2
"""Share of the training before a finding that makes going back there worth while."""
WORTH = 0.4
"""Share of the length that must be left for a new beginning."""
MENDABLE = ("collapse", "partial", "strong", "vanishing", "blind", "diverging", "stagnation", "dead", "oscillating")
"""Findings that a new beginning may mend."""
OF_DATA = ("overfitting", "memorising")
"""Findings that only more data mend: the best is behind."""

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Act:
    """What is done at one look.

    Attributes:
        requests: to the engine.
        notes: for the log.
    """

    requests: tuple[Request, ...] = ()
    notes: tuple[Line, ...] = ()

    def __add__(self, other: "Act") -> "Act":
        """Both, one after the other."""
        return Act(self.requests + other.requests, self.notes + other.notes)


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What is done about findings.

    Args:
        every_samples: between two looks.
        spare_samples: that a new beginning may cost beyond the length of the training; None: it cannot begin again.
        mendable: kinds of findings for which there is something to begin again with.
    """

    every_samples: int
    spare_samples: int | None
    mendable: tuple[str, ...] = MENDABLE

    def __call__(self, state: State, course: Course, found: Sequence[Finding], log: Sequence[Line]) -> Act:
        """What is done now, given what is found and what was done before."""
        before = [line for line in log if ENTRY in line]
        judged = Act()
        if before and before[-1][ENTRY]["act"] == "set":
            if state.samples_seen - before[-1]["samples_seen"] < TRIAL * self.every_samples:
                return Act()
            judged = judge(before[-1][ENTRY], {finding.kind for finding in found})
        finding = cause([finding for finding in found if shows(finding, course)])
        if finding is None:
            return judged
        controls = {**state.controls, **{r.name: r.value for r in judged.requests if isinstance(r, SetControl)}}
        if not is_coarse(state.autocast):
            controls.pop(PRECISE, None)  # is so by itself
        return judged + self.next(finding, state, course, controls, before)

    def next(self, finding: Finding, state: State, course: Course, controls: Controls, before: Sequence[Line]) -> Act:
        """The next thing to do about a finding, if anything is left, given the lines of what was done before."""
        acts = acts_of(before)
        again = finding.kind in self.mendable and self.worth_beginning(state, acts)
        if len(acts) < (FIRST if again else ACTS):
            tried = {act["remedy"] for act in acts}
            for remedy in REMEDIES.get(finding.kind, ()):
                change = {} if remedy.what in tried else remedy.change(course, controls)
                if change:
                    act = applied(remedy, change, finding, controls)
                    there = self.healthy_before(finding, state, acts)
                    return act if there is None else gone_back(there, state.samples_seen, act, before, controls)
        if again:
            return begun_again(finding)
        return stopped(finding, state.best) if finding.kind in OF_DATA and state.best is not None else Act()

    def worth_beginning(self, state: State, acts: Sequence[Line]) -> bool:
        """Whether enough samples are left to begin again."""
        left = length_again(state.length_samples, self.spare_samples, state.samples_seen + given_up(acts))
        return left >= WORTH * state.length_samples

    def healthy_before(self, finding: Finding, state: State, acts: Sequence[Line]) -> int | None:
        """The newest checkpoint from before a finding, where a long time was healthy and samples can be spared."""
        began = finding.began or 0
        there = max((at for at in state.checkpoints if at < began), default=None)
        if there is None or began < LONG_HEALTHY * state.length_samples or given_up(acts):
            return None
        return there if state.samples_seen - there <= (self.spare_samples or 0) else None


def acts_of(lines: Sequence[Line]) -> list[Line]:
    """Remedies that were tried in this attempt, those included that going back has taken from the log."""
    found = [line[ENTRY] for line in lines if line[ENTRY]["act"] == "set"]
    return [act for entry in found for act in (*entry.get("lost", ()), entry)]


def given_up(acts: Sequence[Line]) -> int:
    """Samples that an attempt saw beyond those that it counts, because it went back."""
    return sum(int(act.get("given_up", 0)) for act in acts)


def length_again(length_samples: int, spare_samples: int | None, samples_seen: int) -> int:
    """Samples that a new beginning has: the whole length once more, if that can be spared.

    >>> length_again(1000, 250, 200), length_again(1000, 250, 400), length_again(1000, None, 0)
    (1000, 850, 0)
    """
    return 0 if spare_samples is None else min(length_samples, length_samples + spare_samples - samples_seen)


def cause(found: Sequence[Finding]) -> Finding | None:
    """What is to be treated: of the serious findings about which something can be done, the earliest."""
    known = [f for f in found if f.serious and f.kind in {*REMEDIES, *MENDABLE, *OF_DATA}]
    return min(known, key=lambda finding: (finding.began or 0, -finding.confidence), default=None)


def judge(act: Line, kinds: set[str]) -> Act:
    """Whether an act that was on trial helped; if not, or if it is for a while only, its controls go back."""
    name, remedy = CATALOGUE[act["because"]].name, act["remedy"]
    helped = act["because"] not in kinds
    if helped and not act.get("passing"):
        return Act(notes=(entry(f"no longer {name}: it stays at {remedy}", act="kept", remedy=remedy),))
    words = f"no longer {name}: enough of {remedy}" if helped else f"still {name}: taken back, {remedy}"
    note = entry(words, act="ended" if helped else "reverted", remedy=remedy, controls=act["before"])
    return Act(tuple(SetControl(*pair) for pair in act["before"].items()), (note,))


def applied(remedy: Remedy, change: Mapping[str, float], finding: Finding, controls: Controls) -> Act:
    """A remedy, put on trial."""
    before = {name: controls[name] for name in change}
    moved = ", ".join(f"{name} {before[name]:.3g} → {value:.3g}" for name, value in change.items())
    words = f"{finding.name}: {remedy.what} ({moved}; {remedy.source})"
    done = {"controls": dict(change), "before": before, "passing": remedy.passing}
    note = entry(words, act="set", because=finding.kind, remedy=remedy.what, **done)
    return Act(tuple(SetControl(*pair) for pair in change.items()), (note,))


def gone_back(there: int, samples_seen: int, act: Act, before: Sequence[Line], controls: Controls) -> Act:
    """The same act, from an earlier checkpoint on, with controls as they are now, for some may be on trial in that.

    Its entry keeps what is cut off the log with the time after it.
    """
    (note,) = act.notes
    moved = dict.fromkeys(name for entry in acts_of(before) for name in entry["controls"] if name in controls)
    lost = acts_of([line for line in before if line["samples_seen"] > there])
    kept = {**note[ENTRY], "given_up": samples_seen - there, "lost": lost}
    as_now = (SetControl(name, controls[name]) for name in moved)
    return Act((GoBack(there, {**note, ENTRY: kept}), *as_now, *act.requests))


def begun_again(finding: Finding) -> Act:
    """A new beginning, which is made when the engine has stopped."""
    words = f"{finding.name}: begins again with something changed"
    return Act((Stop(f"the doctor has it begin again ({finding.name})"),), (again_because(finding.kind, words),))


def again_because(kind: str, words: str) -> Line:
    """The line of the log that asks for a new beginning."""
    return entry(words, act="begin again", because=kind)


def stopped(finding: Finding, best: int) -> Act:
    """The end of a training that only gets worse."""
    words = f"{finding.name}: stopped, only more data would help; the best checkpoint is that at {best:,} samples"
    return Act((Stop(words),), (entry(words, act="stopped", because=finding.kind),))


def entry(words: str, **act: Any) -> Line:
    """A line of the log: in words, and what a later look needs."""
    return {"note": f"doctor: {words}", ENTRY: act}
