"""A table without data: games that look at no samples."""

from collections.abc import Callable

import pytest
import torch

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Game
from zerosum.training.dealing import Dealer
from zerosum.training.devices import make_fabric
from zerosum.training.moves import Mover, Table
from zerosum.training.tally import Tally


class Nothing:
    """A source of samples without values."""

    size = None

    def batch(self, positions: torch.Tensor, draw: Draw) -> Batch:
        return Batch(torch.empty(len(positions), 0))


@pytest.fixture(scope="session")
def fabric():
    return make_fabric("cpu", 1, "float32")


@pytest.fixture
def make_table(fabric) -> Callable[[Game], Table]:
    def make(game: Game) -> Table:
        return Table(
            movers={name: Mover(player) for name, player in game.players.items()},
            dealer=Dealer(Nothing(), batch_size=1, seed=0, device=torch.device("cpu")),
            fabric=fabric,
            tally=Tally(),
            controls={},
        )

    return make
