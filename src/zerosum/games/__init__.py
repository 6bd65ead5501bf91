"""Games: players, phases, and the shapes of game that published systems share."""

from zerosum.games.core import (
    Controls,
    Game,
    Latent,
    Move,
    Networks,
    Phase,
    Player,
    Replicated,
    Result,
    Sampler,
)
from zerosum.games.pair import Pair, Weighted, pair
from zerosum.games.plays import CONSENSUS, JOINT, PLAYS, Play
from zerosum.games.tricks import NO_TRICKS, Tricks

__all__ = [
    "CONSENSUS",
    "JOINT",
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
