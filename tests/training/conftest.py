"""A small training: pictures of 16 x 16, the smallest networks with every kind of layer, batches of 8."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zerosum.data import Data, open_data
from zerosum.draw import Draw
from zerosum.games import Game, pair
from zerosum.losses import ADVERSARIAL
from zerosum.networks import build
from zerosum.optimizers import Optimizer
from zerosum.priors import Normal
from zerosum.training.devices import make_fabric
from zerosum.training.engine import Engine
from zerosum.training.plan import Plan
from zerosum.training.progress import Progress


class Listener(Progress):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__(1)
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture(scope="session")
def data() -> Data:
    """Forty pictures, a fifth of them held out."""
    pictures = Draw("pictures").integers(256, 40, 16, 16).numpy().astype(np.uint8)
    return open_data(pictures, progress=False)


@pytest.fixture(scope="session")
def fabric():
    return make_fabric("cpu", 1, "float32")


@pytest.fixture
def make_game(data) -> Callable[..., Game]:
    """A pair of tiny DCGANs; the same weights every time."""

    def make(*, norm: str = "batch", seed: int = 0, **how: Any) -> Game:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            generator, critic = build("dcgan", data.space, latent=4, width=4, generator_norm=norm, critic_norm=norm)
        how = {"loss": ADVERSARIAL["non-saturating"], "optimizer": Optimizer(lr=1e-3)} | how
        return pair(generator=generator, critic=critic, prior=Normal(4), **how)

    return make


@pytest.fixture
def make_plan(make_game) -> Callable[..., Plan]:
    """Twenty rounds; nothing is reported, shown or saved before the end unless asked for."""

    def make(game: Game | None = None, **how: Any) -> Plan:
        cadence = dict.fromkeys(("report_every_samples", "snapshot_every_samples", "checkpoint_every_samples"), 10**9)
        return Plan(**{"game": game or make_game(), "batch_size": 8, "length_samples": 160} | cadence | how)

    return make


@pytest.fixture
def make_engine(data, fabric, make_plan, tmp_path) -> Callable[..., Engine]:
    """An engine at the beginning of a plan; `make_engine(plan, run="name", seed=0, observers=[…])`."""

    def make(plan: Plan | None = None, *, run: str | Path = "run", **how: Any) -> Engine:
        folder = tmp_path / run
        folder.mkdir(exist_ok=True)
        given = {"data": data, "seed": 0, "identity": {}, "fabric": fabric, "listener": Listener()} | how
        return Engine(plan or make_plan(), run=folder, **given)

    return make
