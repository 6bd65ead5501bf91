"""Optimizers by name, as descriptions that a plan can hold and a player can call."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from zerosum.errors import UserError

OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd", "momentum"]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """A description of an optimizer; calling it with parameters makes one.

    Args:
        name: `adam` (Kingma 2015), `adamw` (Loshchilov 2019), `rmsprop` (Hinton 2012, smoothing 0.99),
            `sgd`, or `momentum` (SGD with heavy-ball momentum `betas[0]`).
        lr: learning rate.
        betas: decay of the first and second moment. The first may be negative, which damps circles in games
            (Gidel 2019, "Negative momentum for improved game dynamics").
        weight_decay: decoupled for `adamw`, added to the gradient elsewhere.
        optimistic: see `optimistic`.

    Raises:
        UserError: betas that no optimizer can have.
    """

    name: OptimizerName = "adam"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0
    optimistic: bool = False

    def __post_init__(self) -> None:
        if not (abs(self.betas[0]) < 1 and 0 <= self.betas[1] < 1):
            raise UserError(f"betas are {self.betas}: the first lies between -1 and 1, the second between 0 and 1.")

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """An optimizer of `parameters`, in one kernel where the device has one."""
        made = replace(self, betas=(max(0.0, self.betas[0]), self.betas[1]))._made(list(parameters))
        for group in made.param_groups:  # torch calculates with a negative momentum, but does not take one
            group.update(self._momentum)
        if self.optimistic:
            optimistic(made)
        return made

    @property
    def _momentum(self) -> dict[str, Any]:
        own: dict[str, dict[str, Any]] = {
            "adam": {"betas": self.betas},
            "adamw": {"betas": self.betas},
            "momentum": {"momentum": self.betas[0]},
        }
        return own.get(self.name, {}) if self.betas[0] < 0 else {}

    def _made(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        if self.name == "adam":
            return torch.optim.Adam(
                parameters, self.lr, self.betas, weight_decay=self.weight_decay, fused=fusible(parameters)
            )
        if self.name == "adamw":
            return torch.optim.AdamW(
                parameters, self.lr, self.betas, weight_decay=self.weight_decay, fused=fusible(parameters)
            )
        if self.name == "rmsprop":
            return torch.optim.RMSprop(parameters, self.lr, weight_decay=self.weight_decay, foreach=True)
        momentum = self.betas[0] if self.name == "momentum" else 0.0
        return torch.optim.SGD(parameters, self.lr, momentum, weight_decay=self.weight_decay, fused=fusible(parameters))

    def lazily(self, *every: int) -> "Optimizer":
        """The correction for penalties that are played as moves of their own every so many rounds.

        They add Σ 1/every updates to each round's one. With c = 1 / (1 + Σ 1/every) the learning rate becomes c lr and
        each beta becomes beta ** c; for a single penalty c = k / (k + 1) (Karras 2020, appendix B). A negative beta
        keeps its sign.
        """
        c = 1 / (1 + sum(1 / rounds for rounds in every if rounds > 1))
        first, second = (math.copysign(abs(beta) ** c, beta) for beta in self.betas)
        return replace(self, lr=self.lr * c, betas=(first, second))


def optimistic(optimizer: torch.optim.Optimizer) -> None:
    """Have an optimizer foresee: it adds each of its updates twice and takes the last one back.

        w ← w + 2 u_t - u_{t-1},    u_t its update at step t, u_0 = 0,

    with u_t = -η g_t for gradient descent (Daskalakis 2018, equation 3) and Adam's update for Adam (algorithm 1,
    Optimistic Adam). The last update is kept with the optimizer's own state, as `last_update`.
    """
    moving: list[tuple[nn.Parameter, Tensor]] = []

    def before(*_: Any) -> None:
        own = (p for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
        moving[:] = [(parameter, parameter.detach().clone()) for parameter in own]

    @torch.no_grad()
    def after(*_: Any) -> None:
        for parameter, start in moving:
            update, state = parameter - start, optimizer.state[parameter]
            parameter.add_(update if "last_update" not in state else update - state["last_update"])
            state["last_update"] = update
        moving.clear()

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)


def fusible(parameters: list[nn.Parameter]) -> bool:
    """Whether one kernel can update all parameters: floating point on a device with fused optimizers."""
    return all(p.is_floating_point() and p.device.type in ("cpu", "cuda", "mps") for p in parameters)
