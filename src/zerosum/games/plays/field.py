"""The vector field of a game, where simultaneous gradient descent goes, and products with its Jacobian."""

from collections.abc import Sequence

import torch
from torch import Tensor

from zerosum.games.core import Move
from zerosum.games.plays.orders import step

Vector = list[Tensor | None]
"""A tensor for each parameter; None stands for zeros."""


class Field:
    """ξ(w) of the moves of one turn, at the present weights.

    With several processes each has the ξ of its own samples, and J of the whole batch is the mean of theirs. So a
    product is that of a process, averaged.

    Args:
        turn: moves of different players.

    Attributes:
        parameters: of all movers, in their order.
        slope: ξ(w), of the whole batch; None where a loss does not look at a mover's own parameter.
    """

    def __init__(self, turn: Sequence[Move]) -> None:
        self.turn = turn
        self.parameters = [parameter for move in turn for parameter in move.parameters]
        players = {name for move in turn for name in move.phase.players}
        self._own = [gradient for move in turn for gradient in _slope(move, players)]
        self.slope = self._mean([None if gradient is None else gradient.detach() for gradient in self._own])

    def transposed(self, v: Vector) -> Vector:
        """Jᵀ v."""
        return self._mean(self._back(v, create_graph=False))

    def along(self, v: Vector) -> Vector:
        """J v, as the derivative by u of ⟨Jᵀ u, v⟩, which does not depend on u."""
        u = [None if own is None else torch.zeros_like(own, requires_grad=True) for own in self._own]
        seen = [(w, x) for w, x in zip(self._back(u, create_graph=True), v, strict=True) if _both(w, x)]
        asked = [x for x in u if x is not None]
        found = iter(_grad([w for w, _ in seen], asked, [x for _, x in seen], create_graph=False))
        return self._mean([None if x is None else next(found) for x in u])

    def follow(self, aims: Vector) -> None:
        """Let everyone step along `aims` in the place of their gradients; who has no slope stays."""
        rest = iter([None if xi is None else aim for xi, aim in zip(self.slope, aims, strict=True)])
        for move in self.turn:
            move.take([next(rest) for _ in move.parameters])
        step(self.turn)

    def _back(self, v: Vector, create_graph: bool) -> Vector:
        """Jᵀ v of this process's samples."""
        pairs = [(own, x) for own, x in zip(self._own, v, strict=True) if _both(own, x)]
        return _grad([own for own, _ in pairs], self.parameters, [x for _, x in pairs], create_graph)

    def _mean(self, v: Vector) -> Vector:
        return self.turn[0].averaged(v)


def _slope(move: Move, players: set[str]) -> Vector:
    value = move.value(players)
    return list(torch.autograd.grad(value, move.parameters, create_graph=True, allow_unused=True))


def _both(gradient: Tensor | None, v: Tensor | None) -> bool:
    """Whether there is something to differentiate, and a direction; a constant slope has no derivative."""
    return gradient is not None and gradient.requires_grad and v is not None


def _grad(values: Sequence, by: Sequence[Tensor], along: Sequence, create_graph: bool) -> Vector:  # type: ignore[type-arg]
    if not values:
        return [None] * len(by)
    found = torch.autograd.grad(values, by, along, create_graph=create_graph, retain_graph=True, allow_unused=True)
    return list(found)


def plus(a: Vector, scale: float | Tensor, b: Vector) -> Vector:
    """The sum a + scale b."""
    return [_sum(x, None if y is None else scale * y) for x, y in zip(a, b, strict=True)]


def _sum(x: Tensor | None, y: Tensor | None) -> Tensor | None:
    return y if x is None else x if y is None else x + y


def dot(a: Vector, b: Vector) -> Tensor:
    """⟨a, b⟩ over all parameters, `()`."""
    products = [(x * y).sum() for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return torch.stack(products).sum() if products else torch.zeros(())
