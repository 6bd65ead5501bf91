"""From signals to findings: each detector is one statistic of the course, higher the worse, and a threshold.

Detectors see the log and nothing else: no recipe, no option, no name. What a statistic is worth is not guessed: the
thresholds and their scales in `thresholds.json` come from the clinic (`benchmarks/clinic`), from trainings that were
healthy and trainings that were made sick; the last two seeds of every case measure them, the others set them. Those of
outliers are known beforehand, as robust z-scores have a scale of their own, and so is that of waiting for data, which
others have named: `thresholds.json` says so under `source`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from zerosum.diagnosis.course import DROP, LEAP, Column, Course, settled
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.probe import PREFIX

UPDATE = "update/"
GRADIENT = "/grad_norm"
GRACE = 0.1
"""Share of the training in which samples need not be good yet."""
WINDOW = 5
"""Moments over which progress is measured."""
STRETCH = 9
"""Moments over which a player's steps are compared …"""
ENOUGH = 4
"""… and of how many they must be known."""
GROWTH = "control/growth"
"""How far the networks have grown, of those that do."""
LITTLE = 0.02
"""Coverage, or a part that is missing, that counts as none."""
MOST = 0.5
"""Share of samples near real ones from which on it is asked what else there should be."""
HOLD = 3
"""Moments in a row that make a finding of what lasts."""
EVENT = 1
"""The same of what happens and is over."""


@dataclass(frozen=True)
class Detector:
    """Sees one kind of finding.

    Args:
        kind: of the finding.
        statistic: of a course: a value for each moment, higher the worse; NaN where nothing is known.
        evidence: names of the figures that are shown with the finding.
        grace: share of the training in which it keeps silent.
        hold: moments in a row that make a finding; the statistic is the median of as many.
        label: the statistic in a few words or as a formula of signals.
        detail: what was seen, in words, where one of several detectors of a kind has to say more than the kind does.
        grown: whether it keeps silent while a level of growing networks settles.
    """

    kind: str
    statistic: Callable[[Course], Column]
    evidence: tuple[str, ...]
    grace: float = GRACE
    hold: int = HOLD
    label: str = ""
    detail: str = ""
    grown: bool = False

    @property
    def of_samples(self) -> bool:
        """Whether it looks at signals of samples, which every sampler has of its own."""
        return any(name.startswith(PREFIX) for name in self.evidence)

    def awake(self, course: Course) -> NDArray[np.bool_]:
        """At which moments it speaks, `(m,)`."""
        beyond = course.share >= self.grace
        return beyond & ~settling(course) if self.grown else beyond

    def settled(self, course: Course) -> Column:
        """The statistic as it is held against the threshold, `(m,)`."""
        return settled(self.statistic(course), self.hold)


@dataclass(frozen=True)
class Threshold:
    """Where a statistic becomes a finding.

    Attributes:
        at: the value.
        scale: a difference that counts, for the confidence.
    """

    at: float
    scale: float

    def confidence(self, value: float) -> float:
        """In [0, 1]; ½ at the threshold."""
        return float(1 / (1 + np.exp(-np.clip((value - self.at) / self.scale, -50, 50))))


def settling(course: Course) -> NDArray[np.bool_]:
    """Whether a level of the networks is coming in, or came in no longer ago than it took, `(m,)`.

    A new level brings weights that have learned nothing, and the average of the generator knows less of it still: till
    both have settled, what changes and is lost is growth's. That it takes as many samples once more is how the levels
    are trained (Karras 2018, appendix A).
    """
    growth = course[GROWTH]
    coming = np.concatenate([[False], np.diff(growth) > 0]) if len(course) else np.zeros(0, dtype=bool)
    silent = coming.copy()
    for first, end in stretches(coming, 1):
        taken = course.samples_seen[end - 1] - course.samples_seen[first - 1]
        silent[first:] |= course.samples_seen[first:] <= course.samples_seen[end - 1] + taken
    return silent


def collapse(course: Course) -> Column:
    """How much less varied generated samples are than real ones."""
    return 1 - course.signal("diversity")


def uniform(course: Course) -> Column:
    """How much less varied generated samples of one class are than its real ones."""
    return 1 - course.signal("narrowest")


def partial(course: Course) -> Column:
    """Samples are near real ones, but not near all, and not near ever more of them."""
    precision, coverage = course.signal("precision"), course.signal("coverage")
    growth = np.clip(1 - (before(coverage) + LITTLE) / (coverage + LITTLE), 0, 1)
    return np.asarray((precision - coverage) * (1 - growth), dtype=np.float64)


