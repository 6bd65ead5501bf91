"""`progan` on digits, grown from 4 to 32 pixels: its fades; and against full size at once.

On the way, the Fréchet distance of the averaged generator at full size. Where a fade ends it must be no larger than
where it began, and inside a fade hardly larger (`largest_rise`); how much the distance rises from one look to the
next when nothing fades any more (`jitter`) stands beside. The other training has its full size at once and as many
seconds of rounds.
"""

from collections.abc import Sequence
from itertools import pairwise

from PIL import Image

import curves
from curves import Point
from records import RESULTS, Case, Measured, Target, run
from trainings import length_for, training
from zerosum.schedules import Growth

BENCHMARK = "growing"
LENGTH, GROW, LEVELS = 60_000, 30_000, 3
TRIAL_LENGTH = 640
LOOKS, LOOKED_AT = 60, 1_000
METRIC = "metric/fd[classifier]"


def measure(seed: int, trial: bool) -> Measured:
    """Grow, then train at full size for as long."""
    length = TRIAL_LENGTH if trial else LENGTH
    grow = length * GROW // LENGTH
    grown, seconds, _ = trained(seed, length, grow, trial)
    whole = LENGTH if trial else length_for(seconds, "progan", data="digits", grow_samples=1, evaluate="off")
    full, seconds_full, picture = trained(seed, TRIAL_LENGTH if trial else whole, 1, trial)
    if not trial:
        curves.write(curves.path_of(RESULTS / BENCHMARK, "digits", seed), {"grown": grown, "full size": full})
    rises = [rise for begin, end in fades(grow) if (rise := rise_within(grown, begin, end)) is not None]
    figures = {"fades": float(len(rises)), "largest_rise": max(rises, default=1.0)}
    figures["after_fade"] = max((at(grown, end) / at(grown, begin) for begin, end in fades(grow)), default=1.0)
    settled = [point.value for point in grown if point.strength > grow]
    figures["jitter"] = max((after / before for before, after in pairwise(settled)), default=1.0)
    figures |= {"fd_grown": grown[-1].value, "fd_full": full[-1].value}
    figures |= {"ratio": grown[-1].value / full[-1].value, "samples_full": float(whole)}
    return Measured({**figures, "seconds_grown": seconds, "seconds_full": seconds_full}, picture)


def trained(seed: int, length: int, grow: int, trial: bool) -> tuple[list[Point], float, Image.Image]:
    """The course of the distance, the seconds of rounds, and the last picture."""
    looks = {"evaluate": ["fd"], "evaluate_every_samples": length // LOOKS, "evaluate_n": 100 if trial else LOOKED_AT}
    how = {"length_samples": length, "grow_samples": grow, "doctor": "off", **looks}
    with training("progan", data="digits", seed=seed, **how) as (made, _):
        log, shown = made.log, made.samples(100, seed=seed)
    points = [Point(line["samples_seen"], v, v, v) for line in log if (v := line.get(METRIC)) is not None]
    seconds = next(line["seconds"] for line in reversed(log) if line.get("seconds"))
    return points, seconds, shown.space.picture(shown.values, columns=10)


def fades(grow: int) -> list[tuple[float, float]]:
    """Samples seen where each level begins to be faded in and where it is there."""
    span = grow / LEVELS
    found = [(span * (level + 0.5), span * (level + 1)) for level in range(LEVELS)]
    growth = Growth(LEVELS, grow)
    assert all(growth(round(begin)) * LEVELS % 1 < 0.01 < growth(round((begin + end) / 2)) for begin, end in found)
    return found


def rise_within(course: Sequence[Point], begin: float, end: float) -> float | None:
    """The largest distance inside a fade over the one where it begins; None where nobody looked."""
    first = nearest(course, begin)
    inside = [point.value for point in course if max(begin, first.strength) < point.strength <= end]
    return max(inside) / first.value if inside else None


def at(course: Sequence[Point], samples_seen: float) -> float:
    """The distance at the look nearest to there."""
    return nearest(course, samples_seen).value


def nearest(course: Sequence[Point], samples_seen: float) -> Point:
    """The look nearest to there."""
    return min(course, key=lambda point: abs(point.strength - samples_seen))


CASES = [
    Case(
        name="digits",
        measure=measure,
        options={"length_samples": LENGTH, "grow_samples": GROW, "looked_at": LOOKED_AT},
        targets={
            "largest_rise": Target(high=1.05, every=True),
            "after_fade": Target(high=1.0, every=True),
            "ratio": Target(high=1.0),
        },
    )
]

if __name__ == "__main__":
    run(BENCHMARK, __doc__, CASES)
