"""Generators with styles: what they are told, mixing, truncation, and as many parameters as were published."""

import pytest
import torch

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.networks.adain import AdaIN
from zerosum.networks.progressive import ProgressiveCritic, ProgressiveGenerator
from zerosum.networks.style import DECAY, Mapping, mixed
from zerosum.networks.style_critic import StyleCritic
from zerosum.networks.style_families import growing_family, skip_family
from zerosum.recipes import recipe
from zerosum.recipes.options import PRESETS, options
from zerosum.spaces import Images, Points

FAMILIES = {
    "stylegan": growing_family(size_w=6, depth=2),
    "stylegan2": skip_family(size_w=6, depth=2, group=2, shortcuts=True),
}
SPACES = [Images((1, 16, 16)), Images((3, 16, 24)), Images((2, 6, 10))]
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(family, space=SPACES[0], **how):
    torch.manual_seed(0)
    G = family.generator(space, latent=5, width=4, norm="none", **how)
    for name, parameter in G.named_parameters():
        if name.endswith(("strength", "bias")):
            torch.nn.init.normal_(parameter)
    return G


@every_space
@every_family
def test_a_sample_is_the_synthesis_of_a_mapping(family, space):
    G = made(family, space)
    z = noise(3, 5)
    w = G.mapping(z)
    assert w.shape == (3, 6)
    assert G(z).shape == (3, *space.shape)
    assert torch.equal(G(z), G.synthesis(w))
    assert torch.equal(G(z), G.synthesis(w[:, None].expand(-1, G.layers, -1)))
    D = family.critic(space, width=4, norm="none")
    assert D(G(z)).shape == (3,)


@every_family
def test_every_layer_is_told_a_style(family):
    G = made(family)
    w = noise(2, G.layers, 6).requires_grad_()
    (slope,) = torch.autograd.grad(G.synthesis(w).square().sum(), w)
    assert (slope.norm(dim=2) > 0).all()
    assert G.layers == 2 * 3  # 4, 8 and 16


@every_family
def test_noise_comes_from_the_draw_or_is_always_the_same(family):
    G, z = made(family), noise(2, 5)
    assert torch.equal(G(z, draw=Draw(1)), G(z, draw=Draw(1)))
    assert not torch.equal(G(z, draw=Draw(1)), G(z, draw=Draw(2)))
    assert torch.equal(G(z), G(z))


@every_family
def test_a_label_is_told_to_the_mapping(family):
    G = family.labelled(SPACES[0], latent=5, width=4, classes=3)
    z = noise(1, 5).expand(3, -1)
    w = G.mapping(z, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(w[0], w[2])  # where a row lies in a product may round it otherwise
    assert not torch.allclose(w[0], w[1])
    assert G(z, torch.tensor([0, 1, 2])).shape == (3, 1, 16, 16)


@every_family
def test_gradients_reach_every_parameter(family):
    G = made(family)
    named = dict(G.named_parameters())
    total = G(noise(3, 5), draw=Draw(0)).square().sum()
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    absent = {name for name, gradient in zip(named, found, strict=True) if gradient is None}
    growing = {name for name in named if name.startswith(("body.pictures.0", "body.pictures.1"))}
    assert absent == (growing if family is FAMILIES["stylegan"] else set())


def test_the_mapping_looks_at_the_direction_of_a_latent_alone():
    style = Mapping(5, 4, depth=2)
    torch.testing.assert_close(style(noise(2, 5)), style(7 * noise(2, 5)))


def test_the_mean_of_styles_follows_them():
    style = Mapping(5, 4, depth=2)
    w = noise(8, 4)
    for _ in range(2):
        style.follow(w)
    torch.testing.assert_close(style.mean, (1 - DECAY**2) * w.mean(0))


@every_family
def test_truncation_goes_from_the_mean_to_the_style(family):
    G = made(family)
    G.style.mean.copy_(noise(6, seed=1))
    w = G.mapping(noise(3, 5))
    whole = w[:, None].expand(-1, G.layers, -1)
    torch.testing.assert_close(G.truncated(w, 1.0), whole)
    torch.testing.assert_close(G.truncated(w, 0.0), G.style.mean.expand_as(whole))
    part = G.truncated(w, 0.25, layers=2)
    torch.testing.assert_close(part[:, :2], (0.75 * G.style.mean + 0.25 * w)[:, None].expand(-1, 2, -1))
    assert torch.equal(part[:, 2:], whole[:, 2:])


def test_mixing_takes_the_second_where_it_is_asked_for():
    first, second = noise(2, 6), noise(2, 4, 6, seed=1)
    where = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]], dtype=torch.bool)[..., None]
    both = mixed(first, second, where)
    assert torch.equal(both[0, :2], first[0].expand(2, -1))
    assert torch.equal(both[0, 2:], second[0, 2:])
    assert torch.equal(both[1], first[1].expand(4, -1))


def test_adaptive_instance_normalisation_is_its_formula():
    layer = AdaIN(3, size_w=4).double()
    x, w = noise(2, 3, 5, 6).double(), noise(2, 4, seed=1).double()
    scale, shift = layer.affine(w)[..., None, None].chunk(2, dim=1)
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
    torch.testing.assert_close(layer(x, w), (1 + scale) * (x - mean) / (variance + 1e-8).sqrt() + shift)


def test_critics_with_plain_blocks_have_no_shortcuts():
    plain, residual = (StyleCritic(SPACES[0], width=4, shortcuts=shortcuts) for shortcuts in (False, True))
    extra = count(residual) - count(plain)
    assert extra == 4 * 8 + 8 * 16
    assert plain(noise(4, 1, 16, 16)).shape == (4,)