def lost(course: Course) -> Column:
    """Where most samples are near real ones, the real ones that have none anywhere near, unless they grow fewer.

    What a leap of the critic has cost is found again within a few moments; so it is held against the worst of these.
    """
    missing, near = course.signal("missing"), course.signal("precision") >= MOST
    found = np.clip(1 - (missing + LITTLE) / (worst_lately(missing) + LITTLE), 0, 1)
    return np.asarray(missing * near * (1 - found), dtype=np.float64)


def worst_lately(values: Column) -> Column:
    """The largest of the latest `WINDOW` values at each moment, itself included; NaN where none is known."""
    windows = [values[max(0, end - WINDOW) : end] for end in range(1, len(values) + 1)]
    return np.array([np.fmax.reduce(window) for window in windows], dtype=np.float64)


def rarest(course: Course) -> Column:
    """A class is hardly made, though samples are near real ones and come no nearer."""
    return (1 - course.signal("rarest")) * course.signal("precision") * (1 - nearer(course))


def far(course: Course) -> Column:
    """How far samples and data are from each other: 0, one distribution; 1, as far as the data are wide."""
    return np.sqrt(np.clip(course.signal("distance"), 0, 1))


def nearer(course: Course) -> Column:
    """By which share samples came nearer to the data over the latest `WINDOW` moments, in [0, 1]."""
    distance = np.maximum(course.signal("distance"), 1e-6)
    return np.clip(1 - distance / before(distance), 0, 1)


def before(values: Column) -> Column:
    """What they were `WINDOW` moments ago, or at the first moment; where that is unknown, what they are."""
    earlier = np.concatenate([values[:1].repeat(min(WINDOW, len(values))), values[:-WINDOW]])
    return np.where(np.isnan(earlier), values, earlier)


def strong(course: Course) -> Column:
    """The critic tells all apart, and samples are far away and come no nearer."""
    return np.clip(2 * course.signal("auc") - 1, 0, 1) * far(course) * (1 - nearer(course))


def blind(course: Course) -> Column:
    """The critic tells nothing apart, and samples are far away."""
    return np.clip(2 - 2 * course.signal("auc"), 0, 1) * far(course)


def vanishing(course: Course) -> Column:
    """Orders of magnitude that the generator's gradient is below 1."""
    return -np.log10(np.maximum(course["G/grad_norm"], 1e-30))


def diverging(course: Course) -> Column:
    """Orders of magnitude of scores."""
    sizes = np.maximum(np.abs(course.signal("score_real")), np.abs(course.signal("score_fake")))
    return np.log10(np.maximum(sizes, 1e-30))


def exploding(course: Course) -> Column:
    """Orders of magnitude that a player's gradient is longer than it typically was."""
    players = [course[name] for name in course.columns if name.endswith(GRADIENT)]
    return np.max([beyond_usual(norms) for norms in players], axis=0) if players else course[GRADIENT]


