"""Classification losses, one value a sample, against SciPy and their formulas in float64."""

import math

import pytest
import torch
from scipy import stats
from scipy.special import log_softmax, softmax

from zerosum.losses import accuracy, cross_entropy, entropy, gaussian_nll


def numbers(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_cross_entropy():
    logits, label = 5 * numbers(7, 4), torch.tensor([0, 3, 1, 2, 2, 0, 1])
    expected = -log_softmax(logits.numpy(), axis=1)[range(7), label]
    torch.testing.assert_close(cross_entropy(logits, label), torch.from_numpy(expected))


@pytest.mark.parametrize("dimensions", [1, 3])
def test_gaussian_negative_log_likelihood(dimensions):
    mean, log_deviation, value = (numbers(5, dimensions, seed=seed) for seed in range(3))
    expected = -stats.norm.logpdf(value, mean, log_deviation.exp()).sum(1)
    torch.testing.assert_close(gaussian_nll(mean, log_deviation, value), torch.from_numpy(expected))


def test_extreme_logits_are_finite_with_finite_gradients():
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([1, 1]))
    loss.sum().backward()
    assert loss.tolist() == [2e4, 0]
    assert logits.grad.isfinite().all()


def test_half_precision_is_computed_in_float32():
    half = torch.ones(2, 3, dtype=torch.bfloat16)
    assert cross_entropy(half, torch.tensor([0, 1])).dtype == torch.float32
    assert cross_entropy(half, torch.tensor([0, 1]))[0].item() == pytest.approx(math.log(3))
    assert gaussian_nll(half, half, half).dtype == torch.float32


def test_accuracy_counts_what_is_right():
    assert accuracy(torch.tensor([[1.0, 2], [3, 0], [0, 1]]), torch.tensor([1, 0, 0])).tolist() == [1, 1, 0]


def test_entropy_is_that_of_the_softmax():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [3.0, -1.0, 0.5, 2.0], [300.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    expected = stats.entropy(softmax(logits.numpy(), axis=1), axis=1)
    torch.testing.assert_close(entropy(logits), torch.from_numpy(expected))
