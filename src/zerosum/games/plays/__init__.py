"""Ways of making the moves of a round: who looks at whose weights, and what everyone makes of the gradients.

Notation: player i has weights w_i and lowers L_i; ξ(w) = (∇_{w_1} L_1, …, ∇_{w_n} L_n) is where simultaneous gradient
descent goes, and J = ∇ξ its Jacobian. Around an equilibrium J has eigenvalues with large imaginary parts, along which
plain steps circle, or leave.

A way is a function of the moves and the controls. What steps keep from round to round (momentum, the last update of
optimism) belongs to optimizers (`zerosum.optimizers`), and what is done to the weights every so many rounds to the plan
(`zerosum.training.lookahead`), so all of it can be combined.
"""

from collections.abc import Callable

from zerosum.games.core import Controls, Move
from zerosum.games.plays.consensus import CONSENSUS, consensus
from zerosum.games.plays.extragradient import extragradient
from zerosum.games.plays.orders import alternating, reversed_order, simultaneous
from zerosum.games.plays.symplectic import symplectic

Play = Callable[[list[Move], Controls], None]
"""How the moves of a round are made; a game that needs more than "lower your own loss" replaces this."""

PLAYS: dict[str, Play] = {
    "critic-first": alternating,
    "generator-first": reversed_order,
    "simultaneous": simultaneous,
    "extragradient": extragradient,
    "consensus": consensus,
    "symplectic": symplectic,
}
"""Every way by name."""

JOINT = ("consensus", "symplectic")
"""Those that differentiate the gradients of all players at once."""

__all__ = ["CONSENSUS", "JOINT", "PLAYS", "Play"]
