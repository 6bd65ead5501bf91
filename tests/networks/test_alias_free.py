"""StyleGAN3: the published schedule and sizes, what a layer is made of, and pictures that follow their input."""

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from zerosum.errors import UserError
from zerosum.networks import alias_free
from zerosum.networks.alias_free import AliasFreeLayer, Magnitude, schedule
from zerosum.networks.fourier import FourierFeatures, in_disc
from zerosum.networks.style_families import alias_free_family
from zerosum.recipes import recipe
from zerosum.recipes.options import PRESETS, options
from zerosum.spaces import Images, Points

SPACES = [Images((1, 16, 16)), Images((3, 16, 24)), Images((2, 6, 10))]
every_variant = pytest.mark.parametrize("rotation", [False, True])
SMALL = {"size_w": 6, "depth": 2, "group": 2, "layers": 4, "margin": 4, "oversampling": 2}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(space=SPACES[0], *, rotation=False, width=4, **how):
    torch.manual_seed(0)
    G = alias_free_family(**SMALL | {"rotation": rotation} | how).generator(space, latent=5, width=width, norm="none")
    for name, parameter in G.named_parameters():
        if name.endswith("bias") and "affine" not in name:
            torch.nn.init.normal_(parameter)
    return G.eval()


def names(levels):
    return [f"L{index}_{level.size[0]}_{level.channels}" for index, level in enumerate(levels)]


def test_the_schedule_is_that_of_the_published_networks():
    """Names of the layers of StyleGAN3-T and -R for 1024 x 1024, as the authors' code prints them; but for ToRGB."""
    sides = [36, 36, 52, 52, 84, 148, 148, 276, 276, 532, 1044, 1044, 1044, 1024]
    channels = [512] * 7 + [323, 203, 128, 81, 51, 32, 32]
    levels = schedule((1024, 1024), width=32)
    assert names(levels) == [f"L{i}_{side}_{c}" for i, (side, c) in enumerate(zip(sides, channels, strict=True))]
    doubled = [1024] * 7 + [645, 406, 256, 161, 102, 64, 64]
    assert [level.channels for level in schedule((1024, 1024), width=64, max_width=1024)] == doubled
    assert [level.critical for level in levels] == [False] * 12 + [True] * 2
    assert (levels[0].cutoff, levels[0].rate, levels[0].cutoff + levels[0].half_width) == (2, 16, 8)
    assert (levels[-1].cutoff, levels[-1].rate) == (512, 1024)
    assert levels[-1].cutoff + levels[-1].half_width == pytest.approx(512 * 2**0.3)
    ratios = [b.cutoff / a.cutoff for a, b in pairwise(levels[:13])]
    assert ratios == pytest.approx([2 ** (8 / 12)] * 12)


@pytest.mark.parametrize("size", [(32, 32), (16, 24), (6, 10), (256, 256)])
def test_no_level_holds_less_than_its_cutoff(size):
    for level in schedule(size, width=8, layers=6):
        assert 0 < level.cutoff <= level.rate / 2 <= min(size) / 2
        assert level.half_width > 0


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("rotation", "side", "total"),
    [(True, 512, 16_665_594), (False, 1024, 22_313_167), (True, 1024, 15_093_151)],
)
def test_as_many_parameters_as_published(rotation, side, total):
    """16,665,594 are what the authors' code prints for stylegan3-r at 512 x 512 (NVlabs/stylegan3, issue 229).

    The paper says 22.3 M of StyleGAN3-T at 1024 x 1024 (figure 5). Of R at that size it is the sum over the layers
    of the schedule: two of the mapping, the input, and of each layer a convolution, its bias and its style.
    """
    width, times, kernel = 32 * 1024 // side, 2 if rotation else 1, 1 if rotation else 9
    levels = schedule((side, side), width=times * width, max_width=times * 512)
    c = [levels[0].channels, *(level.channels for level in levels)]
    derived = 2 * (512 * 512 + 512) + c[0] ** 2 + 4 * 513 + c[-1] * 3 + 3 + 513 * c[-1]
    derived += sum(a * b * kernel + b + 513 * a for a, b in pairwise(c))
    space = Images((3, side, side))
    family = alias_free_family(
        size_w=512, depth=2, group=4, rotation=rotation, layers=14, margin=10, oversampling=2, clamp=256.0
    )
    with torch.device("meta"):
        G = family.generator(space, latent=512, width=width, norm="none")
    assert count(G) == derived == total


