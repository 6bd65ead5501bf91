"""What networks begin and end with, and how their weights start."""

import pytest
import torch
from torch import nn

from zerosum.errors import UserError
from zerosum.networks import BatchNorm, initialise
from zerosum.networks.families import build
from zerosum.networks.initialisation import INITS
from zerosum.networks.layers import NORMS, FullLinear, Output
from zerosum.networks.layers import norm as build_norm
from zerosum.penalties import spectral_norm
from zerosum.spaces import Images, Points


@pytest.mark.parametrize(
    ("space", "function"),
    [
        (Images((1, 4, 4)), torch.tanh),
        (Images((1, 4, 4), preprocessing="[0,1]"), torch.sigmoid),
        (Images((1, 4, 4), preprocessing="standardised", mean=(0.5,), std=(0.5,)), lambda x: x),
        (Points((2,)), lambda x: x),
    ],
)
def test_outputs_are_in_range_and_in_float32(space, function):
    x = torch.linspace(-6, 6, 50)
    torch.testing.assert_close(Output(space)(x), function(x))
    assert Output(space)(x.bfloat16()).dtype == torch.float32
    assert Output(space)(x.double()).dtype == torch.float64


def test_a_full_layer_rounds_nothing_under_autocast():
    torch.manual_seed(0)
    layer, x = FullLinear(8, 4), torch.randn(5, 8)
    plain = nn.functional.linear(x, layer.weight, layer.bias)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), plain)
        assert layer(x.bfloat16()).dtype == torch.float32
    assert torch.equal(layer(x), plain)
    assert layer.double()(x).dtype == torch.float64


@pytest.mark.parametrize("family", ["mlp", "points"])
def test_points_that_are_made_in_bfloat16_are_no_coarser(family):
    """A grid of eight bits would be wider than a mode of the mixtures is."""
    torch.manual_seed(0)
    generator, _ = build(family, Points((2,), extent=4.0), latent=16)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        made = generator(torch.randn(256, 16))
    assert made.dtype == torch.float32
    assert not torch.equal(made, made.bfloat16().float())
    assert len(made[:, 0].unique()) > 250


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(8, 32, 4), BatchNorm(32), nn.ConvTranspose2d(32, 16, 4), nn.Linear(16, 64))


@pytest.mark.parametrize("scheme", INITS)
def test_every_scheme_sets_every_weight_and_zeroes_biases(scheme):
    model = make()
    before = [m.weight.detach().clone() for m in model if not isinstance(m, BatchNorm)]
    nn.init.ones_(model[1].bias)
    assert initialise(model, scheme) is model
    after = [m.weight for m in model if not isinstance(m, BatchNorm)]
    assert all(not torch.isclose(a, b).all() for a, b in zip(before, after, strict=True))
    assert all(m.bias.abs().max() == 0 for m in model)


def test_schemes_have_their_law():
    dcgan = initialise(make(), "dcgan")
    assert dcgan[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert dcgan[1].weight.mean().item() == pytest.approx(1, abs=0.02)
    assert 0.01 < dcgan[1].weight.std().item() < 0.03
    rows = initialise(make(), "orthogonal")[0].weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(32), rtol=1e-4, atol=1e-5)
    he = initialise(make(), "he")
    assert he[0].weight.std().item() == pytest.approx((2 / (8 * 16)) ** 0.5, rel=0.05)
    assert torch.equal(he[1].weight, torch.ones(32))


def test_mistakes():
    with pytest.raises(UserError, match="Did you mean 'dcgan'"):
        initialise(make(), "dcgn")
    with pytest.raises(UserError, match="Did you mean 'batch'"):
        build_norm("bach", 3)
    with pytest.raises(AssertionError, match="before"):
        initialise(spectral_norm(make()), "he")


@pytest.mark.parametrize("name", NORMS)
def test_norms(name):
    x = torch.randn(4, 6, 5, 3, generator=torch.Generator().manual_seed(0)) * 3 + 2
    y = build_norm(name, 6)(x)
    dims = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}
    if name == "none":
        assert torch.equal(y, x)
    else:
        mean, deviation = y.mean(dims[name]), y.std(dims[name], unbiased=False)
        torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-5)
        torch.testing.assert_close(deviation, torch.ones_like(deviation), rtol=0, atol=1e-3)
