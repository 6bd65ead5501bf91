import pytest
import torch

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.priors import Coins, Normal, Uniform, prior

PRIORS = pytest.mark.parametrize("name", ["normal", "uniform", "coins"])


@PRIORS
@pytest.mark.parametrize(("n", "size"), [(1, 1), (5, 3), (64, 128)])
def test_latents_have_the_asked_shape(name, n, size):
    made = prior(name, size)
    latents = made(n, Draw(0))
    assert made.size == size
    assert latents.shape == (n, size)
    assert latents.dtype == torch.float32


@PRIORS
def test_latents_come_from_the_draw_alone(name):
    made = prior(name, 4)
    assert torch.equal(made(6, Draw(0)), made(6, Draw(0)))
    assert not torch.equal(made(6, Draw(0)), made(6, Draw(1)))
    halves = [made(3, Draw(0, rank=rank, world=2)) for rank in range(2)]
    assert torch.equal(torch.cat(halves), made(6, Draw(0)))


def test_normal_latents_are_normal_and_uniform_ones_fill_the_cube():
    normal, uniform = Normal(3)(5000, Draw(0)), Uniform(3)(5000, Draw(0))
    assert torch.allclose(normal.T.cov(), torch.eye(3), atol=0.06)
    assert torch.allclose(uniform.T.cov(), torch.eye(3) / 3, atol=0.02)
    assert -1 <= uniform.min() < -0.99
    assert 0.99 < uniform.max() < 1


def test_coins_are_fair_and_two_narrow_dimensions_are_free():
    z = Coins(6, width=0.5)(5000, Draw(0))
    assert torch.allclose(z.T.cov(), torch.diag(torch.tensor([0.25, 0.25, 1, 1, 1, 1])), atol=0.06)
    assert set(z[:, 2:].unique().tolist()) == {-1.0, 1.0}
    assert len(z[:, :2].unique()) == 10_000


def test_an_unknown_prior_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'normal'"):
        prior("normall", 2)
