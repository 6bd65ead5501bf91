"""The course of a training as the doctor reads it: the log as a table, a row for each moment that was probed.

Figures that are logged at other moments (losses, gradient norms) stand in the row of the next probe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerosum.diagnosis.probe import PREFIX

Line = Mapping[str, float | None]
Column = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """Figures over moments.

    Attributes:
        samples_seen: of each moment, `(m,)`, increasing.
        columns: by the name in the log, `(m,)` each, NaN where unknown or not finite.
        length_samples: of the whole training.
    """

    samples_seen: Column
    columns: Mapping[str, Column]
    length_samples: int

    def __len__(self) -> int:
        return len(self.samples_seen)

    def __getitem__(self, name: str) -> Column:
        """A column by its name in the log; all NaN where it never was."""
        found = self.columns.get(name)
        return np.full(len(self), np.nan) if found is None else found

    def signal(self, name: str) -> Column:
        """A signal by its own name."""
        return self[PREFIX + name]

    @property
    def share(self) -> Column:
        """How much of the training lies behind each moment, `(m,)`, in [0, 1]."""
        return self.samples_seen / max(1, self.length_samples)


def course_of(lines: Sequence[Line], length_samples: int) -> Course:
    """The course of a log.

    Args:
        lines: of the log, oldest first.
        length_samples: of the whole training.
    """
    latest: dict[str, float] = {}
    rows: list[dict[str, float]] = []
    for line in lines:
        latest |= {name: np.nan if value is None else float(value) for name, value in line.items() if numeric(value)}
        if any(name.startswith(PREFIX) for name in line):
            rows.append(dict(latest))
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
    return Course(columns.get("samples_seen", np.zeros(0)), columns, length_samples)


def numeric(value: object) -> bool:
    """Whether a value of the log is a figure, or one that was not finite."""
    return value is None or isinstance(value, int | float)


def settled(values: Column, width: int = 3) -> Column:
    """The median of the latest `width` values at each moment: one odd figure is no course.

    >>> settled(np.array([1.0, 9.0, 1.0, 1.0])).tolist()
    [1.0, 5.0, 1.0, 1.0]
    """
    windows = [values[max(0, end - width) : end] for end in range(1, len(values) + 1)]
    known = [window[np.isfinite(window)] for window in windows]
    return np.array([np.median(window) if len(window) else np.nan for window in known])
