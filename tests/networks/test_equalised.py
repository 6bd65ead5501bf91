"""Equalised layers against their formula in float64, and the scale they start with."""

import math

import pytest
import torch
import torch.nn.functional as F

from zerosum.networks.equalised import HE, ChannelBias, EqualisedConv2d, EqualisedLinear, PixelNorm


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("gain", "multiplier", "start"), [(1.0, 1.0, 0.0), (HE, 1.0, 1.0), (1.0, 0.01, 0.5)])
def test_a_linear_layer_scales_its_weights_when_it_uses_them(gain, multiplier, start):
    layer = EqualisedLinear(9, 4, gain=gain, multiplier=multiplier, start=start).double()
    x = noise(5, 9)
    expected = x @ (layer.weight * (multiplier * gain / 3)).T + multiplier * start
    torch.testing.assert_close(layer(x), expected)


def test_a_convolution_scales_its_weights_when_it_uses_them():
    layer = EqualisedConv2d(3, 4, 3, gain=HE).double()
    x = noise(2, 3, 5, 7)
    expected = F.conv2d(x, layer.weight * (HE / math.sqrt(27)), padding=1)
    torch.testing.assert_close(layer(x), expected)
    assert layer(x).shape == (2, 4, 5, 7)


@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_what_goes_out_has_the_variance_of_what_comes_in(multiplier):
    torch.manual_seed(0)
    x = noise(500, 256).float()
    assert EqualisedLinear(256, 256, multiplier=multiplier)(x).std().item() == pytest.approx(1, abs=0.03)
    pictures = noise(4, 64, 16, 16).float()
    assert EqualisedConv2d(64, 64, 1)(pictures).std().item() == pytest.approx(1, abs=0.05)


def test_pixel_norm_brings_every_position_to_the_same_length():
    x = 7 * noise(2, 6, 3, 4)
    normal = PixelNorm()(x)
    torch.testing.assert_close(normal, x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt())
    torch.testing.assert_close(normal.square().mean(1), torch.ones(2, 3, 4, dtype=torch.float64))


def test_a_channel_has_one_bias():
    layer = ChannelBias(3).double()
    torch.nn.init.normal_(layer.bias)
    x = noise(2, 3, 4, 5)
    torch.testing.assert_close(layer(x), x + layer.bias[None, :, None, None])
