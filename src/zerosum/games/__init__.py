"""Games: players, phases, and the shapes of game that published systems share."""

from zerosum.games.core import (
    PLAYS,
    Controls,
    Game,
    Latent,
    Move,
    Networks,
    Phase,
    Play,
    Player,
    Result,
    Sampler,
)
from zerosum.games.pair import Pair, Weighted, pair

__all__ = [
    "PLAYS",
    "Controls",
    "Game",
    "Latent",
    "Move",
    "Networks",
    "Pair",
    "Phase",
    "Play",
    "Player",
    "Result",
    "Sampler",
    "Weighted",
    "pair",
]
