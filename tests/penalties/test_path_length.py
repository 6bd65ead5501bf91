"""Path lengths against the whole Jacobian in float64; the drift against its formula."""

import pytest
import torch

from zerosum.draw import Draw
from zerosum.penalties import drift
from zerosum.penalties.path_length import path_lengths


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def picture(w):
    """A smooth function of w `(n, …, 3)` to pictures `(n, 1, 2, 2)`."""
    flat = w.flatten(1)
    return torch.tanh(flat @ noise(flat.shape[1], 4, seed=5)).view(-1, 1, 2, 2)


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3)])
def test_a_length_is_that_of_the_jacobian_times_the_direction(shape):
    w, y = noise(*shape).requires_grad_(), noise(2, 1, 2, 2, seed=1)
    lengths = path_lengths(picture(w), w, y)
    for i in range(2):
        J = torch.autograd.functional.jacobian(lambda own: picture(own[None]).flatten(), w[i].detach())
        product = torch.einsum("p...,p->...", J, y[i].flatten())
        squares = product.square().sum(-1)
        torch.testing.assert_close(lengths[i], squares.mean().sqrt())
    assert torch.autograd.gradcheck(lambda w: path_lengths(picture(w), w, y), (w,))


def test_the_mean_square_over_directions_is_the_norm_of_the_jacobian():
    A = noise(3, 4, seed=3)
    w = noise(1, 3).expand(4000, -1).clone().requires_grad_()
    lengths = path_lengths((w @ A).view(-1, 1, 2, 2), w, noise(4000, 1, 2, 2, seed=4))
    torch.testing.assert_close(lengths.square().mean(), A.square().sum(), rtol=0.05, atol=0)


@pytest.mark.parametrize("shape", [(5,), (5, 1, 3, 3)])
def test_drift_is_the_square_of_real_scores(shape):
    scores = noise(*shape)
    found = drift(lambda x: scores, noise(5, 2), noise(5, 2), Draw(0))
    torch.testing.assert_close(found, scores.square().reshape(5, -1).mean(1))
