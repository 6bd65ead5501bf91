"""Statistics of a course: what detectors hold against their thresholds, a value a moment, higher the worse.

They see the log and nothing else: no recipe, no option, no name. NaN stands where nothing is known.
"""

import numpy as np
from numpy.typing import NDArray

from zerosum.diagnosis.course import Column, Course, settled, stretches

UPDATE = "update/"
GRADIENT = "/grad_norm"
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
