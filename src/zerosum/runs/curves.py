"""The figures of a log, grouped into charts a person can read at a glance.

A key with a slash is `phase/term`: a loss term of a phase, or the gradient norm of its players. `control/…` and the
learning rate are settings, shown only where they change. `metric/…` was measured on samples, more rarely than the rest
is logged, so that these charts have a horizontal axis of their own. Other keys are what observers watch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zerosum.metrics.observer import PREFIX, SECONDS
from zerosum.runs.directory import Line

POINTS = 1_000
"""At most so many points of a curve stand in the page; more than a screen has pixels serve nobody."""

NOT_CURVES = {"samples_seen", "seconds", SECONDS}
BELIEFS = {"d_real": "D(x)", "d_fake": "D(G(z))"}
NOTES = {
    -1: "Measured on samples of the averaged generator.",
    0: "What each player lowers against the other.",
    1: "Its mean output on real and on generated samples; they meet when it cannot tell.",
    2: "Penalties and further losses, as they enter the sum.",
    3: "Over all parameters of the players that move.",
    5: "A setting that changed during the training.",
    6: "Real samples a second, all processes together.",
}


@dataclass(frozen=True)
class Chart:
    """Curves that share their axes.

    Attributes:
        title: what is shown.
        note: how to read it.
        curves: label -> values, one for each point of the horizontal axis; None leaves a gap.
        x: its own horizontal axis; None: that of all.
        marked: a moment that stands out, as samples seen.
    """

    title: str
    note: str
    curves: dict[str, list[float | None]]
    x: list[float | None] | None = None
    marked: int | None = None


def charts(log: Sequence[Line], best: int | None = None) -> tuple[list[float | None], list[Chart]]:
    """The horizontal axis (samples seen) and all charts of a log, in the order of reading.

    Args:
        log: its lines.
        best: samples seen by the best checkpoint; marked where metrics are shown.
    """
    lines, measured = (thin(part) for part in apart(log))
    seen, own = ([line.get("samples_seen") for line in part] for part in (lines, measured))
    return seen, [*(replace(chart, x=own, marked=best) for chart in drawn(measured)), *drawn(lines)]


def drawn(lines: Sequence[Line]) -> list[Chart]:
    """A chart for every group of keys."""
    columns = {key: [line.get(key) for line in lines] for line in lines for key in line if key not in NOT_CURVES}
    shown = [key for key, values in columns.items() if not is_setting(key) or len(set(values)) > 1]
    return [
        Chart(title, note, {label: columns[key] for key, label in group.items()})
        for title, note, group in grouped(shown)
    ]


def grouped(keys: Iterable[str]) -> list[tuple[str, str, dict[str, str]]]:
    """Charts as (title, note, key -> label); every key is in exactly one."""
    groups: dict[tuple[int, str], dict[str, str]] = {}
    for key in keys:
        place, title, label = placed(key)
        groups.setdefault((place, title), {})[key] = label
    return [
        (title, NOTES.get(place, ""), group) for (place, title), group in sorted(groups.items(), key=lambda g: g[0])
    ]


def placed(key: str) -> tuple[int, str, str]:
    """Place of a key's chart on the page, title of the chart, label of the curve.

    >>> placed("D/adversarial"), placed("D_r1/r1")
    ((0, 'Adversarial losses', 'D/adversarial'), (2, 'Other terms of D', 'D_r1/r1'))
    """
    phase, _, term = key.rpartition("/")
    if key.startswith(PREFIX):
        return -1, key.removeprefix(PREFIX), key.removeprefix(PREFIX)
    if key == "samples_per_second":
        return 6, "Speed", "samples/s"
    if is_setting(key):
        return 5, key.removeprefix("control/"), key.removeprefix("control/")
    if key[:6] in BELIEFS:
        return 1, "Belief of the critic", BELIEFS[key[:6]] + key[6:].replace("_", " ")
    if not phase:
        return 4, key, key
    if term.startswith("grad_norm"):
        return 3, "Gradient norms", phase
    if term == "adversarial":
        return 0, "Adversarial losses", key
    return 2, f"Other terms of {phase.split('_')[0]}", key


def apart(log: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The figures of the training, and what was measured on samples; lines that have nothing of it are left out.

    >>> apart([{"samples_seen": 8.0, "d_real": 0.5}, {"samples_seen": 9.0, "d_real": 0.6, "metric/hq": 0.9}])[1]
    [{'samples_seen': 9.0, 'metric/hq': 0.9}]
    """
    measured = [{key: line[key] for key in line if key == "samples_seen" or is_measured(key)} for line in log]
    others = [{key: value for key, value in line.items() if not is_measured(key)} for line in log]
    plain = [line for line, beside in zip(others, measured, strict=True) if len(line) > 1 or len(beside) == 1]
    return plain, [line for line in measured if len(line) > 1]


def is_measured(key: str) -> bool:
    """Whether a key of the log was measured on samples."""
    return key.startswith(PREFIX) or key == SECONDS


def is_setting(key: str) -> bool:
    """Whether a key of the log is something that was set, not something that was found."""
    return key.startswith(("learning_rate/", "control/"))


def thin(log: Sequence[Line], points: int = POINTS) -> list[Line]:
    """At most about `points` lines, each the mean of its neighbours; the last line always ends the curve.

    >>> thin([{"samples_seen": 1.0, "a": 1.0}, {"samples_seen": 2.0, "a": 3.0}], points=1)
    [{'samples_seen': 2.0, 'a': 2.0}]
    """
    width = -(-len(log) // points) or 1
    return [_mean(log[start : start + width]) for start in range(0, len(log), width)]


def _mean(lines: Sequence[Line]) -> Line:
    if len(lines) == 1:
        return lines[0]
    keys = dict.fromkeys(key for line in lines for key in line)
    mean: Line = {key: _mean_value([line[key] for line in lines if key in line]) for key in keys}
    return mean | {"samples_seen": lines[-1]["samples_seen"]}


def _mean_value(values: Sequence[float | None]) -> float | None:
    """None where any is missing: a NaN must stay visible as a gap."""
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if len(numbers) == len(values) else None
