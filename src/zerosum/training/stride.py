"""The steps of many trainings of one plan as one step.

Optimizers change each number by itself. So one optimizer of the common tensors, of which every training's weights are a
row, does what the trainings' own would do, in one launch; these look at their rows of its state.
"""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zerosum.training.moves import Mover, laid_out_as


class Stride:
    """The steps of a player in all trainings.

    Where somebody's rate or state is no longer that of the others, everybody steps alone from then on.

    Args:
        movers: the player, in each training.
        common: the tensors with a row a training, by the `id` of the first training's parameters.

    Attributes:
        apart: whether everybody steps alone.
        handed: of each common weight, the state whose rows everybody was handed; and of the `first`, those rows.
    """

    def __init__(self, movers: Sequence[Mover], common: Mapping[int, Tensor]) -> None:
        self.movers = movers
        self.weights = [nn.Parameter(common[id(parameter)]) for parameter in movers[0].parameters]
        self.rows = list(zip(*(mover.parameters for mover in movers), strict=True))
        self.optimizer = movers[0].player.optimizer(self.weights)
        self.apart = any(mover.optimizer.state for mover in movers)
        self.handed: dict[nn.Parameter, list[Any]] = {}
        self.first: list[dict[str, Any] | None] = [None] * len(movers)

    def forget(self) -> None:
        """Leave the gradients, so that new ones can be where they are."""
        for weight, rows in zip(self.weights, self.rows, strict=True):
            weight.grad = None
            for parameter in rows:
                parameter.grad = None

    def take(self, gradients: Sequence[Tensor | None]) -> None:
        """Take gradients with a row a training."""
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = laid_out_as(weight, gradient)

    def gather(self, awake: Sequence[bool]) -> None:
        """Take the gradients that the trainings have computed by themselves."""
        for weight in self.weights:
            weight.grad = None
        moving = [place for place, moves in enumerate(awake) if moves]
        there = [{rows[place].grad is None for place in moving} for rows in self.rows]
        if not self.apart and any(len(missing) > 1 for missing in there):
            self.part()  # who has no gradient of a weight does not step there at all
        if not self.apart:
            found = [stacked([parameter.grad for parameter in rows]) for rows in self.rows]
            self.forget()
            self.take(found)

    def __call__(self, awake: Sequence[bool]) -> None:
        """Step. Who sleeps is no longer looked at, wherever it goes."""
        moving = [place for place, moves in enumerate(awake) if moves]
        if not self.apart and not self.alike(moving):
            self.part()
        if self.apart:
            self.step_apart(moving)
            return
        rates = self.movers[moving[0]].optimizer.param_groups
        for group, own in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = own["lr"]
        self.optimizer.step()
        self.share()

    def alike(self, moving: Sequence[int]) -> bool:
        """Whether all who move have one rate, and look at their rows of the state."""
        groups = [self.movers[place].optimizer.param_groups for place in moving]
        rates = {tuple(group["lr"] for group in own) for own in groups}
        return len(rates) == 1 and all(map(self.looks_on, moving))

    def looks_on(self, place: int) -> bool:
        """Whether a training's optimizer has the state that it was handed, and no other."""
        state = self.movers[place].optimizer.state.get(self.rows[0][place])
        return state is self.first[place]

    def share(self) -> None:
        """Hand everybody its rows of the state, where something of it is new."""
        for number, weight in enumerate(self.weights):
            state, before = self.optimizer.state.get(weight, {}), self.handed.get(weight, [])
            if len(before) == len(state) and all(map(operator.is_, before, state.values())):
                continue
            self.handed[weight] = list(state.values())
            for place, parameter in enumerate(self.rows[number]):
                own = {slot: row_of(value, weight, place) for slot, value in state.items()}
                self.movers[place].optimizer.state[parameter] = own
                if number == 0:
                    self.first[place] = own

    def part(self) -> None:
        """Give everybody a state of its own: what is the same in all rows, as the count of steps, had been shared."""
        self.apart = True
        for place in filter(self.looks_on, range(len(self.movers))):
            for state in self.movers[place].optimizer.state.values():
                state.update({slot: value.clone() for slot, value in state.items() if isinstance(value, Tensor)})
        self.optimizer.state.clear()
        self.handed.clear()

    def step_apart(self, moving: Sequence[int]) -> None:
        """Let those who move step by themselves."""
        for weight, rows in zip(self.weights, self.rows, strict=True):
            if weight.grad is not None:
                for parameter, gradient in zip(rows, weight.grad.unbind(), strict=True):
                    parameter.grad = gradient
        for place in moving:
            self.movers[place].optimizer.step()


def stacked(tensors: Sequence[Tensor | None]) -> Tensor | None:
    """Tensors as rows of one, where there are any; zeros for those that are missing."""
    known = next((tensor for tensor in tensors if tensor is not None), None)
    if known is None:
        return None
    return torch.stack([torch.zeros_like(known) if tensor is None else tensor for tensor in tensors])


def row_of(value: Any, weight: Tensor, place: int) -> Any:
    """A training's row of what an optimizer knows of a weight, or what it knows of all rows."""
    return value[place] if isinstance(value, Tensor) and value.shape == weight.shape else value
