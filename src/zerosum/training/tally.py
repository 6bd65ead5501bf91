"""What a training says of itself, kept on the device until somebody asks.

Every move adds a row of values; nothing waits for the device, and nothing is computed before a report wants to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 1024


@dataclass(frozen=True)
class Entry:
    """What is written down of a move.

    Attributes:
        names: of the values.
        values: in one row, float32; of several trainings at once, a row each.
    """

    names: tuple[str, ...]
    values: Tensor

    def __getitem__(self, name: str) -> Tensor:
        """The value called so."""
        return self.values[..., self.names.index(name)]


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
    """The values of one phase, a row a move.

    Attributes:
        names: what the values are.
        rows: of the latest moves, `(len(names),)` each.
        blocks: the moves before, many rows in one tensor each.
        rounds, turns: of every move that was added.
    """

    names: tuple[str, ...]
    rows: list[Tensor] = field(default_factory=list)
    blocks: list[Tensor] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)

    def append(self, row: Tensor) -> None:
        """Add a move; thousands of small tensors are put together into a large one."""
        self.rows.append(row)
        if len(self.rows) == BLOCK:
            self.blocks, self.rows = [*self.blocks, torch.stack(self.rows)], []

    def matrix(self) -> Tensor:
        """All rows, `(moves, len(names))`."""
        return torch.cat([*self.blocks, *(row[None] for row in self.rows)])


class Tally:
    """Named values of the moves since the last report."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.turn = 0

    def add(self, phase: str, round_index: int, values: Mapping[str, Tensor]) -> None:
        """Add the values (tensors of any shape; their mean counts) of one move."""
        self.write(phase, round_index, entry_of(values))

    def write(self, phase: str, round_index: int, entry: Entry) -> None:
        """Add what is written down of one move."""
        column = self.columns.setdefault(phase, Column(entry.names))
        while column.names != entry.names:  # a term woke, or fell dormant, between two reports
            phase += "'"
            column = self.columns.setdefault(phase, Column(entry.names))
        column.append(entry.values)
        column.rounds.append(round_index)
        column.turns.append(self.turn)
        self.turn += 1

    def means(self) -> dict[str, float]:
        """The mean of every value since the last report, by name; this waits for the device."""
        found: dict[str, tuple[float, int]] = {}
        for column in self.columns.values():
            moves = len(column.rounds)
            for name, mean in zip(column.names, column.matrix().mean(0).tolist(), strict=True):
                before, count = found.get(name, (0.0, 0))
                found[name] = (before + (mean - before) * (moves / (count + moves)), count + moves)
        return {name: mean for name, (mean, _) in found.items()}

    def first_bad(self) -> Bad | None:
        """The first value that was not finite, or None; this waits for the device."""
        bad = [
            Bad(column.turns[move], place, column.rounds[move], column.names[place])
            for column in self.columns.values()
            for move, place in torch.isfinite(column.matrix()).logical_not().nonzero()[: len(column.names)].tolist()
        ]
        return min(bad, default=None)

    def clear(self) -> None:
        """Begin a new report."""
        self.columns.clear()
        self.turn = 0

    def tensors(self) -> dict[str, Tensor]:
        """What must resume: all rows, keyed by phase."""
        return {name: column.matrix() for name, column in self.columns.items()}

    def describe(self) -> dict[str, dict[str, object]]:
        """The rest of what must resume, as JSON."""
        return {name: {"names": c.names, "rounds": c.rounds, "turns": c.turns} for name, c in self.columns.items()}

    def restore(self, described: dict[str, dict[str, list]], rows: dict[str, Tensor]) -> None:  # type: ignore[type-arg]
        """Take up the rows of a checkpoint."""
        self.clear()
        for name, entry in described.items():
            known = {"rounds": list(entry["rounds"]), "turns": list(entry["turns"])}
            self.columns[name] = Column(tuple(entry["names"]), blocks=[rows[name]], **known)
            self.turn = max(self.turn, entry["turns"][-1] + 1)


@torch.no_grad()
def entry_of(values: Mapping[str, Tensor]) -> Entry:
    """Values, tensors of any shape whose mean counts, as they are written down."""
    return Entry(tuple(values), torch.stack([scalar(value) for value in values.values()]))


def scalar(value: Tensor) -> Tensor:
    """The mean of a value, float32."""
    value = value.detach()
    return (value if value.ndim == 0 else value.mean(dtype=torch.float32)).float()
