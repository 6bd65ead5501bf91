"""Filters against their formula in float64, sample by sample."""

import pytest
import torch

from zerosum.networks import filters
from zerosum.networks.filters import LONGEST, Filter, better_as_products, doubling, halving, zeros_between


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def formula(x, taps, up, down, pad, gain):
    """One picture `(h, w)`: zeros between, zeros around, the convolution, every `down`-th sample."""
    h, w = x.shape
    wide = torch.zeros(h * up + sum(pad), w * up + sum(pad), dtype=torch.float64)
    for i in range(h):
        for j in range(w):
            wide[pad[0] + i * up, pad[0] + j * up] = x[i, j]
    k, total = len(taps), sum(taps)
    rows, columns = wide.shape[0] - k + 1, wide.shape[1] - k + 1
    out = torch.zeros(rows, columns, dtype=torch.float64)
    for i in range(rows):
        for j in range(columns):
            for a in range(k):
                for b in range(k):
                    weight = taps[k - 1 - a] * taps[k - 1 - b] / total**2
                    out[i, j] += gain * up**2 * weight * wide[i + a, j + b]
    return out[::down, ::down]


@pytest.mark.parametrize("products", [False, True])
@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 2, 1), (1, 2, 4)])
@pytest.mark.parametrize(
    ("up", "down", "pad", "gain"),
    [(1, 1, (0, 0), 1.0), (2, 1, (2, 1), 1.0), (1, 2, (1, 1), 1.0), (3, 2, (0, 3), 4.0), (2, 1, (0, -1), 1.0)],
)
def test_a_filter_is_its_formula(monkeypatch, taps, up, down, pad, gain, products):
    monkeypatch.setattr(filters, "better_as_products", lambda x: products)
    x = noise(2, 3, 5, 4)
    layer = Filter(taps, up=up, down=down, pad=pad, gain=gain).double()
    expected = torch.stack([torch.stack([formula(c, taps, up, down, pad, gain) for c in sample]) for sample in x])
    torch.testing.assert_close(layer(x), expected, rtol=1e-6, atol=1e-6)  # kernels are kept in float32
    assert torch.autograd.gradgradcheck(layer, (x[:1, :1].clone().requires_grad_(),))


def test_doubling_and_halving_keep_the_size_and_a_flat_picture():
    x = torch.full((1, 2, 6, 10), 3.0)
    assert doubling()(x).shape == (1, 2, 12, 20)
    assert halving()(x).shape == (1, 2, 3, 5)
    for layer in (doubling(), halving()):
        inside = layer(x)[:, :, 1:-1, 1:-1]  # at the border there are zeros
        torch.testing.assert_close(inside, torch.full_like(inside, 3.0))


def test_zeros_stand_behind_every_sample():
    x = noise(1, 1, 2, 2)
    wide = zeros_between(x, 3)
    assert wide.shape == (1, 1, 6, 6)
    assert torch.equal(wide[..., ::3, ::3], x)
    assert wide.count_nonzero() == 4


def test_half_precision_on_a_cpu_is_filtered_by_products_of_matrices_unless_images_are_large():
    x = torch.zeros(1, 1, 4, 4)
    assert not better_as_products(x)
    assert better_as_products(x.bfloat16())
    assert not better_as_products(torch.zeros(1, 1, 4, LONGEST + 1, dtype=torch.bfloat16))
    with torch.autocast("cpu", torch.bfloat16):
        assert better_as_products(x)
        made = doubling()(noise(2, 3, 6, 9).float())
    assert made.dtype is torch.bfloat16
    torch.testing.assert_close(made.float(), doubling()(noise(2, 3, 6, 9).float()), rtol=0.02, atol=0.02)
