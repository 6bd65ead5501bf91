"""The figures of a log, grouped into charts a person can read at a glance.

A key with a slash is `phase/term`: a loss term of a phase, or the gradient norm of its players. `control/…` and the
learning rate are settings, shown only where they change. `metric/…` was measured on samples and `signal/…` probed by
the doctor, more rarely than the rest is logged, so that these charts have horizontal axes of their own. `finding/…` is
no curve: what was found has a time line. Other keys are what observers watch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from zerosum.diagnosis.doctor import PREFIX as FINDING
from zerosum.diagnosis.probe import PREFIX as SIGNAL
from zerosum.diagnosis.shares import PREFIX as SHARE
from zerosum.diagnosis.slopes import PREFIX as SLOPE
from zerosum.diagnosis.slopes import WANTED
from zerosum.diagnosis.statistics import UPDATE
from zerosum.metrics.observer import PREFIX, SECONDS
from zerosum.runs.directory import Line

POINTS = 1_000
"""At most so many points of a curve stand in the page; more than a screen has pixels serve nobody."""

WHICH = "_class"
"""How names in the log end that say which class, not how much."""
NOT_CURVES = {"samples_seen", "seconds", SECONDS}
BELIEFS = {"d_real": "D(x)", "d_fake": "D(G(z))"}
BESIDES = {"waiting": "waiting for data", "communication": "communication"}
"""What a round's time goes into beside computing, as the log and the reader call it."""
NOTES = {
    -1: "Measured on samples of the averaged generator.",
    0: "What each player lowers against the other.",
    1: "Its mean output on real and on generated samples; they meet when it cannot tell.",
    2: "Penalties and further losses, as they enter the sum.",
    3: "Over all parameters of the players that move.",
    5: "A setting that changed during the training.",
    6: "Real samples a second, all processes together.",
    8: "Getting batches, and exchanges with other processes, as shares of the rounds' time.",
    7: "The length of a step over that of the weights.",
    9: "Norm of each term's gradient, as a share of the sum over the player's terms.",
    10: "Of 256 samples of the live generator, in a cheap feature space, against as many training samples.",
    11: "Mean score of training samples and of generated ones.",
    12: "AUC against generated and against held-out samples: ½, it cannot tell. r_t: mean sign of its training scores.",
    13: "Over the typical distance of two real samples: to the real ones, and of the live generator to its average.",
    14: "Shares that should stay low.",
    15: "",
    16: "Root mean square of what the length of its gradient differs by from what each penalty wants.",
}
PROBED = {
    **dict.fromkeys(
        ("diversity", "precision", "coverage", "missing", "rarest", "narrowest", "repeats"),
        (10, "Variety and closeness"),
    ),
    **dict.fromkeys(("score_real", "score_fake", "spread_real", "spread_fake"), (11, "Scores")),
    **dict.fromkeys(("auc", "auc_held_out", "r_t", "sign_fake"), (12, "What the critic tells apart")),
    **dict.fromkeys(("drift", "distance"), (13, "Distances")),
    **dict.fromkeys(("memorised", "dead", "outside"), (14, "Copies, dead units, values out of range")),
}
"""Place and title of a signal's chart; others have one of their own."""


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
    lines, measured, probed = (thin(part) for part in apart(log))
    seen, own, looks = ([line.get("samples_seen") for line in part] for part in (lines, measured, probed))
    metrics = [replace(chart, x=own, marked=best) for chart in drawn(measured)]
    return seen, [*metrics, *drawn(lines), *(replace(chart, x=looks) for chart in drawn(probed))]


def drawn(lines: Sequence[Line]) -> list[Chart]:
    """A chart for every group of keys."""
    columns = {key: [line.get(key) for line in lines] for line in lines for key in line if is_curve(key)}
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
    if key.startswith(SIGNAL):
        name = key.removeprefix(SIGNAL)
        if name.startswith(SHARE):
            _, player, term = name.split("/", 2)
            return 9, f"Gradient of {player} by term", term.replace("_", " ")
        if name.startswith(SLOPE):
            term = name.removeprefix(SLOPE)
            target = f" (target {WANTED[term]:g})" if term in WANTED else ""
            return 16, "Slope of the critic, off its target", term.replace("_", " ") + target
        sampler, _, name = name.rpartition("/")
        if sampler:
            place, title = PROBED.get(name, (15, name.replace("_", " ")))
            return place, f"{title}, {sampler}", name.replace("_", " ")
        return *PROBED.get(name, (15, name.replace("_", " "))), name.replace("_", " ")
    if key.startswith(UPDATE):
        return 7, "Updates", key.removeprefix(UPDATE)
    if key == "samples_per_second":
        return 6, "Speed", "samples/s"
    if key in BESIDES:
        return 8, "Not spent on computing", BESIDES[key]
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


def apart(log: Sequence[Line]) -> tuple[list[Line], list[Line], list[Line]]:
    """The figures of the training, what was measured on samples, and what was probed; empty lines are left out.

    >>> apart([{"samples_seen": 8.0, "d_real": 0.5}, {"samples_seen": 9.0, "d_real": 0.6, "metric/hq": 0.9}])[1]
    [{'samples_seen': 9.0, 'metric/hq': 0.9}]
    """
    measured, probed = (only(log, kind) for kind in (is_measured, is_probed))
    others = only(log, lambda key: not is_measured(key) and not is_probed(key))
    plain = [line for line, whole in zip(others, log, strict=True) if len(line) > 1 or len(whole) == 1]
    return plain, [line for line in measured if len(line) > 1], [line for line in probed if len(line) > 1]


def only(log: Sequence[Line], kind: Callable[[str], bool]) -> list[Line]:
    """The lines of a log with the figures of a kind, and when they were."""
    return [{key: value for key, value in line.items() if key == "samples_seen" or kind(key)} for line in log]


def is_measured(key: str) -> bool:
    """Whether a key of the log was measured on samples."""
    return key.startswith(PREFIX) or key == SECONDS


def is_probed(key: str) -> bool:
    """Whether a key of the log is the doctor's."""
    return key.startswith((SIGNAL, FINDING))


def is_curve(key: str) -> bool:
    """Whether a key of the log is drawn over the samples seen."""
    return key not in NOT_CURVES and not key.startswith(FINDING) and not key.endswith(WHICH)


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
