"""Results of metrics along a ladder of strengths, with intervals, kept beside the records of a benchmark.

A record has one number a figure, which is what a table wants. A curve is what a plot wants; it lies in a file of its
own, `results/<benchmark>/curves/<case>-seed<n>.json`, written before the record is.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from zerosum.metrics.intervals import Interval


@dataclass(frozen=True)
class Point:
    """A result and where it may lie; infinite bounds where only one side is known.

    Attributes:
        strength: of the fault.
        value: the result.
        low, high: its 95 % interval.
    """

    strength: float
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, strength: float, value: float, interval: Interval | None) -> "Point":
        """A result as metrics give it; one without interval is a bound, and may be anything above."""
        low, high = (value, math.inf) if interval is None else (interval.low, interval.high)
        return cls(strength, value, min(low, value), max(high, value))


Curve = Sequence[Point]
Curves = Mapping[str, Curve]
"""By the name of the result."""


def path_of(folder: Path, case: str, seed: int) -> Path:
    """Where the curves of a case are, in the folder of the benchmark's records."""
    return folder / "curves" / f"{case}-seed{seed}.json"


def write(path: Path, curves: Curves) -> None:
    """Keep them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {
        name: [{key: number if math.isfinite(number) else None for key, number in asdict(p).items()} for p in curve]
        for name, curve in curves.items()
    }
    path.write_text(json.dumps(rows, indent=1) + "\n")


def read(path: Path) -> dict[str, list[Point]]:
    """Those that were kept; what is not finite is infinite upwards where it is a bound, and NaN where a value."""
    missing = {"value": math.nan, "low": -math.inf, "high": math.inf}
    return {
        name: [Point(**{key: missing[key] if number is None else number for key, number in p.items()}) for p in curve]
        for name, curve in json.loads(path.read_text()).items()
    }
