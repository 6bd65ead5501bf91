"""Modulated convolutions against the paper's formula, with weights of its own for each sample, in float64."""

import pytest
import torch
import torch.nn.functional as F

from zerosum.draw import Draw
from zerosum.networks.modulation import ModulatedConv2d, Noise, StyledLayer, StyledPicture, demodulation


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def own_weights(layer, w):
    """w'' (or w') of every sample, `(n, after, before, k, k)` (Karras 2020, equations 1 and 3)."""
    s = layer.affine(w) * layer.scale
    weights = s[:, None, :, None, None] * layer.weight[None]
    if layer.demodulate:
        weights = weights / (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    return weights


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_what_is_scaled_before_and_behind_is_a_convolution_with_weights_of_ones_own(kernel, demodulate):
    layer = ModulatedConv2d(3, 4, kernel, size_w=5, demodulate=demodulate).double()
    x, w = noise(2, 3, 6, 7), noise(2, 5, seed=1)
    expected = [F.conv2d(a[None], own, padding=kernel // 2) for a, own in zip(x, own_weights(layer, w), strict=True)]
    torch.testing.assert_close(layer(x, w), torch.cat(expected))


def test_doubling_is_a_transposed_convolution_and_a_filter():
    """Zeros between the samples, the weights, [1, 3, 3, 1]² / 64 · 4 (Karras 2020, appendix B)."""
    layer = ModulatedConv2d(3, 4, 3, size_w=5, up=True).double()
    x, w = noise(2, 3, 4, 5), noise(2, 5, seed=1)
    taps = torch.tensor([1, 3, 3, 1], dtype=torch.float64)
    kernel = (torch.outer(taps, taps) / 64 * 4).expand(4, 1, 4, 4)
    for sample, own, found in zip(x, own_weights(layer, w), layer(x, w), strict=True):
        wide = torch.zeros(3, 7, 9, dtype=torch.float64)
        wide[:, ::2, ::2] = sample
        convolved = F.conv2d(wide[None], own.flip(2, 3), padding=2)
        expected = F.conv2d(F.pad(convolved, (1, 1, 1, 1)), kernel, groups=4)[0]
        assert found.shape == (4, 8, 10)
        torch.testing.assert_close(found, expected)


def test_demodulated_features_have_unit_variance_whatever_the_style():
    torch.manual_seed(0)
    layer = ModulatedConv2d(64, 32, 3, size_w=8).double()
    out = layer(noise(4, 64, 12, 12), 20 * noise(4, 8, seed=1))
    deviations = out[:, :, 1:-1, 1:-1].std((1, 2, 3))
    torch.testing.assert_close(deviations, torch.ones(4, dtype=torch.float64), rtol=0.1, atol=0)


def test_demodulation_is_the_norm_of_the_modulated_weights():
    weight, s = noise(4, 3, 3, 3), noise(2, 3, seed=1)
    norms = (s[:, None, :, None, None] * weight).square().sum((2, 3, 4))
    torch.testing.assert_close(demodulation(weight, s), 1 / (norms + 1e-8).sqrt())


@pytest.mark.parametrize("up", [True, False])
def test_layers_can_be_differentiated_twice(up):
    layer = StyledLayer(2, 2, size=(4, 4) if up else (2, 2), size_w=2, up=up).double()
    x, w = noise(2, 2, 2, 2).requires_grad_(), noise(2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradgradcheck(layer, (x, w))


def test_a_picture_is_modulated_but_not_demodulated():
    layer = StyledPicture(3, 2, size_w=4).double()
    x, w = noise(2, 3, 4, 4), noise(2, 4, seed=1)
    s = layer.convolution.affine(w) / 3**0.5
    expected = torch.einsum("nchw,nc,oc->nohw", x, s, layer.convolution.weight[:, :, 0, 0])
    torch.testing.assert_close(layer(x, w), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_is_drawn_once_for_all_channels_or_is_always_the_same(channels):
    layer = Noise((4, 5), channels)
    x = noise(2, 3, 4, 5).float()
    assert torch.equal(layer(x, Draw(0)), x)  # the strength starts at 0
    torch.nn.init.constant_(layer.strength, 0.5)
    torch.testing.assert_close(layer(x) - x, (0.5 * layer.constant).expand(2, 3, 4, 5))
    torch.testing.assert_close(layer(x, Draw(0)) - x, 0.5 * Draw(0).normal(2, 1, 4, 5).expand(2, 3, 4, 5))
