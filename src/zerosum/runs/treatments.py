"""What the doctor did in a run, attempt by attempt, with samples from before and after each act."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerosum.diagnosis.treatment import ENTRY
from zerosum.runs.attempts import FOLDER
from zerosum.runs.pages import data_of_picture
from zerosum.runs.state import State, read_state
from zerosum.training.journal import read_lines


@dataclass(frozen=True)
class Attempt:
    """A beginning, and what was done after it.

    Attributes:
        number: from 1 up.
        recipe: that was trained.
        samples_seen: in it.
        why: what was changed since the attempt before; empty for the first.
        acts: `samples_seen`, `words`, and `pictures` from before and after, each with `words`, `samples_seen` and
            `src`, a data URI.
    """

    number: int
    recipe: str
    samples_seen: int
    why: str
    acts: list[dict[str, Any]]


def attempts(state: State) -> list[Attempt]:
    """All attempts of a run, the present one last; none where nothing was ever done."""
    changes = [entry["why"] for entry in state.plan.get("revisions", []) if "change" in entry]
    before = [read_state(state.path / FOLDER / str(number + 1)) for number in range(len(changes))]
    states = [*before, state]
    following = [*states[1:], None]
    found = [
        Attempt(place + 1, one.plan["recipe"], one.samples_seen, why, acts(one, after))
        for place, (one, why, after) in enumerate(zip(states, ["", *changes], following, strict=True))
    ]
    return found if any(attempt.acts for attempt in found) else []


def acts(state: State, following: State | None) -> list[dict[str, Any]]:
    """What was done in one attempt; what came after its end is seen at the end of the one that followed."""
    lines = [line for line in read_lines(state.path / "log.jsonl") if ENTRY in line]
    moments = [int(line["samples_seen"]) for line in lines]
    return [
        {
            "samples_seen": moment,
            "words": str(line["note"]).removeprefix("doctor: "),
            "pictures": pictures(line[ENTRY]["act"], moment, until(moment, moments, state), state, following),
        }
        for line, moment in zip(lines, moments, strict=True)
    ]


def until(moment: int, moments: Sequence[int], state: State) -> int:
    """How far what was done at a moment can be seen alone: up to the next one at which something was done."""
    return min((later for later in moments if later > moment), default=state.samples_seen)


def pictures(act: str, moment: int, end: int, state: State, following: State | None) -> list[dict[str, Any]]:
    """Samples before an act and after it, where there are such: of what ended an attempt, those that came instead."""
    before = latest(state.snapshots, moment)
    shown = [picture("before", state.snapshots, before)]
    if act == "begin again":
        if following is not None:
            last = latest(following.snapshots, following.samples_seen)
            shown.append(picture("at the end of the next attempt", following.snapshots, last))
    elif act == "stopped":
        best = None if state.best is None else latest(state.snapshots, state.best)
        shown.append(picture("at the best checkpoint", state.snapshots, best))
    elif (after := latest(state.snapshots, end)) != before:
        shown.append(picture("after", state.snapshots, after))
    return [one for one in shown if one is not None]


def latest(snapshots: Sequence[int] | Mapping[int, Path], moment: int) -> int | None:
    """The last snapshot that is not later than a moment.

    >>> latest([0, 100, 200], 150), latest([], 150)
    (100, None)
    """
    return max((seen for seen in snapshots if seen <= moment), default=None)


def picture(words: str, snapshots: Mapping[int, Path], seen: int | None) -> dict[str, Any] | None:
    """A snapshot for the page; None where there is no whole one."""
    source = None if seen is None else data_of_picture(snapshots[seen])
    return None if source is None else {"words": words, "samples_seen": seen, "src": source}
