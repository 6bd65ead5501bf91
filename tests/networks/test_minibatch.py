"""Layers that see the whole batch, against loops in float64."""

import math

import pytest
import torch

from zerosum.errors import UserError
from zerosum.networks import NETWORKS, build, build_conditional
from zerosum.networks.minibatch import LAYERS, MinibatchDeviation, MinibatchDiscrimination
from zerosum.spaces import Images, Points

MIXING = [name for name in LAYERS if name != "none"]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_discrimination_sums_closeness_to_the_others():
    layer = MinibatchDiscrimination(5, kernels=3, dims=2).double()
    x = noise(4, 5)
    out = layer(x)
    assert torch.equal(out[:, :5], x)
    M = torch.einsum("na,abc->nbc", x, layer.T)
    for i in range(4):
        for b in range(3):
            o = sum(math.exp(-(M[i, b] - M[j, b]).abs().sum().item()) for j in range(4) if j != i)
            assert out[i, 5 + b].item() == pytest.approx(o)


@pytest.mark.parametrize("shape", [(6,), (3, 4, 4)])
@pytest.mark.parametrize(("n", "group"), [(8, 4), (6, 6), (2, 2)])
def test_deviation_is_one_number_a_group(shape, n, group):
    x = noise(n, *shape)
    out = MinibatchDeviation()(x)
    assert out.shape == (n, shape[0] + 1, *shape[1:])
    assert torch.equal(out[:, :-1], x)
    for start in range(0, n, group):
        part = x[start : start + group]
        expected = ((part - part.mean(0)).square().mean(0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(out[start : start + group, -1], expected.expand(group, *shape[1:]))


@pytest.mark.parametrize("layer", MIXING)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_critic_with_such_a_layer_sees_what_varies(name, layer):
    space = Points((2,)) if name == "points" else Images((1, 16, 16))
    torch.manual_seed(0)
    _, D = build(name, space, latent=3, width=4, critic_norm="none", minibatch=layer)
    assert not D.independent
    torch.manual_seed(0)
    _, plain = build(name, space, latent=3, width=4, critic_norm="none")
    assert plain.independent
    assert torch.equal(D.head.weight[:, : plain.size], plain.head.weight)
    samples = noise(4, *space.shape).float()
    same = samples[:1].expand_as(samples)
    assert D(samples).shape == (4,)
    assert D.features(samples).shape == (4, D.size)
    assert not torch.allclose(D(samples)[0], D(same)[0], rtol=1e-6)
    assert torch.allclose(plain(samples)[0], plain(same)[0], rtol=1e-4)


@pytest.mark.parametrize("layer", MIXING)
def test_its_slope_can_be_penalised(layer):
    _, D = build("mlp", Points((2,)), latent=3, width=4, minibatch=layer)
    x = noise(4, 2).float().requires_grad_()
    (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in D.parameters() if p.grad is not None)


@pytest.mark.parametrize("judging", ["concatenation", "projection"])
@pytest.mark.parametrize("layer", MIXING)
def test_conditional_critics_have_them_too(judging, layer):
    how = {"latent": 3, "classes": 3, "width": 4, "judging": judging, "minibatch": layer}
    _, D = build_conditional("dcgan", Images((1, 16, 16)), **how)
    x, label = noise(4, 1, 16, 16).float(), torch.tensor([0, 1, 2, 0])
    assert D(x, label).shape == (4,)
    assert len(D.features(x, label)) == 4


def test_an_unknown_layer_is_refused():
    with pytest.raises(UserError, match="Did you mean 'deviation'"):
        build("mlp", Points((2,)), latent=3, minibatch="deviaton")


def test_a_critic_of_packs_sees_their_channels():
    _, D = build("dcgan", Images((3, 16, 16)), latent=3, width=4, pac=2)
    assert D(noise(4, 6, 16, 16).float()).shape == (4,)
