"""Runs side by side: figures that may be compared, curves over each other, pictures, and the options that differ."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from zerosum.errors import UserError, nearest
from zerosum.metrics.records import Record, read_text, why_not_comparable
from zerosum.runs import evaluations
from zerosum.runs.commands import options, short
from zerosum.runs.curves import Chart, grouped, is_curve, is_setting, thin
from zerosum.runs.directory import Line, find_run
from zerosum.runs.figures import aligned, figure, interval
from zerosum.runs.pages import data_of_picture, fill, write_page
from zerosum.runs.state import State, read_state

POINTS = 400
"""Moments at which curves are read off."""


@dataclass(frozen=True)
class Subject:
    """What is compared.

    Attributes:
        name: as the page calls it.
        records: the latest of each metric.
        state: of a run; None for a file of records.
    """

    name: str
    records: tuple[Record, ...]
    state: State | None = None

    def record(self, metric: str) -> Record | None:
        """The record of a metric."""
        return next((record for record in self.records if record.metric == metric), None)


@dataclass(frozen=True)
class Comparison:
    """Subjects, and the metrics that may be compared.

    Attributes:
        subjects: two or more.
        metrics: full names.
    """

    subjects: tuple[Subject, ...]
    metrics: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Of the subjects."""
        return [subject.name for subject in self.subjects]

    @property
    def runs(self) -> list[State]:
        """Those subjects that are runs."""
        return [subject.state for subject in self.subjects if subject.state is not None]

    @property
    def unmeasured(self) -> list[str]:
        """Names of subjects that have no records."""
        return [subject.name for subject in self.subjects if not subject.records]

    def rows(self) -> list[tuple[str, list[Record | None]]]:
        """Metric and its record in each subject."""
        return [(metric, [subject.record(metric) for subject in self.subjects]) for metric in self.metrics]

    def best(self, metric: str) -> int | None:
        """Which subject is better than all others beyond doubt: its interval meets none of theirs."""
        found = {place: record for place, s in enumerate(self.subjects) if (record := s.record(metric)) is not None}
        return next((place for place in found if len(found) > 1 and is_best(place, found)), None)

    def table(self) -> RenderableType:
        """For a terminal."""
        rows = [(f"{metric} {arrow(records)}", *map(cell, records)) for metric, records in self.rows()]
        marked = {
            (number, place + 1) for number, m in enumerate(self.metrics, 1) if (place := self.best(m)) is not None
        }
        told = [f"{', '.join(self.unmeasured)}: not evaluated yet (zerosum evaluate RUN)."] if self.unmeasured else []
        figures = [aligned([("metric", *self.names), *rows], frozenset(marked))] if rows else []
        changed = [(name, *map(short, values)) for name, values in self.options().items()]
        differing = ["", aligned([("option", *self.names), *changed])] if changed else []
        return Group(*figures, *map(Text, told), *differing)

    def options(self) -> dict[str, list[Any]]:
        """Options in which runs differ: name -> value in each subject."""
        plans = [{} if s.state is None else plain_options(s.state) for s in self.subjects]
        names = dict.fromkeys(name for plan in plans for name in plan)
        values = {name: [plan.get(name) for plan in plans] for name in names}
        there = [place for place, subject in enumerate(self.subjects) if subject.state is not None]
        return {name: of for name, of in values.items() if len({json.dumps(of[place]) for place in there}) > 1}

    def curves(self) -> dict[str, Any]:
        """All figures of the logs, a chart each with a curve a run."""
        logs = {s.name: s.state.log for s in self.subjects if s.state is not None}
        moments, found = charts(logs)
        return {"x": moments, "charts": [asdict(chart) for chart in found]}

    def pictures(self) -> list[dict[str, Any]]:
        """The latest grid of every run, and real samples of the first that has some."""
        shown = [
            {"name": subject.name, "seen": seen, "src": source}
            for subject in self.subjects
            if subject.state is not None
            for seen, path in list(subject.state.snapshots.items())[-1:]
            if (source := data_of_picture(path))
        ]
        real = [source for state in self.runs if state.real and (source := data_of_picture(state.real))]
        return [*shown, *({"name": "real", "seen": None, "src": source} for source in real[:1])]

    def render(self) -> str:
        """The page as text."""
        return fill(
            "compare.html",
            comparison=self,
            pictures=self.pictures(),
            curves=self.curves(),
            options=self.options(),
            arrow=arrow,
            figure=figure,
            interval=interval,
        )

    def write(self, path: Path) -> Path:
        """Write the page.

        Raises:
            UserError: it cannot be written.
        """
        return write_page(path, self.render())


