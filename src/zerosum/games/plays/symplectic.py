"""Symplectic gradient adjustment: the turning part of the game is taken out of the field (Balduzzi 2018)."""

import torch

from zerosum.games.core import Controls, Move
from zerosum.games.plays.field import Field, dot, plus
from zerosum.games.plays.orders import turns

ALIGNMENT = 0.1
"""ε of the paper's alignment: where nothing speaks against it, λ = +1."""


def symplectic(moves: list[Move], controls: Controls) -> None:
    """In each turn everyone steps along ξ + λ Aᵀ ξ, with J = S + A, A antisymmetric (Balduzzi 2018, algorithm 1).

    Aᵀ ξ = ½ (Jᵀ ξ - J ξ). λ = ±1 is such that stable points attract and others repel: with ∇H = Jᵀ ξ,
    λ = sign(⟨ξ, ∇H⟩ ⟨Aᵀ ξ, ∇H⟩ / d + ε), d the number of weights (section 3.5).
    """
    for turn in turns(moves):
        field = Field(turn)
        uphill = field.transposed(field.slope)
        turning = plus(uphill, -1.0, field.along(field.slope))  # 2 Aᵀ ξ
        size = sum(parameter.numel() for parameter in field.parameters)
        sign = torch.sign(dot(field.slope, uphill) * dot(turning, uphill) / (2 * size) + ALIGNMENT)
        field.follow(plus(field.slope, sign / 2, turning))