def beyond_usual(norms: Column) -> Column:
    """Orders of magnitude over the median of the earlier half of all until then, in which it had not exploded yet."""
    usual = settled(norms, len(norms))[np.arange(len(norms)) // 2]
    return np.log10(np.maximum(norms, 1e-30)) - np.log10(np.maximum(usual, 1e-30))


def oscillating(course: Course) -> Column:
    """Samples of the same latents go round, and many real ones have none near them."""
    return course.signal("drift") * (1 - course.signal("coverage"))


def relapse(course: Course) -> Column:
    """How much nearer to the data samples have been before; of growing networks, since the latest level has settled."""
    distance, growing = far(course), settling(course)
    nearest = settled(distance)
    for first, end in stretches(~growing, 1, bridged=0):
        nearest[first:end] = np.fmin.accumulate(nearest[first:end])
    return np.asarray(distance - nearest, dtype=np.float64)


def unsteady(course: Course, player: str = "G") -> Column:
    """How much a player's steps leap, in orders of magnitude, from look to look, while samples are far away.

    An optimizer that normalises gradients makes steps as long as its rate has it, while what it follows changes slowly.
    Steps that leap say that it does not: the generator is sent now here, now there by the critic's slope, or the critic
    leaps over what it is to learn. At the data there is nothing left to follow, and steps leap by chance.
    """
    step, rate = course[f"{UPDATE}{player}"], course[f"learning_rate/{player}"]
    orders = np.log10(np.maximum(step, 1e-30)) - np.log10(np.maximum(rate, 1e-30))
    leaping = np.array([off_line(orders[max(0, end - STRETCH) : end]) for end in range(1, len(orders) + 1)])
    return np.asarray(leaping * far(course), dtype=np.float64)


def off_line(values: Column) -> float:
    """Standard deviation of values from the straight line through them; NaN where too few are known.

    >>> round(off_line(np.array([0.0, 1.0, 2.0, 3.0])), 6), round(off_line(np.array([0.0, 1.0, 0.0, 1.0])), 2)
    (0.0, 0.45)
    """
    places = np.flatnonzero(np.isfinite(values))
    if len(places) < ENOUGH:
        return float("nan")
    known = values[places]
    return float(np.std(known - np.polyval(np.polyfit(places, known, 1), places)))


def memorising(course: Course) -> Column:
    """Samples are copies of training samples."""
    return course.signal("memorised")


def stagnation(course: Course) -> Column:
    """Orders of magnitude that a player moves less than its learning rate would have it."""
    players = [name.removeprefix(UPDATE) for name in course.columns if name.startswith(UPDATE)]
    return np.max([still(course, name) for name in players], axis=0) if players else course[UPDATE]


def still(course: Course, player: str) -> Column:
    """The same for one player."""
    rate = np.maximum(course[f"learning_rate/{player}"], 1e-12)
    return -np.log10(np.maximum(course[UPDATE + player], 1e-30) / rate)


DETECTORS: Mapping[str, Detector] = {
    "collapse": Detector("collapse", collapse, ("signal/diversity",), label="1 − diversity"),
    "uniform": Detector(
        "collapse", uniform, ("signal/narrowest", "signal/narrowest_class"), label="1 − diversity within a class"
    ),
    "partial": Detector(
        "partial",
        partial,
        ("signal/precision", "signal/coverage"),
        label="(precision − coverage) × (1 − growth)",
        grown=True,
    ),
    "lost": Detector(
        "partial",
        lost,
        ("signal/missing", "signal/precision"),
        label="missing × (1 − growth), where precision ≥ ½",
        detail="some real samples have none anywhere near",
        grown=True,
    ),
    "rarest": Detector(
        "partial",
        rarest,
        ("signal/rarest", "signal/rarest_class", "signal/precision"),
        label="(1 − rarest) × precision × (1 − progress)",
        grown=True,
    ),
    "strong": Detector(
        "strong",
        strong,
        ("signal/auc", "signal/distance"),
        label="(2 auc − 1) × √distance × (1 − progress)",
        grown=True,
    ),
    "blind": Detector("blind", blind, ("signal/auc", "signal/distance"), label="(2 − 2 auc) × √distance", grown=True),
    "vanishing": Detector("vanishing", vanishing, ("G/grad_norm",), grace=0.02, label="−log10 of G’s gradient norm"),
    "diverging": Detector(
        "diverging", diverging, ("signal/score_real", "signal/score_fake"), grace=0, label="log10 of the larger score"
    ),
    "exploding": Detector(
        "diverging",
        exploding,
        ("D/grad_norm", "G/grad_norm"),
        label="log10 of a gradient's norm over its earlier median",
        detail="a gradient is far longer than it used to be",
    ),
    "oscillating": Detector(
        "oscillating", oscillating, ("signal/drift", "signal/coverage"), label="drift × (1 − coverage)", grown=True
    ),
    "relapse": Detector(
        "oscillating",
        relapse,
        ("signal/distance",),
        label="√distance over its smallest so far, at the same level of growth",
        detail="samples have been nearer to the data before",
        grown=True,
    ),
    "unsteady": Detector(
        "oscillating",
        unsteady,
        ("update/G", "learning_rate/G", "signal/distance"),
        label="log10 by which G’s steps leave their course × √distance",
        detail="the generator’s steps leap from look to look",
        grown=True,
    ),
    "unsteady critic": Detector(
        "oscillating",
        lambda course: unsteady(course, "D"),
        ("update/D", "learning_rate/D", "signal/distance"),
        label="log10 by which D’s steps leave their course × √distance",
        detail="the critic’s steps leap from look to look",
        grown=True,
    ),
    "stagnation": Detector(
        "stagnation", stagnation, ("update/G", "update/D"), grace=0, label="log10 of learning rate over step"
    ),
    "overfitting": Detector(
        "overfitting", lambda course: course.signal("auc_held_out"), ("signal/auc_held_out",), label="auc held out"
    ),
    "memorising": Detector("memorising", memorising, ("signal/memorised",), label="memorised"),
    "dead": Detector("dead", lambda course: course.signal("dead"), ("signal/dead",), grace=0, label="dead"),
    "starved": Detector(
        "starved", lambda course: course["waiting"], ("waiting", "samples_per_second"), grace=0.02, label="waiting"
    ),
    "range": Detector("range", lambda course: course.signal("outside"), ("signal/outside",), grace=0, label="outside"),
    "outlier": Detector(
        "outlier", lambda course: course[LEAP + "D"], (LEAP + "D",), hold=EVENT, label="leap of D’s loss, in σ"
    ),
    "drop": Detector(
        "outlier", lambda course: course[DROP + "G"], (DROP + "G",), hold=EVENT, label="drop of G’s loss, in σ"
    ),
}
"""By name; several may see the same kind."""


@cache
def thresholds() -> Mapping[str, Threshold]:
    """As calibrated, by detector."""
    text = resources.files("zerosum.diagnosis").joinpath("thresholds.json").read_text()
    return {name: Threshold(entry["at"], entry["scale"]) for name, entry in json.loads(text)["thresholds"].items()}


def find(course: Course, detectors: Mapping[str, Detector] = DETECTORS) -> list[Finding]:
    """All findings in a course, the earliest first."""
    found = [finding for name in detectors for finding in seen_by(name, detectors[name], course)]
    for sampler in course.others:
        there = course.of(sampler)
        looking = {name: one for name, one in detectors.items() if one.of_samples}
        found += [of(sampler, finding) for name, one in looking.items() for finding in seen_by(name, one, there)]
    return sorted(found, key=lambda finding: (finding.began or 0, -finding.confidence))


def of(sampler: str, finding: Finding) -> Finding:
    """A finding in another sampler's signals, the evidence by their names in the log."""
    own = {
        f"{PREFIX}{sampler}/{name.removeprefix(PREFIX)}" if name.startswith(PREFIX) else name: value
        for name, value in finding.evidence.items()
    }
    return replace(finding, evidence=own, sampler=sampler)


def seen_by(name: str, detector: Detector, course: Course) -> list[Finding]:
    """What one detector sees: a finding for each stretch in which its statistic is beyond its threshold."""
    threshold, values = thresholds()[name], detector.settled(course)
    beyond = (values > threshold.at) & detector.awake(course)
    return [finding_of(name, detector, course, values, *stretch) for stretch in stretches(beyond, detector.hold)]


def stretches(beyond: NDArray[np.bool_], least: int, bridged: int = 1) -> list[tuple[int, int]]:
    """First place and end of each run of at least `least` true values; a gap of `bridged` does not end it.

    >>> stretches(np.array([0, 1, 1, 0, 1, 0, 0, 1], dtype=bool), 2)
    [(1, 5)]
    """
    found: list[tuple[int, int]] = []
    for place in np.flatnonzero(beyond).tolist():
        if found and place - found[-1][1] <= bridged:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return [(first, end) for first, end in found if int(beyond[first:end].sum()) >= least]


def finding_of(name: str, detector: Detector, course: Course, values: Column, first: int, end: int) -> Finding:
    """A stretch as a finding: the evidence is that of its worst moment."""
    threshold = thresholds()[name]
    worst = first + int(np.nanargmax(values[first:end]))
    figures = {figure: float(course[figure][worst]) for figure in detector.evidence}
    evidence = {figure: value for figure, value in figures.items() if np.isfinite(value)}
    over = end < len(course)
    return Finding(
        kind=detector.kind,
        evidence=evidence | {"statistic": float(values[worst]), "threshold": threshold.at},
        began=int(course.samples_seen[first]),
        ended=int(course.samples_seen[end]) if over else None,
        confidence=threshold.confidence(float(values[worst])),
        detector=name,
        detail=detector.detail,
        worst=int(course.samples_seen[worst]),
    )


def shows(finding: Finding, course: Course) -> bool:
    """Whether the last look by itself shows what was found, or does not know: what is settled trails behind."""
    detector = DETECTORS.get(finding.detector)
    if detector is None or not len(course):
        return True
    return not detector.statistic(course.of(finding.sampler))[-1] <= thresholds()[finding.detector].at


def present(findings: Sequence[Finding]) -> list[Finding]:
    """Those that are not over."""
    return [finding for finding in findings if finding.ended is None]
