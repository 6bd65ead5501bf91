"""Historical averaging: a player stays near the mean of its past, which damps circles (Salimans 2016, section 3.3)."""

from typing import Literal

import torch
from torch import Tensor, nn

from zerosum.games.core import Replicated
from zerosum.games.tricks.seams import Term
from zerosum.games.tricks.sight import Sight


class History(Replicated):
    """(1/t) Σᵢ θ[i], the mean of a network's weights over its last t moves; empty until it is first followed.

    A network that is not averaged costs nothing: the buffers take their shape when they are needed.
    """

    mean: Tensor
    moves: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.empty(0))
        self.register_buffer("moves", torch.empty(0))

    @torch.no_grad()
    def follow(self, weights: Tensor) -> Tensor:
        """Take the weights of a move into the mean, both `(p,)`; the mean."""
        if not self.mean.numel():
            self.mean, self.moves = torch.zeros_like(weights), torch.zeros_like(weights[0])
        self.moves += 1
        self.mean += (weights - self.mean) / self.moves
        return self.mean


def averaging(player: Literal["D", "G"], network: nn.Module, history: History) -> Term:
    """λ ‖θ - (1/t) Σᵢ θ[i]‖² of all parameters θ of a network (Salimans 2016, section 3.3)."""

    def value(sight: Sight, weight: float) -> Tensor:
        theta = torch.cat([parameter.reshape(-1) for parameter in network.parameters()])
        return weight * (theta - history.follow(theta.detach())).square().sum()

    return Term("historical_averaging", player, value)