def comparison(subjects: Sequence[str | Path], metrics: Sequence[str] | None = None) -> Comparison:
    """Read runs and files of records that are to be compared.

    Args:
        subjects: runs by name or path, `.json` files of records.
        metrics: only these, in full (`fd[classifier]`) or plain (`fd`); None: all there are.

    Raises:
        UserError: fewer than two, one cannot be read, or records that are not comparable.
    """
    if len(subjects) < 2:
        raise UserError("Two or more are needed to compare: zerosum compare A B, each a run or a .json of records.")
    found = named_apart([read_subject(subject) for subject in subjects], subjects)
    there = tuple(dict.fromkeys(record.metric for subject in found for record in subject.records))
    chosen = there if metrics is None else only(metrics, there)
    reasons = {metric: why for metric in chosen if (why := incomparable(metric, found)) is not None}
    if reasons:
        shared = [metric for metric in there if sum(s.record(metric) is not None for s in found) > 1]
        rest = [metric for metric in shared if incomparable(metric, found) is None]
        hint = f"restrict the comparison: --metrics {','.join(rest)}" if rest else "nothing else is left to compare"
        raise UserError(f"{next(iter(reasons.values()))}. Evaluate them alike, or {hint}.")
    return Comparison(tuple(found), chosen)


def read_subject(given: str | Path) -> Subject:
    """A run, or a file of records.

    Raises:
        UserError: it is neither, or cannot be read.
    """
    path = Path(given)
    if path.suffix == ".json" and path.name != "plan.json":
        try:
            found = read_text(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        return Subject(path.stem, tuple(evaluations.latest(found)))
    state = read_state(find_run(given))
    return Subject(state.name, tuple(evaluations.latest(state.records)), state)


def named_apart(subjects: list[Subject], given: Sequence[str | Path]) -> list[Subject]:
    """The same with names that differ: where two are called alike, as they were given.

    Raises:
        UserError: one was given twice.
    """
    names = [subject.name for subject in subjects]
    apart = [str(g) if names.count(name) > 1 else name for name, g in zip(names, given, strict=True)]
    if len({*apart}) < len(apart):
        raise UserError(f"The same is given twice: {', '.join(map(str, given))}.")
    return [Subject(name, s.records, s.state) for name, s in zip(apart, subjects, strict=True)]


def only(names: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    """The metrics that are meant by full or plain names.

    Raises:
        UserError: none of the records has one of them.
    """
    for name in names:
        if name not in there and name not in map(plain, there):
            known = ", ".join(there) or "none"
            raise UserError(f"None of them has a record of {name!r}.{nearest(name, there)} Recorded: {known}.")
    return tuple(metric for metric in there if metric in names or plain(metric) in names)


def plain(metric: str) -> str:
    """A metric's name without its features.

    >>> plain("fd[classifier]"), plain("modes")
    ('fd', 'modes')
    """
    return metric.partition("[")[0]


def incomparable(metric: str, subjects: Sequence[Subject]) -> str | None:
    """Why figures of a metric must not be compared, naming the first two that differ."""
    found = [(subject.name, record) for subject in subjects if (record := subject.record(metric)) is not None]
    for (a, of_a), (b, of_b) in combinations(found, 2):
        if (why := why_not_comparable(of_a, of_b)) is not None:
            return f"{metric} of {a} and of {b} cannot be compared: {why}"
    return None


def is_best(place: int, found: dict[int, Record]) -> bool:
    """Whether the interval of one record lies on the better side of all others."""
    mine = found[place]
    return all(is_better(mine, other) for rival, other in found.items() if rival != place)


def is_better(a: Record, b: Record) -> bool:
    """Whether a is better than b beyond both intervals."""
    if a.interval is None or b.interval is None:
        return False
    bounds = (a.interval.low, a.interval.high, b.interval.low, b.interval.high)
    if any(bound is None for bound in bounds):
        return False
    low_a, high_a, low_b, high_b = (bound for bound in bounds if bound is not None)
    return {"lower": high_a < low_b, "higher": low_a > high_b}.get(a.better, False)


def arrow(records: Sequence[Record | None]) -> str:
    """Which way is better."""
    return next((record.arrow for record in records if record is not None), "")


def cell(record: Record | None) -> str:
    """Value and interval on a terminal."""
    if record is None:
        return "–"
    return figure(record.value) + (f" ({interval(record)})" if record.interval else "")


def plain_options(state: State) -> dict[str, Any]:
    """Recipe, data and every option of a run."""
    return {"recipe": state.plan["recipe"], "data": state.plan["data"]["name"], **options(state.plan)}


def charts(logs: dict[str, list[Line]]) -> tuple[list[float], list[Chart]]:
    """Moments, and for every key of the logs a chart that has a curve for each run, read off at these moments."""
    lines = {name: thin(log) for name, log in logs.items()}
    seen = [line["samples_seen"] or 0.0 for log in lines.values() for line in log]
    moments = evenly_between(min(seen), max(seen)) if seen else []
    keys = dict.fromkeys(key for log in lines.values() for line in log for key in line if is_curve(key))
    having = {key: {name: [line for line in log if key in line] for name, log in lines.items()} for key in keys}
    values = {key: {name: [line[key] for line in log] for name, log in of.items()} for key, of in having.items()}
    shown = [key for key in keys if not is_setting(key) or len({v for of in values[key].values() for v in of}) > 1]
    found = [
        Chart(
            title if title == label else f"{title}: {label}",
            "",
            {name: read_off(axis(having[key][name]), values[key][name], moments) for name in lines},
        )
        for title, _, group in grouped(shown)
        for key, label in group.items()
    ]
    return moments, found


def axis(lines: Sequence[Line]) -> list[float]:
    """When lines were written, as samples seen."""
    return [line["samples_seen"] or 0.0 for line in lines]


def evenly_between(first: float, last: float) -> list[float]:
    """`POINTS` numbers at even distances, or the only one there is."""
    if last <= first:
        return [first]
    return [first + (last - first) * place / (POINTS - 1) for place in range(POINTS)]


def read_off(xs: Sequence[float], values: Sequence[float | None], moments: Sequence[float]) -> list[float | None]:
    """A curve at other moments, along straight lines; None beyond its ends and beside gaps.

    >>> read_off([0.0, 10.0], [1.0, 3.0], [0.0, 5.0, 10.0, 11.0])
    [1.0, 2.0, 3.0, None]
    """
    found: list[float | None] = []
    place = 0
    for moment in moments:
        while place + 1 < len(xs) and xs[place + 1] < moment:
            place += 1
        found.append(_between(xs[place : place + 2], values[place : place + 2], moment))
    return found


def _between(xs: Sequence[float], values: Sequence[float | None], moment: float) -> float | None:
    for x, value in zip(xs, values, strict=True):
        if x == moment:
            return value
    if len(xs) < 2 or not xs[0] < moment < xs[1] or values[0] is None or values[1] is None:
        return None
    share = (moment - xs[0]) / (xs[1] - xs[0])
    return values[0] + share * (values[1] - values[0])
