"""Laplacian pyramids are taken back exactly, and every level has a generator and a critic of its own."""

import pytest
import torch

from zerosum.errors import UserError
from zerosum.networks.laplacian import LaplacianCritic, LaplacianGenerator, LaplacianPyramid, levels_of
from zerosum.spaces import Images, Points

SPACES = [Images((1, 16, 16)), Images((3, 16, 24)), Images((5, 8, 8)), Images((2, 9, 7))]
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def generator(space, levels):
    torch.manual_seed(0)
    return LaplacianGenerator(space, levels=levels, latent=5, width=3, units=6).double()


def critic(space, levels, **how):
    torch.manual_seed(0)
    return LaplacianCritic(space, levels=levels, width=3, units=6, **how).double()


@pytest.mark.parametrize("levels", [0, 1, 3])
@pytest.mark.parametrize("channels", [1, 5])
def test_a_picture_is_taken_back_from_its_pyramid(levels, channels):
    pyramid, x = LaplacianPyramid(levels).double(), noise(2, channels, 16, 24)
    parts = pyramid.parts(x)
    assert [part.shape[2] for part, _ in parts] == [16 >> k for k in reversed(range(levels + 1))]
    torch.testing.assert_close(pyramid.whole([part for part, _ in parts]), x, rtol=0, atol=1e-14)
    for (residual, low), (coarse, _) in zip(parts[2:], parts[1:], strict=False):
        assert residual.shape == low.shape
        assert coarse.shape[2] * 2 == low.shape[2]


def test_what_is_flat_stays_flat_up_to_the_edge():
    pyramid, x = LaplacianPyramid(2).double(), torch.full((1, 2, 8, 12), -1.0, dtype=torch.float64)
    (coarsest, _), *finer = pyramid.parts(x)
    torch.testing.assert_close(coarsest, torch.full_like(coarsest, -1.0))
    assert all(residual.abs().max() < 1e-12 for residual, _ in finer)


def test_the_coarser_picture_is_smooth():
    """What alternates from pixel to pixel is in the finest level alone."""
    pyramid, x = LaplacianPyramid(1).double(), torch.ones(1, 1, 16, 16, dtype=torch.float64)
    x[..., ::2] = -1.0
    (coarse, _), _ = pyramid.parts(x)
    assert coarse[..., 1:-1].abs().max() < 1e-12


@every_space
def test_samples_have_their_shape_and_every_level_its_latents(space):
    levels = levels_of(space)
    G = generator(space, levels)
    z = noise(3, sum(G.latents)).requires_grad_()
    samples = G(z)
    assert samples.shape == (3, *space.shape)
    (samples * noise(*samples.shape, seed=1)).sum().backward()
    assert [key for key, parameter in G.named_parameters() if not parameter.grad.any()] == []
    assert all(part.any() for part in z.grad.split(G.latents, dim=1))


@every_space
def test_the_critic_says_the_mean_of_its_levels(space):
    levels = levels_of(space)
    D, x = critic(space, levels), noise(3, *space.shape)
    (coarsest, _), *finer = D.pyramid.parts(x)
    scores = [D.levels[0](coarsest), *(level(*part) for level, part in zip(D.levels[1:], finer, strict=True))]
    torch.testing.assert_close(D(x), torch.stack(scores).mean(0))
    D(x).sum().backward()
    assert all(parameter.grad.any() for key, parameter in D.named_parameters() if key.endswith("weight"))


def test_dropout_leaves_out_in_training_alone():
    D, x = critic(SPACES[0], 1, dropout=0.5), noise(2, 1, 16, 16)
    assert not torch.equal(D(x), D(x))
    assert torch.equal(D.eval()(x), D(x))


@pytest.mark.parametrize(
    ("size", "levels"), [((8, 8), 0), ((16, 16), 1), ((32, 32), 2), ((64, 32), 3), ((28, 28), 2), ((30, 30), 1)]
)
def test_the_coarsest_is_no_larger_than_eight(size, levels):
    assert levels_of(Images((1, *size))) == levels


def test_other_samples_are_refused():
    with pytest.raises(UserError, match="is for images"):
        levels_of(Points((2,)))
    with pytest.raises(UserError, match=r"Images of 12x20 .* can be halved 2 times, not 3"):
        generator(Images((1, 12, 20)), 3)
