"""What a training says of itself, kept on the device until somebody asks.

Every move adds its terms to sums; nothing waits for the device. A sum that is no longer finite stays so, hence the
count of moves with a finite sum tells when and where a NaN came up first.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Column:
    """Sums of the values of one phase.

    Attributes:
        names: what is summed.
        order: place of the phase in the order of first play.
        sums, finite: totals, and in how many moves they were finite, `(len(names),)`.
        moves: how many moves were added.
        began: round of the first of them.
    """

    names: tuple[str, ...]
    order: int
    sums: Tensor
    finite: Tensor
    moves: int = 0
    rounds: list[int] = field(default_factory=list)


class Tally:
    """Sums of named values over the moves since the last report."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}

    @torch.no_grad()
    def add(self, phase: str, round_index: int, values: dict[str, Tensor]) -> None:
        """Add the values (tensors of any shape; their mean counts) of one move."""
        row = torch.stack([value.detach().float().mean() for value in values.values()])
        column = self.columns.get(phase)
        if column is None:
            zeros = torch.zeros_like(row)
            column = self.columns[phase] = Column(tuple(values), len(self.columns), zeros, zeros.clone())
        column.sums += row
        column.finite += torch.isfinite(column.sums)
        column.moves += 1
        column.rounds.append(round_index)

    def means(self) -> dict[str, float]:
        """The mean of every value since the last report, by name; this waits for the device."""
        found: dict[str, float] = {}
        for column in self.columns.values():
            found |= zip(column.names, (column.sums / column.moves).tolist(), strict=True)
        return found

    def first_bad(self) -> tuple[int, str] | None:
        """Round and name of the first value that was not finite, or None; this waits for the device."""
        bad = [
            (column.rounds[int(count)], column.order, index, name)
            for column in self.columns.values()
            for index, (name, count) in enumerate(zip(column.names, column.finite.tolist(), strict=True))
            if count < column.moves
        ]
        if not bad:
            return None
        round_index, _, _, name = min(bad)
        return round_index, name

    def clear(self) -> None:
        """Begin a new report."""
        self.columns.clear()

    def tensors(self) -> dict[str, Tensor]:
        """What must resume: the sums, keyed by phase."""
        return {name: column.sums for name, column in self.columns.items()}

    def describe(self) -> dict[str, dict[str, object]]:
        """The rest of what must resume, as JSON."""
        return {name: {"names": c.names, "rounds": c.rounds} for name, c in self.columns.items()}

    def restore(self, described: dict[str, dict[str, list]], sums: dict[str, Tensor]) -> None:  # type: ignore[type-arg]
        """Take up the sums of a checkpoint (finite, or it would not have been made)."""
        self.clear()
        for order, (name, entry) in enumerate(described.items()):
            rounds = [int(index) for index in entry["rounds"]]
            finite = torch.full_like(sums[name], len(rounds))
            self.columns[name] = Column(tuple(entry["names"]), order, sums[name], finite, len(rounds), rounds)
