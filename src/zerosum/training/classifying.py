"""How often a player that tells classes is right on held-out samples."""

from dataclasses import dataclass

import torch

from zerosum.data.core import Source
from zerosum.draw import Draw
from zerosum.games import Game, Networks
from zerosum.losses import accuracy
from zerosum.training.observers import Report, State

AT_ONCE = 250
MOST = 2_000


@dataclass(frozen=True)
class Classifying:
    """An observer that asks a game's classifier about held-out samples.

    Args:
        every_samples: between two times.
    """

    every_samples: int

    def __call__(self, state: State) -> Report:
        """The share of held-out samples whose class is found, by the averaged network where there is one."""
        networks = {**state.game.networks, **state.averaged}
        share = held_out_accuracy(state.game, networks, state.data.held_out, state.draw.sub("classify"))
        return Report({"accuracy/held_out": share})


@torch.no_grad()
def held_out_accuracy(game: Game, networks: Networks, held_out: Source, draw: Draw) -> float:
    """Share of the first 2,000 samples of a source whose class is found."""
    assert game.classifier is not None
    assert held_out.size is not None
    right = []
    for positions in torch.split(torch.arange(min(held_out.size, MOST)), AT_ONCE):
        batch = held_out.batch(positions, draw)
        assert batch.label is not None
        right.append(accuracy(game.classifier(networks, batch.real), batch.label))
    return torch.cat(right).mean().item()
