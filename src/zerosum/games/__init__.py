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
    Replicated,
    Result,
    Sampler,
)
from zerosum.games.pair import Pair, Weighted, pair
from zerosum.games.tricks import NO_TRICKS, Tricks

__all__ = [
    "NO_TRICKS",
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
    "Replicated",
    "Result",
    "Sampler",
    "Tricks",
    "Weighted",
    "pair",
]
