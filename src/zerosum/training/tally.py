"""What a training says of itself, kept on the device until somebody asks.

Every move adds its terms to sums; nothing waits for the device. A sum that is no longer finite stays so, hence the
count of moves with a finite sum tells when and where a NaN came up first.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


class Bad(NamedTuple):
    """A value that was not finite; the smallest of several is the first.

    Attributes:
        turn: of the move, counted over all phases since the last report.
        place: of the value among those of its phase.
        round_index: of the move.
        name: of the value.
    """

    turn: int
    place: int
    round_index: int
    name: str


@dataclass
class Column:
    """Sums of the values of one phase.

    Attributes:
        names: what is summed.
        sums, finite: totals, and in how many moves they were finite, `(len(names),)`.
        rounds, turns: of every move that was added.
    """

    names: tuple[str, ...]
    sums: Tensor
    finite: Tensor
    rounds: list[int] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)


class Tally:
    """Sums of named values over the moves since the last report."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.turn = 0

    @torch.no_grad()
    def add(self, phase: str, round_index: int, values: dict[str, Tensor]) -> None:
        """Add the values (tensors of any shape; their mean counts) of one move."""
        row = torch.stack([value.detach().float().mean() for value in values.values()])
        column = self.columns.get(phase)
        if column is None:
            zeros = torch.zeros_like(row)
            column = self.columns[phase] = Column(tuple(values), zeros, zeros.clone())
        column.sums += row
        column.finite += torch.isfinite(column.sums)
        column.rounds.append(round_index)
        column.turns.append(self.turn)
        self.turn += 1

    def means(self) -> dict[str, float]:
        """The mean of every value since the last report, by name; this waits for the device."""
        found: dict[str, float] = {}
        for column in self.columns.values():
            found |= zip(column.names, (column.sums / len(column.rounds)).tolist(), strict=True)
        return found

    def first_bad(self) -> Bad | None:
        """The first value that was not finite, or None; this waits for the device."""
        bad = [
            Bad(column.turns[int(count)], place, column.rounds[int(count)], name)
            for column in self.columns.values()
            for place, (name, count) in enumerate(zip(column.names, column.finite.tolist(), strict=True))
            if count < len(column.rounds)
        ]
        return min(bad, default=None)

    def clear(self) -> None:
        """Begin a new report."""
        self.columns.clear()
        self.turn = 0

    def tensors(self) -> dict[str, Tensor]:
        """What must resume: the sums, keyed by phase."""
        return {name: column.sums for name, column in self.columns.items()}

    def describe(self) -> dict[str, dict[str, object]]:
        """The rest of what must resume, as JSON."""
        return {name: {"names": c.names, "rounds": c.rounds, "turns": c.turns} for name, c in self.columns.items()}

    def restore(self, described: dict[str, dict[str, list]], sums: dict[str, Tensor]) -> None:  # type: ignore[type-arg]
        """Take up the sums of a checkpoint (finite, or it would not have been made)."""
        self.clear()
        for name, entry in described.items():
            finite = torch.full_like(sums[name], len(entry["rounds"]))
            self.columns[name] = Column(
                tuple(entry["names"]), sums[name], finite, list(entry["rounds"]), list(entry["turns"])
            )
            self.turn = max(self.turn, entry["turns"][-1] + 1)
