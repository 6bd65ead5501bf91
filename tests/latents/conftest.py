"""Generators of three kinds that have hardly learned anything: latents alone, latents and labels, styles."""

import pytest
import torch
from torch import Tensor, nn

import zerosum
from zerosum.latents import Explorer


class Styled(nn.Module):
    """A generator with a mapping network and three layers that read a style each."""

    layers = 3

    def __init__(self, size: int = 6, styles: int = 5, side: int = 16) -> None:
        super().__init__()
        self.map = nn.Sequential(nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, styles))
        self.affine = nn.ModuleList(nn.Linear(styles, 4) for _ in range(self.layers))
        self.begin = nn.Parameter(torch.randn(4, 1))
        self.end = nn.Linear(4, side * side)
        self.side = side

    def mapping(self, z: Tensor) -> Tensor:
        return self.map(z)

    def synthesis(self, w: Tensor) -> Tensor:
        assert w.shape[1] == self.layers
        x = self.begin[:, 0]
        for affine, style in zip(self.affine, w.unbind(1), strict=True):
            x = torch.tanh(x + affine(style))
        return torch.tanh(self.end(x)).view(-1, 1, self.side, self.side)

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z)[:, None].expand(-1, self.layers, -1))


@pytest.fixture(scope="session")
def runs(tmp_path_factory, tiny):
    """Runs by name: `plain`, `told`, `styled` (of a network of Python's), `points`."""
    folder = tmp_path_factory.mktemp("latents")
    how = {"doctor": "off"}
    torch.manual_seed(0)
    changes = {"plain": {}, "told": {}, "styled": {"generator": Styled(), "latent_size": 6}, "points": {}}
    recipes = {"plain": "dcgan", "told": "cgan", "styled": "dcgan", "points": "r3gan"}
    return {
        name: zerosum.train(out=folder / name, **tiny(recipes[name], **how, **change))
        for name, change in changes.items()
    }


@pytest.fixture
def explorers(runs):
    """Opens a run by name."""

    def open_run(name: str, **how) -> Explorer:
        return runs[name].latents(progress=False, **how)

    return open_run
