"""Lookahead for games: after some rounds, all go part of the way back (Chavdarova 2021)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Pace:
    """How lookahead is done.

    Attributes:
        rounds: k, after so many rounds it is time; 0: never.
        rate: α, the share of the way that is kept.
    """

    rounds: int = 0
    rate: float = 0.5


class Lookahead:
    """The slow weights s that fast ones w start from, in all players at once (Chavdarova 2021, algorithm 1).

        every k rounds    s ← s + α (w - s),    w ← s.

    A round that turns about an equilibrium is drawn towards the middle of its circle, whichever way it is played.

    Args:
        pace: k and α.
        parameters: of all players.
    """

    def __init__(self, pace: Pace, parameters: Iterable[nn.Parameter]) -> None:
        self.pace = pace
        self.fast: list[Tensor] = list(parameters) if pace.rounds else []
        self.slow = [parameter.detach().clone() for parameter in self.fast]

    @torch.no_grad()
    def update(self, rounds: int) -> None:
        """Take note that so many rounds were played since the training began."""
        if self.fast and rounds % self.pace.rounds == 0:
            torch._foreach_lerp_(self.slow, self.fast, self.pace.rate)
            torch._foreach_copy_(self.fast, self.slow)

    def state(self) -> dict[str, Tensor]:
        """What must resume."""
        return {str(place): weight for place, weight in enumerate(self.slow)}
