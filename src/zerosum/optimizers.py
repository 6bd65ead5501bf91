"""Optimizers by name, as descriptions that a plan can hold and a player can call."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd", "momentum"]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """A description of an optimizer; calling it with parameters makes one.

    Args:
        name: `adam` (Kingma 2015), `adamw` (Loshchilov 2019), `rmsprop` (Hinton 2012, smoothing 0.99),
            `sgd`, or `momentum` (SGD with heavy-ball momentum `betas[0]`).
        lr: learning rate.
        betas: decay of the first and second moment.
        weight_decay: decoupled for `adamw`, added to the gradient elsewhere.
    """

    name: OptimizerName = "adam"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """An optimizer of `parameters`, in one kernel where the device has one."""
        parameters = list(parameters)
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
        each beta becomes beta ** c; for a single penalty c = k / (k + 1) (Karras 2020, appendix B).
        """
        c = 1 / (1 + sum(1 / rounds for rounds in every if rounds > 1))
        return replace(self, lr=self.lr * c, betas=(self.betas[0] ** c, self.betas[1] ** c))


def fusible(parameters: list[nn.Parameter]) -> bool:
    """Whether one kernel can update all parameters: floating point on a device with fused optimizers."""
    return all(p.is_floating_point() and p.device.type in ("cpu", "cuda", "mps") for p in parameters)