@pytest.mark.parametrize("preset", PRESETS[recipe("stylegan3")])
def test_presets_are_of_the_published_sizes(preset):
    chosen = {name: option.default for name, option in options(recipe("stylegan3")).items()}
    chosen |= PRESETS[recipe("stylegan3")][preset]
    side = int(chosen["resolution"])
    assert chosen["variant"] == preset[-1]
    assert chosen["width"] * side == (16384 if side == 256 else 32768)
    assert (chosen["layers"], chosen["margin"], chosen["depth"], chosen["loss"]) == (14, 10, 2, "non-saturating")
    assert chosen["blur"] == (10.0 if chosen["variant"] == "r" else None)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))
@every_variant
@pytest.mark.parametrize("oversampling", [1, 2])
def test_samples_have_the_shape_of_the_space_whatever_the_channels(space, rotation, oversampling):
    G = made(space, rotation=rotation, width=3, oversampling=oversampling)
    z = noise(2, 5)
    w = G.mapping(z)
    assert G(z).shape == (2, *space.shape)
    assert torch.equal(G(z), G.synthesis(w[:, None].expand(-1, G.layers, -1)))
    assert torch.equal(G(z), G.placed(w, torch.eye(3)))
    assert G(z).std(0).max() > 0


@every_variant
def test_every_layer_is_told_a_style_and_every_parameter_learns(rotation):
    G = made(rotation=rotation)
    torch.nn.init.normal_(G.body.input.affine.weight)
    w = noise(2, G.layers, 6).requires_grad_()
    (slope,) = torch.autograd.grad(G.synthesis(w).square().sum(), w)
    assert G.layers == SMALL["layers"] + 2
    assert (slope.norm(dim=2) > 0).all()
    assert all(gradient.any() for gradient in torch.autograd.grad(G(noise(2, 5)).square().sum(), list(G.parameters())))


