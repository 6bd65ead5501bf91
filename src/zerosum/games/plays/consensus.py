"""Consensus optimisation: everyone lowers their loss, and all lower the length of the field (Mescheder 2017)."""

from zerosum.games.core import Controls, Move
from zerosum.games.plays.field import Field, plus
from zerosum.games.plays.orders import turns

CONSENSUS = "consensus"
"""The control that holds γ."""


def consensus(moves: list[Move], controls: Controls) -> None:
    """In each turn everyone steps along ξ + γ ∇ ½‖ξ‖² = ξ + γ Jᵀ ξ (Mescheder 2017, algorithm 2).

    The second term pulls to where no one wants to move; near an equilibrium it turns circles into spirals that end.
    """
    for turn in turns(moves):
        field = Field(turn)
        field.follow(plus(field.slope, controls[CONSENSUS], field.transposed(field.slope)))
