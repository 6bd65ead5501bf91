"""The course of a training as the doctor reads it: the log as a table, a row for each moment that was probed.

Figures that are logged at other moments (losses, gradient norms) stand in the row of the next probe. What would be lost
on the way is a loss that leaps and is back at the next probe; so each row also has how far the losses of every player
leapt since the row before, `leap of D`, and dropped, `drop of D`: robust z-scores over the lines of the log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zerosum.diagnosis.outliers import largest_since, robust_z
from zerosum.diagnosis.probe import PREFIX
from zerosum.diagnosis.shares import PREFIX as SHARE

Line = Mapping[str, float | None]
Column = NDArray[np.float64]
PLAYERS = ("D", "G")
"""Whose losses are looked at line by line: the critic and the generator, as `phase/term` or `phase_more/term`."""
LEAP, DROP = "leap of ", "drop of "
"""How names of columns begin that tell how far a player's loss leapt."""


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
    def others(self) -> tuple[str, ...]:
        """Samplers of the game beyond its first, of which there are signals."""
        signals = (name.removeprefix(PREFIX) for name in self.columns if name.startswith(PREFIX))
        return tuple(dict.fromkeys(n.partition("/")[0] for n in signals if "/" in n and not n.startswith(SHARE)))

    def of(self, sampler: str) -> "Course":
        """The same with the signals of one sampler for those of the first; of the first, whose name is "", as it is."""
        if not sampler:
            return self
        own = f"{PREFIX}{sampler}/"
        besides = {name: column for name, column in self.columns.items() if not name.startswith(PREFIX)}
        signals = {PREFIX + n.removeprefix(own): column for n, column in self.columns.items() if n.startswith(own)}
        return replace(self, columns=besides | signals)

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
    samples_seen = columns.get("samples_seen", np.zeros(0))
    return Course(samples_seen, columns | leaps(lines, samples_seen), length_samples)


def leaps(lines: Sequence[Line], moments: Column) -> dict[str, Column]:
    """How far each player's loss left its course since the moment before, and how far downwards: columns `(m,)`."""
    found: dict[str, Column] = {}
    for player in PLAYERS:
        places, losses = total_loss(lines, player)
        z = robust_z(losses)
        found |= {
            LEAP + player: largest_since(abs(z), places, moments),
            DROP + player: largest_since(-z, places, moments),
        }
    return found


def total_loss(lines: Sequence[Line], player: str) -> tuple[Column, Column]:
    """Moments of the lines that tell a player's losses, and their sums; of lazy terms that are not due, the latest."""
    latest: dict[str, float] = {}
    places, sums = [], []
    for line in lines:
        terms = {name: value for name, value in line.items() if is_loss(name, player) and numeric(value)}
        if terms:
            latest |= {name: np.nan if value is None else value for name, value in terms.items()}
            places.append(line["samples_seen"])
            sums.append(sum(latest.values()))
    return np.array(places, dtype=np.float64), np.array(sums, dtype=np.float64)


def is_loss(name: str, player: str) -> bool:
    """Whether a name of the log is that of a term which a player lowers.

    >>> [is_loss(name, "D") for name in ("D/adversarial", "D_r1/r1", "D/grad_norm", "G/adversarial", "update/D")]
    [True, True, False, False, False]
    """
    phase, _, term = name.rpartition("/")
    return phase.split("_")[0] == player and not term.startswith("grad_norm")


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
