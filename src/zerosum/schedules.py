"""Values that change with the samples seen, and with nothing else.

A schedule is written as people say it: `5` is five for ever, `100, 5@1600` is a hundred until 1,600 samples have been
seen and five from then on.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from zerosum.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Steps(Generic[T]):
    """A value that jumps at given numbers of samples seen.

    Args:
        values: the values in order; there is one more of them than of `starts`.
        starts: samples seen at which the second, third … value begins, increasing.

    >>> Steps((100, 5), (1600,))(0), Steps((100, 5), (1600,))(1600)
    (100, 5)
    """

    values: tuple[T, ...]
    starts: tuple[int, ...] = ()

    def __call__(self, samples_seen: int) -> T:
        """The value when so many samples have been seen."""
        return self.values[bisect_right(self.starts, samples_seen)]


def words(text: str) -> Steps[str]:
    """Parse `a, b@1600, c@9000`.

    Raises:
        UserError: the text is not of this form.
    """
    first, *rest = (part.strip() for part in text.split(","))
    pairs = [part.partition("@") for part in rest]
    starts = [start.strip().replace("_", "") for _, _, start in pairs]
    if not first or "@" in first or not all(start.isdecimal() for start in starts):
        raise UserError(
            f"Cannot read the schedule {text!r}: write a value, or values with the samples seen "
            "from which they hold, such as '100, 5@1600'."
        )
    numbers = [int(start) for start in starts]
    if numbers != sorted(set(numbers)) or (numbers and numbers[0] < 1):
        raise UserError(f"The samples seen in the schedule {text!r} must increase.")
    return Steps((first, *(value.strip() for value, _, _ in pairs)), tuple(numbers))


def counts(text: str | int, low: int = 1, high: int = 1000) -> Steps[int]:
    """Parse a schedule of whole numbers from `low` to `high`.

    >>> counts("100, 5@1600")
    Steps(values=(100, 5), starts=(1600,))

    Raises:
        UserError: the text is not of this form, or a number is out of range.
    """
    schedule = words(str(text))
    if not all(value.isdecimal() and low <= int(value) <= high for value in schedule.values):
        raise UserError(f"The schedule {text!r} holds something else than whole numbers from {low} to {high}.")
    return Steps(tuple(int(value) for value in schedule.values), schedule.starts)


DecayName = Literal["none", "linear", "cosine"]


@dataclass(frozen=True)
class Decay:
    """A factor that stays 1 up to a share of the training and then falls to `end`.

    Args:
        name: how it falls.
        begin: share of the length at which it begins, in [0, 1].
        length_samples: the whole length.
        end: where it ends, in [0, 1].

    >>> Decay("linear", 0.5, 1000)(750), Decay("linear", 0.5, 1000, end=0.2)(1000)
    (0.5, 0.2)
    """

    name: DecayName
    begin: float
    length_samples: int
    end: float = 0.0

    def __call__(self, samples_seen: int) -> float:
        """The factor when so many samples have been seen."""
        start = self.begin * self.length_samples
        if self.name == "none" or samples_seen <= start:
            return 1.0
        progress = min(1.0, (samples_seen - start) / max(1.0, self.length_samples - start))
        left = 1.0 - progress if self.name == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.end + (1.0 - self.end) * left


@dataclass(frozen=True)
class Fall:
    """A factor that falls from `begin` to 1 in equal ratios, and then stays.

    Args:
        begin: the factor at the start.
        over_samples: samples seen at which 1 is reached.

    >>> Fall(16, 1000)(0), Fall(16, 1000)(500), Fall(16, 1000)(2000)
    (16.0, 4.0, 1.0)
    """

    begin: float
    over_samples: float

    def __call__(self, samples_seen: int) -> float:
        """The factor when so many samples have been seen."""
        left = max(0.0, 1.0 - samples_seen / max(1.0, self.over_samples))
        return float(self.begin**left)


@dataclass(frozen=True)
class Growth:
    """How far a network of some levels has grown, as a share: each level is held, and then the next is faded in.

    Every level that comes takes the same number of samples: in the first half of it nothing changes (the level below
    goes on learning), in the second half it comes in evenly (Karras 2018, appendix A).

    Args:
        levels: above the base.
        over_samples: samples seen at which all are there.
        first: how many are there from the start.

    >>> [Growth(2, 800)(seen) for seen in (0, 200, 300, 400, 600, 700, 800, 900)]
    [0.0, 0.0, 0.25, 0.5, 0.5, 0.75, 1.0, 1.0]
    """

    levels: int
    over_samples: int
    first: int = 0

    def __call__(self, samples_seen: int) -> float:
        """The share when so many samples have been seen."""
        coming = self.levels - self.first
        if samples_seen >= self.over_samples or coming <= 0:
            return 1.0
        come, within = divmod(samples_seen * coming, self.over_samples)
        return (self.first + come + max(0.0, 2 * within / self.over_samples - 1)) / self.levels

    def since(self, samples_seen: int) -> int:
        """Samples seen since the last level began to come in, or since the start.

        >>> [Growth(2, 800).since(seen) for seen in (0, 199, 200, 500, 600, 900)]
        [0, 199, 0, 300, 0, 300]
        """
        coming = self.levels - self.first
        begun = min(coming, (2 * samples_seen * coming + self.over_samples) // (2 * self.over_samples)) if coming else 0
        return samples_seen - (2 * begun - 1) * self.over_samples // (2 * coming) if begun > 0 else samples_seen
