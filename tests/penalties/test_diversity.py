import pytest
import torch

from zerosum.penalties.diversity import mode_seeking


def two(*shape, seed):
    return torch.randn(5, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3,), (2, 4, 4)])
def test_it_is_the_inverse_quotient_of_mean_absolute_differences(shape):
    a, b, z, y = two(*shape, seed=0), two(*shape, seed=1), two(7, seed=2), two(7, seed=3)
    expected = 1 / ((a - b).abs().sum() / a.numel() / ((z - y).abs().sum() / z.numel()) + 1e-5)
    torch.testing.assert_close(mode_seeking(a, b, z, y), expected)


def test_it_falls_as_samples_move_apart_and_is_finite_where_they_are_one():
    a, b, z, y = two(3, seed=0), two(3, seed=1), two(7, seed=2), two(7, seed=3)
    assert mode_seeking(a, b + 10, z, y) < mode_seeking(a, b, z, y)
    assert mode_seeking(a, a, z, y).isfinite()
    assert mode_seeking(a, b, z, z).isfinite()


def test_it_is_computed_in_float32():
    a, b, z, y = (two(3, seed=seed).bfloat16() for seed in range(4))
    assert mode_seeking(a, b, z, y).dtype == torch.float32
