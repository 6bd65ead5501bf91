"""Pictures and their latents; training samples and their neighbours."""

import numpy as np
import pytest
import torch
from PIL import Image

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.latents.distances import distance
from zerosum.latents.inversion import Descent, inverted, unusual
from zerosum.latents.nearest import neighbours
from zerosum.latents.pictures import pictures
from zerosum.spaces import Images, Points

LEVELS = [("plain", "z"), ("told", "z"), ("styled", "z"), ("styled", "w"), ("styled", "w+")]
QUICK = Descent(steps=60, starts=2, candidates=50, usual=1e-6)


@pytest.mark.parametrize(("name", "level"), LEVELS)
def test_the_latent_of_a_sample_is_found(explorers, name, level):
    explorer = explorers(name)
    made = explorer.make(explorer.draw(3, 99))
    found = inverted(explorer, made, distance(explorer, "none"), QUICK, level=level)
    begun = (found.begun - made).square().mean()
    assert (found.samples - made).square().mean() < 0.3 * begun
    assert torch.allclose(explorer.make(found.latents), found.samples, atol=1e-5)
    assert found.latents.level == level
    if name == "told":
        assert found.latents.labels is not None


def test_a_picture_is_found_by_itself_as_among_others(explorers):
    explorer = explorers("plain")
    made = explorer.make(explorer.draw(2, 99))
    by = distance(explorer, "none")
    both, one = inverted(explorer, made, by, QUICK), inverted(explorer, made[1:], by, QUICK)
    assert torch.allclose(both.latents.values[1:], one.latents.values, atol=1e-3)


@pytest.mark.parametrize("features", ["classifier", "critic", "none"])
def test_a_distance_is_that_of_embedded_samples(explorers, features, monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))  # for a classifier that is hardly trained
    monkeypatch.setattr("zerosum.metrics.networks.kept.STEPS", 10)
    explorer = explorers("plain")
    by = distance(explorer, features, 0.5)
    x, y = explorer.make(explorer.draw(3, 0)), explorer.make(explorer.draw(2, 1))
    squares = (by.embed(x)[:, None] - by.embed(y)[None]).square().sum(2)
    assert torch.allclose(by.between(x, y), squares, atol=1e-5)
    values = (x[:, None] - y[None]).square().flatten(2).mean(2)
    assert (squares >= values - 1e-6).all()
    assert torch.allclose(squares, values, atol=1e-6) == (features == "none")
    leaf = x.clone().requires_grad_()
    by.embed(leaf).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize(("name", "level"), LEVELS)
def test_latents_that_are_drawn_are_not_unusual(explorers, name, level):
    explorer = explorers(name)
    drawn = explorer.draw(200, 3, level=level)
    far = drawn.at(5 * drawn.values)
    assert unusual(explorer, drawn).median() < 1 < unusual(explorer, far).median()


def test_a_training_sample_is_its_own_neighbour(explorers):
    explorer = explorers("plain")
    wanted = torch.tensor([5, 300, 1000])
    real = explorer.data.train.batch(wanted, Draw(0)).real
    near, found = neighbours(explorer, real, 2, "raw")
    assert near.indices[:, 0].tolist() == wanted.tolist()
    assert not near.squares[:, 0].any()
    assert torch.allclose(found[:, 0], real)
    assert found.shape == (3, 2, 1, 16, 16)


def test_what_never_ends_has_no_neighbours(explorers):
    with pytest.raises(UserError, match="without end"):
        neighbours(explorers("points"), torch.zeros(1, 2), 1)


SPACE = Images((1, 16, 16))


@pytest.fixture
def picture(tmp_path):
    """Writes a picture and says where it is."""

    def write(*shape: int, name: str = "x.png"):
        levels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(levels).save(tmp_path / name)
        return tmp_path / name

    return write


def test_a_picture_is_read_as_samples_are(picture):
    path = picture(16, 16)
    levels = np.asarray(Image.open(path))
    assert torch.allclose(pictures(path, SPACE)[0, 0], torch.from_numpy(levels / 127.5 - 1).float(), atol=1e-6)
    assert torch.equal(pictures(str(path.parent), SPACE), pictures(path, SPACE))


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (16, 16, 4)])
def test_a_picture_of_another_size_is_brought_to_that_of_samples_if_asked(picture, shape, fit):
    path = picture(*shape)
    with pytest.raises(UserError, match=r"the run makes 16x16 in 1 channel\. --fit"):
        pictures(path, SPACE)
    assert pictures(path, SPACE, fit).shape == (1, 1, 16, 16)


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match="cannot be read as a picture"):
        pictures(tmp_path / "text.png", SPACE)
    with pytest.raises(UserError, match="There is no picture"):
        pictures(tmp_path / "nowhere.png", SPACE)
    with pytest.raises(UserError, match="this one makes points"):
        pictures(tmp_path / "text.png", Points((2,)))
    with pytest.raises(UserError, match=r"given are \(1, 1, 8, 8\)"):
        pictures(torch.zeros(1, 1, 8, 8), SPACE)
