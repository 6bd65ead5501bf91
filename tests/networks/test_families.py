"""One contract for every network: any channel count, sizes that are not square, gradients everywhere, exact state."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zerosum.errors import UserError
from zerosum.networks import (
    NETWORKS,
    ConditionalCritic,
    PatchGAN,
    ProjectionCritic,
    ResNetTranslator,
    build,
    build_conditional,
)
from zerosum.networks.dcgan import DCGANCritic
from zerosum.networks.dcgan import Generator as DCGANGenerator
from zerosum.networks.mlp import MLPCritic
from zerosum.networks.points import Generator as PointGenerator
from zerosum.networks.resnet import ResNetCritic
from zerosum.spaces import Images, Points

N, LATENT, WIDTH, CLASSES = 3, 6, 4, 5
SIZES = {"square": (16, 16), "tall": (32, 16), "base 7": (28, 28), "base 6": (24, 48), "one level": (6, 8)}
SPACES = {
    **{f"{c} channels": Images((c, 16, 16)) for c in (1, 2, 3, 5)},
    **{name: Images((3, *size)) for name, size in SIZES.items()},
    "0 to 1": Images((3, 16, 16), preprocessing="[0,1]"),
    "standardised": Images((1, 16, 16), preprocessing="standardised", mean=(0.5,), std=(0.2,)),
}
PAIRS = [
    *((name, space) for name in NETWORKS if name != "points" for space in SPACES.values()),
    ("points", Points((2,))),
    ("points", Points((3,), extent=10.0)),
    ("mlp", Points((2,))),
    ("mlp", Points((1,))),
    ("mlp", Images((1, 7, 13))),
]
NORMED = [(name, norm) for name in NETWORKS for norm in ("batch", "layer", "none")]


def space_for(name, *shape):
    """Images of a shape, or points for the family that takes only those."""
    return Points((shape[0],)) if name == "points" else Images(shape)


def name_of(value):
    return f"{value.kind}{value.shape}{getattr(value, 'preprocessing', '')}" if hasattr(value, "shape") else str(value)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair(name, space, **options):
    torch.manual_seed(0)
    return build(name, space, latent=LATENT, width=WIDTH, **options)


def assert_gradients_reach(module):
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 1e-12, name  # rounding alone leaves less, in float64


@pytest.mark.parametrize(("name", "space"), PAIRS, ids=name_of)
def test_shapes_and_ranges(name, space):
    G, D = pair(name, space)
    samples = G(noise(N, LATENT) * 30)
    assert samples.shape == (N, *space.shape)
    assert D(samples).shape == (N,)
    assert D.features(samples).shape == (N, D.size)
    preprocessing = getattr(space, "preprocessing", None)
    if preprocessing == "[-1,1]":
        assert samples.abs().max() <= 1
        assert samples.min() < 0
    elif preprocessing == "[0,1]":
        assert 0 <= samples.min() <= samples.max() <= 1


def test_unbounded_spaces_have_no_activation_at_the_end():
    for space in (SPACES["standardised"], Points((2,))):
        G, _ = pair("mlp", space)
        with torch.no_grad():
            assert G(noise(N, LATENT) * 1e4).abs().max() > 10


@pytest.mark.parametrize(("name", "norm"), NORMED)
def test_gradients_reach_every_parameter(name, norm):
    """Through the critic to the generator, too, and from inputs of odd channel count."""
    G, D = (module.double() for module in pair(name, space_for(name, 5, 32, 16), critic_norm=norm))
    real = noise(8, *space_for(name, 5, 32, 16).shape).double()
    loss = (nn.functional.softplus(D(G(noise(8, LATENT).double()))) + nn.functional.softplus(-D(real))).mean()
    loss.backward()
    assert_gradients_reach(D)
    assert_gradients_reach(G)


@pytest.mark.parametrize("name", NETWORKS)
def test_saved_and_loaded_is_the_same(name):
    space = space_for(name, 2, 16, 16)
    for module, x in zip(pair(name, space), (noise(N, LATENT), noise(N, *space.shape)), strict=True):
        torch.manual_seed(1)
        other = build(name, space, latent=LATENT, width=WIDTH)[0 if x.shape[1] == LATENT else 1]
        module(x)  # moves running statistics
        assert not torch.equal(module.eval()(x), other.eval()(x))
        other.load_state_dict(module.state_dict())
        assert torch.equal(module(x), other(x))


@pytest.mark.parametrize("name", NETWORKS)
def test_float64(name):
    space = space_for(name, 3, 16, 16)
    G, D = (module.double() for module in pair(name, space))
    samples = G(noise(N, LATENT).double())
    assert samples.dtype == torch.float64
    assert D(samples).dtype == torch.float64


@pytest.mark.parametrize(("name", "norm"), [(name, norm) for name, norm in NORMED if name != "points"])
def test_channels_last_is_the_same_network(name, norm):
    space = Images((3, 16, 32))
    G, D = (module.double() for module in pair(name, space, critic_norm=norm))
    z = noise(N, LATENT).double()
    plain = D(G(z))
    G, D = (module.to(memory_format=torch.channels_last) for module in (G, D))
    samples = G(z).to(memory_format=torch.channels_last)
    torch.testing.assert_close(D(samples), plain)


@pytest.mark.parametrize(("name", "norm"), NORMED)
def test_bfloat16_autocast(name, norm):
    space = space_for(name, 3, 16, 16)
    G, D = pair(name, space, critic_norm=norm)
    exact = G(noise(N, LATENT))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        samples = G(noise(N, LATENT))
        scores = D(samples)
        loss = scores.mean()
    assert samples.dtype == scores.dtype == torch.float32  # what others see is never rounded to eight bits
    torch.testing.assert_close(samples, exact, rtol=0.1, atol=0.1)
    loss.backward()
    assert_gradients_reach(G)


@pytest.mark.parametrize(("name", "norm"), NORMED)
def test_critics_can_be_differentiated_twice(name, norm):
    space = space_for(name, 2, 8, 16)
    D = pair(name, space, critic_norm=norm)[1].double()
    x = noise(4, *space.shape).double().requires_grad_()
    weight = next(p for p in D.parameters() if p.ndim > 1)

    def penalty():
        (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
        return slope.square().sum()

    (gradient,) = torch.autograd.grad(penalty(), weight)
    direction = noise(*weight.shape).double()
    step = 1e-8  # LeakyReLU's kinks are seldom within it
    with torch.no_grad():
        weight.add_(step * direction)
    above = penalty().item()
    with torch.no_grad():
        weight.sub_(2 * step * direction)
    below = penalty().item()
    expected = (above - below) / (2 * step)
    assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_critic_without_batch_norm_judges_each_sample_alone(name):
    for norm in ("layer", "none"):
        space = space_for(name, 3, 16, 16)
        _, D = pair(name, space, critic_norm=norm)
        x = noise(4, *space.shape)
        torch.testing.assert_close(D(x)[:1], D(x[:1]))


@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_images_only(name):
    with pytest.raises(UserError, match=rf"{name}.*images.*Use network 'mlp'"):
        pair(name, Points((2,)))


@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_an_impossible_size_is_refused_with_sizes_that_work(name):
    with pytest.raises(UserError, match=r"45x45.*Nearest: \d+x\d+ or \d+x\d+.*'mlp'"):
        pair(name, Images((1, 45, 45)))


def test_points_only():
    with pytest.raises(UserError, match="'points' is for points; these are images"):
        pair("points", Images((1, 16, 16)))


def test_auto_is_dcgan_for_images_and_points_for_points():
    assert isinstance(pair("auto", Images((1, 16, 16)))[0], DCGANGenerator)
    assert isinstance(pair("auto", Points((2,)))[0], PointGenerator)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "dcgn"}, "Did you mean 'dcgan'"),
        ({"critic_norm": "bach"}, "Did you mean 'batch'"),
        ({"critic_norm": "instance"}, "Allowed"),
        ({"latent": 0}, "latent is 0"),
        ({"width": -3}, "width is -3"),
    ],
)
def test_mistakes_are_named(options, message):
    given_options = {"name": "dcgan", "latent": 4, "width": 4, **options}
    with pytest.raises(UserError, match=message):
        build(given_options.pop("name"), Images((1, 16, 16)), **given_options)


def test_dcgan_keeps_the_guidelines():
    G, D = build("dcgan", Images((3, 64, 64)), latent=100, width=128)
    up = [m for m in G if isinstance(m, nn.ConvTranspose2d)]
    down = [m for m in D.body if isinstance(m, nn.Conv2d)]
    assert [m.in_channels for m in up] == [512, 512, 256, 128]  # 1024 in the paper: the cap is 512
    assert [m.out_channels for m in down] == [128, 256, 512, 512]
    assert all(m.stride == (2, 2) for m in (*up, *down))
    assert not any(isinstance(m, nn.MaxPool2d | nn.AvgPool2d) for m in (*G.modules(), *D.modules()))
    norms = [isinstance(m, nn.modules.batchnorm._BatchNorm) for m in G]
    assert norms.count(True) == len(up)  # behind the projection and all layers but the last
    assert not any(norms[-3:])
    assert [isinstance(m, nn.modules.batchnorm._BatchNorm) for m in D.body].count(True) == len(down) - 1
    assert not isinstance(D.body[1], nn.modules.batchnorm._BatchNorm)
    assert {m.negative_slope for m in D.body if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert sum(isinstance(m, nn.ReLU) for m in G) == len(up)
    assert not any(isinstance(m, nn.Linear) for m in D.body)  # no fully connected hidden layer
    weights = torch.cat([m.weight.detach().flatten() for m in (*up, *down)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert abs(weights.mean().item()) < 1e-4


def test_widths_double_up_to_the_cap():
    critic = DCGANCritic(Images((1, 64, 64)), width=16, max_width=50)
    assert [m.out_channels for m in critic.body if isinstance(m, nn.Conv2d)] == [16, 32, 50, 50]


@pytest.mark.parametrize("pool", ["sum", "flatten"])
def test_resnet_critic_pools_as_told(pool):
    space = Images((3, 16, 32))
    critic = ResNetCritic(space, width=WIDTH, pool=pool)
    assert critic.size == (2 * WIDTH if pool == "sum" else 2 * WIDTH * 4 * 8)
    assert critic(noise(N, *space.shape)).shape == (N,)


def test_mlp_depth():
    assert sum(isinstance(m, nn.Linear) for m in MLPCritic(Points((2,)), depth=5).modules()) == 6


# conditional networks

CONDITIONAL = [(name, space) for name, space in PAIRS if space.shape in {(5, 16, 16), (3, 32, 16), (2,)}]


@pytest.mark.parametrize("judging", ["concatenation", "projection"])
@pytest.mark.parametrize(("name", "space"), CONDITIONAL, ids=name_of)
def test_conditional_pairs(name, space, judging):
    torch.manual_seed(0)
    space = dataclasses.replace(space, classes=tuple("abcde"))
    width = 2 * WIDTH  # of four ReLU units in a row of layers all may start dead, and then no label gets through
    G, D = build_conditional(name, space, latent=LATENT, classes=CLASSES, embedding=3, width=width, judging=judging)
    z, label = noise(CLASSES, LATENT), torch.arange(CLASSES)
    samples = G(z, label)
    scores = D(samples, label)
    assert samples.shape == (CLASSES, *space.shape)
    assert scores.shape == (CLASSES,)
    nn.functional.softplus(scores).sum().backward()
    assert_gradients_reach(G)
    assert_gradients_reach(D)
    with torch.no_grad():
        same = z[:1].expand(CLASSES, -1)
        made = G.eval()(same, label)
        assert not torch.allclose(made[0], made[1])  # the label decides …
        judged = D.eval()(made[:1].expand_as(made), label)
        assert judged.unique().numel() == CLASSES  # … in both


def test_labels_as_channels_are_constant_over_the_picture():
    critic = ConditionalCritic(nn.Identity(), classes=4, embedding=3)
    x, label = noise(2, 1, 5, 6), torch.tensor([3, 1])
    seen = critic(x, label)
    assert torch.equal(seen[:, :1], x)
    expected = critic.embedding.weight[label][:, :, None, None].expand(-1, -1, 5, 6)
    assert torch.equal(seen[:, 1:], expected)


def test_projection_adds_the_labels_product_with_the_features():
    space = Images((1, 16, 16))
    torch.manual_seed(0)
    inner = ResNetCritic(space, width=WIDTH)
    critic = ProjectionCritic(inner, classes=CLASSES)
    x, label = noise(4, *space.shape), torch.tensor([0, 4, 2, 2])
    extra = torch.stack([critic.embedding.weight[y] @ f for y, f in zip(label, inner.features(x), strict=True)])
    torch.testing.assert_close(critic(x, label), inner(x) + extra)
    critic(x, torch.arange(4)).sum().backward()
    assert critic.embedding.weight.grad[:4].abs().sum(1).min() > 0


# translation


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (20, 36)])
@pytest.mark.parametrize("channels", [(1, 1), (3, 1), (2, 5)])
def test_translators(size, channels):
    source, target = Images((channels[0], *size)), Images((channels[1], *size), preprocessing="[0,1]")
    torch.manual_seed(0)
    G = ResNetTranslator(source, target, width=WIDTH, blocks=2).double()
    made = G(noise(2, *source.shape).double())
    assert made.shape == (2, *target.shape)
    assert 0 <= made.min() <= made.max() <= 1
    made.square().mean().backward()
    assert_gradients_reach(G)


@pytest.mark.parametrize(("side", "blocks"), [(32, 4), (64, 6), (128, 6), (256, 9)])
def test_residual_blocks_by_resolution(side, blocks):
    space = Images((1, side, side))
    assert sum(type(m).__name__ == "Residual" for m in ResNetTranslator(space, space, width=2)) == blocks


@pytest.mark.parametrize(("side", "patch"), [(8, 16), (40, 34), (64, 34), (128, 70), (256, 70)])
def test_patch_critic_sees_the_patch_it_says(side, patch):
    torch.manual_seed(0)
    space = Images((1, side, side))
    D = PatchGAN(space, width=2)
    for module in D.modules():  # instance normalisation looks at the whole picture: measure the convolutions alone
        if isinstance(module, nn.GroupNorm):
            module.forward = lambda x: x
    x = noise(1, 1, side, side).requires_grad_()
    scores = D(x)
    assert scores.shape[:2] == (1, 1)
    middle = scores.shape[2] // 2
    (gradient,) = torch.autograd.grad(scores[0, 0, middle, middle], x)
    touched = gradient[0, 0].abs().sum(1).nonzero()
    assert (touched.max() - touched.min() + 1).item() == min(patch, side)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_patch_critic_gradients_twice_and_in_channels_last(layers):
    torch.manual_seed(0)
    space = Images((3, 32, 48))
    D = PatchGAN(space, width=WIDTH, layers=layers).double()
    x = noise(2, *space.shape).double().requires_grad_()
    plain = D(x)
    (slope,) = torch.autograd.grad(plain.mean(), x, create_graph=True)
    (slope.square().sum() + plain.mean()).backward()
    assert_gradients_reach(D)
    D = D.to(memory_format=torch.channels_last)
    torch.testing.assert_close(D(x.to(memory_format=torch.channels_last)), plain)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResNetTranslator(Images((1, 30, 32)), Images((1, 30, 32))), "multiples of 4.*Nearest: 32x32"),
        (lambda: ResNetTranslator(Images((1, 4, 4)), Images((1, 4, 4))), "at least 8"),
        (lambda: ResNetTranslator(Images((1, 32, 32)), Images((1, 64, 64))), "same resolution"),
        (lambda: ResNetTranslator(Points((2,)), Points((2,))), "two domains of images"),
        (lambda: PatchGAN(Images((1, 16, 16)), layers=3), "at least 24 pixels"),
        (lambda: PatchGAN(Images((1, 32, 32)), layers=0), "at least 1 layer"),
        (lambda: PatchGAN(Points((2,))), "images"),
    ],
)
def test_translation_mistakes_are_named(make, message):
    with pytest.raises(UserError, match=message):
        make()


@given(side=st.integers(2, 12), other=st.integers(2, 12))
def test_patch_critic_works_wherever_it_is_not_refused(side, other):
    space = Images((1, side, other))
    try:
        D = PatchGAN(space, width=2)
    except UserError:
        assert min(side, other) < 6
        return
    scores = D(noise(1, *space.shape))
    assert math.prod(scores.shape) >= 1