@pytest.mark.parametrize("shape", [(1, 17, 17), (1, 4, 4)])
@every_family
def test_a_size_without_a_pyramid_is_refused(family, shape):
    with pytest.raises(UserError, match=f"cannot have images of {shape[1]}x{shape[2]}"):
        made(family, Images(shape))
    with pytest.raises(UserError, match="is for images"):
        family.critic(Points((2,)), width=4, norm="none")


# --- parameters, from the layers that were published ---


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def linear(before, after):
    return before * after + after


def conv(before, after, kernel):
    return before * after * kernel**2 + after


def levels(resolution):
    return [2**k for k in range(2, resolution.bit_length())]


def channels(base):
    return lambda side: min(base // side, 512)


def mapping(depth):
    return depth * linear(512, 512)


def stylegan2_generator(resolution, base, depth):
    """Mapping, a constant, and a level: convolutions with a style, a bias and one noise strength; a picture."""
    c = channels(base)

    def layer(before, after):
        return linear(512, before) + conv(before, after, 3) + 1

    def picture(before):
        return linear(512, before) + conv(before, 3, 1)

    total = mapping(depth) + c(4) * 16 + layer(c(4), c(4)) + picture(c(4))
    for side in levels(resolution)[1:]:
        total += layer(c(side // 2), c(side)) + layer(c(side), c(side)) + picture(c(side))
    return total


def stylegan2_critic(resolution, base, shortcuts):
    c = channels(base)
    total = conv(3, c(resolution), 1) + conv(c(4) + 1, c(4), 3) + linear(c(4) * 16, c(4)) + linear(c(4), 1)
    for side in levels(resolution)[1:]:
        total += conv(c(side), c(side), 3) + conv(c(side), c(side // 2), 3)
        total += c(side) * c(side // 2) if shortcuts else 0
    return total


def progan_generator(resolution):
    """A level: two convolutions, and a picture."""
    c = channels(16384)
    total = 512 * c(4) * 16 + c(4) + conv(c(4), c(4), 3) + conv(c(4), 3, 1)
    for side in levels(resolution)[1:]:
        total += conv(c(side // 2), c(side), 3) + conv(c(side), c(side), 3) + conv(c(side), 3, 1)
    return total


def progan_critic(resolution):
    c = channels(16384)
    total = conv(c(4) + 1, c(4), 3) + linear(c(4) * 16, 512) + linear(512, 1) + conv(3, c(4), 1)
    for side in levels(resolution)[1:]:
        total += conv(3, c(side), 1) + conv(c(side), c(side), 3) + conv(c(side), c(side // 2), 3)
    return total


def stylegan_generator(resolution):
    """Two layers a level: a convolution (at the start a constant), noise strengths and a bias a channel, a style."""
    c = channels(16384)

    def styling(width):
        return 2 * width + linear(512, 2 * width)

    total = mapping(8) + c(4) * 16 + 9 * c(4) ** 2 + 2 * styling(c(4)) + conv(c(4), 3, 1)
    for side in levels(resolution)[1:]:
        total += 9 * c(side // 2) * c(side) + 9 * c(side) ** 2 + 2 * styling(c(side)) + conv(c(side), 3, 1)
    return total


def test_as_many_parameters_as_the_authors_code_prints():
    """The layer lists above come to the totals in the authors' own logs and papers (23.1 M, 26.2 M, 30.4 M)."""
    assert progan_generator(1024) == 23_079_115
    assert progan_critic(1024) == 23_087_249
    assert stylegan_generator(1024) == 26_219_627
    assert stylegan2_generator(1024, 32768, depth=8) == 30_370_060
    assert stylegan2_generator(1024, 32768, depth=2) == 28_794_124
    assert stylegan2_critic(1024, 32768, shortcuts=True) == 29_012_513


BASES = {"ffhq256": 16384}
"""Channels times side of StyleGAN2's levels; 32768 elsewhere."""
PUBLISHED = [(name, preset) for name in ("progan", "stylegan", "stylegan2") for preset in PRESETS[recipe(name)]]


@pytest.mark.parametrize(("name", "preset"), PUBLISHED)
def test_the_networks_of_a_preset_have_the_published_parameters(name, preset):
    chosen = {key: option.default for key, option in options(recipe(name)).items()} | PRESETS[recipe(name)][preset]
    side = int(chosen["resolution"])
    space = Images((3, side, side))
    how = {"width": chosen["width"], "norm": "none"}
    with torch.device("meta"):
        if name == "progan":
            networks = (
                ProgressiveGenerator(space, latent=512, width=how["width"]),
                ProgressiveCritic(space, width=how["width"]),
            )
            expected = progan_generator(side), progan_critic(side)
        elif name == "stylegan":
            family = growing_family(size_w=chosen["size_w"], depth=chosen["depth"])
            networks = family.generator(space, latent=512, **how), family.critic(space, **how)
            expected = stylegan_generator(side), progan_critic(side)
        else:
            shortcuts, base = chosen["critic_blocks"] == "residual", BASES.get(preset, 32768)
            family = skip_family(
                size_w=chosen["size_w"], depth=chosen["depth"], group=chosen["group"], shortcuts=shortcuts
            )
            networks = family.generator(space, latent=512, **how), family.critic(space, **how)
            expected = stylegan2_generator(side, base, chosen["depth"]), stylegan2_critic(side, base, shortcuts)
    assert tuple(map(count, networks)) == expected
