import pytest
import torch

from zerosum.data import DataOptions, Density, density, open_data
from zerosum.data.points import DENSITIES, DensitySource
from zerosum.draw import Draw
from zerosum.errors import UserError

MODES = {"ring": (8, 0.01), "grid": (25, 0.05), "grid100": (100, 0.05)}


@pytest.mark.parametrize("name", MODES)
def test_mixtures_have_their_modes(name: str) -> None:
    source = open_data(name).train
    assert isinstance(source, DensitySource)
    modes, std = source.density.modes, source.density.std
    assert modes is not None
    assert (len(modes), std) == MODES[name]
    points = source.batch(torch.arange(20_000), Draw("a")).real
    offset, which = torch.cdist(points, modes).min(1)
    assert (torch.bincount(which, minlength=len(modes)) * len(modes) / 20_000).sub(1).abs().max() < 0.35
    assert (offset < 3 * std).float().mean() == pytest.approx(0.989, abs=0.004)  # what two dimensions give
    assert (points - modes[which]).std() == pytest.approx(std, rel=0.02)


def test_protocols_are_the_published_ones() -> None:
    ring, grid, grid100 = (density(name).modes for name in MODES)
    assert ring is not None
    assert grid is not None
    assert grid100 is not None
    assert torch.allclose(ring.norm(dim=1), torch.ones(8))
    assert {tuple(mode) for mode in grid.tolist()} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}
    assert {tuple(mode) for mode in grid100.tolist()} == {(x, y) for x in range(-9, 10, 2) for y in range(-9, 10, 2)}


@pytest.mark.parametrize("name", DENSITIES)
def test_pictures_show_nearly_every_point(name: str) -> None:
    data = open_data(name)
    points = data.train.batch(torch.arange(2000), Draw("a")).real
    assert (points.abs() < data.space.extent).all(1).float().mean() > 0.99  # type: ignore[attr-defined]


def test_a_density_of_ones_own() -> None:
    def sample(n: int, draw: Draw) -> torch.Tensor:
        return draw.normal(n, 5)

    data = open_data(Density(name="mine", dimensions=5, sample=sample))
    assert data.name == "mine"
    assert data.space.shape == (5,)
    assert data.train.batch(torch.arange(7), Draw("a")).real.shape == (7, 5)
    assert data.fingerprint != open_data(Density(name="other", dimensions=5, sample=sample)).fingerprint


def test_a_density_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(UserError, match=r"shape \(2, 2\) is needed"):
        open_data(Density(name="mine", sample=lambda n, draw: draw.normal(n, 3)))


@pytest.mark.parametrize("change", [{"resolution": "8"}, {"flip": True}, {"channels": 3}, {"crop": 0.1}])
def test_options_for_images_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(change))):
        open_data("ring", DataOptions(**change))  # type: ignore[arg-type]


def test_an_unknown_density_gets_a_hint() -> None:
    with pytest.raises(UserError, match="swissroll"):
        density("swisroll")