def test_a_label_is_told_to_the_mapping():
    G = alias_free_family(**SMALL, rotation=False).labelled(SPACES[0], latent=5, width=4, classes=3)
    z = noise(1, 5).expand(3, -1)
    w = G.mapping(z, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(w[0], w[2])  # where a row lies in a product may round it otherwise
    assert not torch.allclose(w[0], w[1])


def test_a_layer_is_its_formula():
    """Weights of one's own for every sample, divided by the magnitude; zeros, filter, leaky ReLU, filter."""
    levels = schedule((16, 16), width=3, layers=4, margin=4)
    before, after = levels[1], levels[2]
    layer = AliasFreeLayer(before, after, size_w=5, kernel=3, clamp=0.9).double().eval()
    layer.magnitude.mean_square.fill_(0.3)
    torch.nn.init.normal_(layer.bias.bias)
    x, w = noise(2, before.channels, *before.size).double(), noise(2, 5, seed=1).double()
    s = layer.convolution.affine(w)
    own = s[:, None, :, None, None] * layer.convolution.weight[None]
    own = own / (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt() / 0.3**0.5
    y = torch.cat([F.conv2d(a[None], b, padding=2) for a, b in zip(x, own, strict=True)])
    y = layer.end.upsampling(y + layer.bias.bias[:, None, None])
    y = torch.where(y < 0, 0.2 * y, y).mul(2**0.5).clamp(-0.9, 0.9)
    torch.testing.assert_close(layer(x, w), layer.end.downsampling(y))
    assert layer(x, w).shape == (2, after.channels, *after.size)


def test_magnitudes_follow_where_the_generator_moves_and_scale_to_one(monkeypatch):
    monkeypatch.setattr(alias_free, "HALF_LIFE_SAMPLES", 2)
    layer, x = Magnitude(), 3 * noise(4, 2, 5, 5)
    layer(x)  # nobody moves
    assert layer.mean_square == 1
    moving = x.clone().requires_grad_()
    layer(moving)
    torch.testing.assert_close(layer.mean_square, 0.25 + 0.75 * x.square().mean())
    for _ in range(20):
        out = layer(moving)
    assert out.square().mean().item() == pytest.approx(1, abs=1e-4)
    layer.eval()(10 * moving)
    torch.testing.assert_close(layer.mean_square, x.square().mean())


def test_frequencies_lie_evenly_in_a_disc():
    torch.manual_seed(0)
    r = in_disc(20_000).norm(dim=1)
    assert r.max() < 1
    assert [(r < at).double().mean().item() for at in (0.25, 0.5, 0.75)] == pytest.approx(
        [1 / 16, 1 / 4, 9 / 16], abs=0.01
    )


def features():
    torch.manual_seed(0)
    return FourierFeatures(8, size=(12, 14), rate=8.0, bandwidth=2.0, size_w=5).double()


def test_features_are_waves_that_a_transform_moves():
    """Moved by a whole sample, they are the same one place further on."""
    layer, w = features(), noise(2, 5).double()
    transform = torch.eye(3, dtype=torch.float64)
    transform[0, 2] = -1 / layer.rate
    torch.testing.assert_close(layer(w, transform)[..., 1:], layer(w)[..., :-1])
    transform[0, 2], transform[1, 2] = 0, 2 / layer.rate
    torch.testing.assert_close(layer(w, transform)[..., :-2, :], layer(w)[..., 2:, :])


def test_styles_move_and_turn_features():
    layer, w = features(), noise(1, 5).double()
    with torch.no_grad():
        layer.affine.bias.copy_(torch.tensor([0.0, 2.0, 0.0, 0.0]))
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    turned = layer(w)
    with torch.no_grad():
        layer.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    torch.testing.assert_close(turned, layer(w, quarter))
    still = layer(w, torch.eye(3, dtype=torch.float64).expand(1, 3, 3))
    torch.testing.assert_close(turned[..., 1:-1], torch.rot90(still[..., 1:-1], 1, (2, 3)))


def test_frequencies_beyond_the_band_fade():
    layer, w = features(), noise(1, 5).double()
    many = torch.diag(torch.tensor([100.0, 100, 1], dtype=torch.float64))
    assert not layer(w, many).any()


@every_variant
@pytest.mark.parametrize("shift", [(0.5, 0.0), (0.3, -0.7)])
def test_a_filtered_layer_follows_its_input_and_a_plain_one_does_not(rotation, shift):
    """Features moved by parts of a sample come out moved by as much: Fourier's shift in the middle, in dB."""
    apart = {}
    for oversampling in (1, 2):
        torch.manual_seed(1)
        G = made(Images((1, 32, 32)), rotation=rotation, layers=6, margin=10, oversampling=oversampling)
        layer, w = G.body.convolutions[1], G.mapping(noise(2, 5))
        moved = torch.eye(3)
        moved[:2, 2] = -torch.tensor(shift) / 16
        still, other = (
            layer(G.body.convolutions[0](G.body.input(w, at), w), w).double() for at in (torch.eye(3), moved)
        )
        assert still.shape[-1] == 36
        expected = shifted(still, shift)
        middle = (..., slice(12, -12), slice(12, -12))
        mse = (expected - other)[middle].square().mean()
        apart[oversampling] = 10 * (still[middle].square().mean() / mse).log10().item()
    assert apart[2] > 25
    assert apart[2] > apart[1] + 3


def shifted(x, shift):
    """Moved by parts of a sample, by a windowed sinc of 10 lobes."""
    for axis, by in ((3, shift[0]), (2, shift[1])):
        side = x.shape[axis]
        at = torch.arange(side, dtype=torch.float64)
        apart = at[:, None] - by - at
        taps = torch.sinc(apart) * torch.sinc(apart / 10) * (apart.abs() < 10)
        x = (x.transpose(axis, 3) @ (taps / taps.sum(1, keepdim=True)).T).transpose(axis, 3)
    return x


@pytest.mark.parametrize("space", [Images((1, 17, 17)), Images((1, 4, 4)), Points((2,))])
def test_spaces_that_have_no_pyramid_are_refused(space):
    with pytest.raises(UserError, match=r"cannot have images of|is for images"):
        made(space)


def test_precision_of_coordinates_does_not_hang_on_autocast():
    layer, w = features().float(), noise(2, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(w), layer.float()(w))
    assert math.isclose(layer.rate, 8.0)
