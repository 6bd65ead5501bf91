"""Transformers as generators and critics: what attention is, patches, and what was published."""

import math

import pytest
import torch

from zerosum.errors import UserError
from zerosum.networks.transformer import Attention
from zerosum.networks.vit import ImplicitPatches, L2Attention, SelfModulatedNorm, ViTCritic, ViTGenerator, usual_patch
from zerosum.recipes import recipe
from zerosum.recipes.options import PRESETS
from zerosum.spaces import Images, Points

N, LATENT = 3, 6
SPACES = [Images((1, 16, 16)), Images((3, 16, 24)), Images((5, 8, 16))]
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))
GENERATORS = {
    "vitgan": lambda space: ViTGenerator(space, latent=LATENT, width=8, depth=2, heads=2),
}
CRITICS = {
    "vitgan": lambda space: ViTCritic(space, width=8, depth=2, heads=2),
}
every_generator = pytest.mark.parametrize("name", GENERATORS)
every_critic = pytest.mark.parametrize("name", CRITICS)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(make, *how):
    torch.manual_seed(0)
    return make(*how).double()


def softmax(rows):
    return rows.exp() / rows.exp().sum(-1, keepdim=True)


@every_space
@every_generator
def test_samples_have_their_shape_and_gradients_reach_everything(name, space):
    G = made(GENERATORS[name], space)
    samples = G(noise(N, LATENT))
    assert samples.shape == (N, *space.shape)
    assert samples.std(0).max() > 0
    (samples * noise(*samples.shape, seed=1)).sum().backward()
    assert [key for key, parameter in G.named_parameters() if not parameter.grad.any()] == []


@every_space
@every_critic
def test_scores_and_gradients_reach_everything(name, space):
    D, x = made(CRITICS[name], space), noise(N, *space.shape)
    scores = D(x)
    assert D.independent
    torch.testing.assert_close(scores, torch.cat([D(one) for one in x.split(1)]))
    scores.sum().backward()
    assert [key for key, parameter in D.named_parameters() if not parameter.grad.any()] == []


@every_critic
def test_a_penalty_on_the_slope_can_be_learned_from(name):
    D, x = made(CRITICS[name], SPACES[0]), noise(N, *SPACES[0].shape).requires_grad_()
    (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert all(parameter.grad.any() for key, parameter in D.named_parameters() if key.endswith("weight"))


@every_generator
def test_autocast_gives_float32_samples(name):
    with torch.autocast("cpu", torch.bfloat16):
        samples = made(GENERATORS[name], SPACES[0]).float()(noise(N, LATENT).float())
    assert samples.dtype == torch.float32
    assert samples.isfinite().all()


@pytest.mark.parametrize("network", [*GENERATORS.values(), *CRITICS.values()])
def test_other_samples_are_refused(network):
    with pytest.raises(UserError, match="is for images"):
        network(Points((2,)))
    with pytest.raises(UserError, match="cannot"):
        network(Images((1, 17, 17)))


# --- attention ---


def test_attention_is_its_formula():
    """softmax(Q Kᵀ / √d) V, head by head."""
    layer, x = made(lambda: Attention(8, 2)), noise(N, 6, 8)
    Q, K, V = layer.qkv(x).chunk(3, dim=2)
    heads = [softmax(Q[..., part] @ K[..., part].mT / 2) @ V[..., part] for part in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(layer(x), layer.out(torch.cat(heads, dim=2)))


def test_attention_by_distance_is_its_formula():
    """softmax(-‖q_i - q_j‖² / √d) V, head by head: a token looks most at itself."""
    layer, x = made(lambda: L2Attention(8, 2)), noise(N, 5, 8)
    q, v = layer.q(x), layer.v(x)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        apart = (q[:, :, None, part] - q[:, None, :, part]).square().sum(-1)
        weights = softmax(-apart / 2)
        assert (weights.argmax(-1) == torch.arange(5)).all()
        heads.append(weights @ v[..., part])
    torch.testing.assert_close(layer(x), layer.out(torch.cat(heads, dim=2)))


@pytest.mark.parametrize("layer", [lambda: L2Attention(4, 2), lambda: Attention(4, 2)])
def test_attention_can_be_differentiated_twice(layer):
    assert torch.autograd.gradgradcheck(made(layer), (noise(1, 3, 4).requires_grad_(),))


def test_as_many_heads_as_divide_the_dimensions():
    assert Attention(6, 4).heads == L2Attention(6, 4).heads == 2


def test_a_told_norm_is_its_formula():
    h, w = noise(N, 5, 8), noise(N, 6, seed=1)
    told = made(lambda: SelfModulatedNorm(8, 6))
    gain, bias = ((w @ layer.weight.T / math.sqrt(6) + layer.bias)[:, None] for layer in (told.gain, told.bias))
    normal = (h - h.mean(-1, keepdim=True)) / (h.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(told(h, w), (1 + gain) * normal + bias)


# --- patches ---


def test_implicit_patches_are_functions_of_place_and_token():
    """W₂ sin(W_E E + W_y y + b₁) + b₂ with E = sin(B p + b): equal tokens make equal patches, each at its place."""
    pixels, y = made(lambda: ImplicitPatches(6, 2, 4)), noise(N, 6, 6)
    found = pixels(y, (2, 3))
    assert found.shape == (N, 2, 8, 12)
    at = torch.tensor([-0.75, -0.25, 0.25, 0.75], dtype=torch.float64)
    for row, column, i, j in ((0, 0, 0, 0), (1, 2, 3, 1), (1, 0, 2, 3)):
        E = torch.sin(pixels.fourier(torch.stack([at[i], at[j]])))
        hidden = torch.sin(pixels.of_place(E) + pixels.of_token(y[:, 3 * row + column]))
        torch.testing.assert_close(found[:, :, 4 * row + i, 4 * column + j], pixels.out(hidden))


@pytest.mark.parametrize(("size", "side"), [((32, 32), 8), ((28, 28), 7), ((16, 16), 4), ((64, 64), 8), ((3, 3), 1)])
def test_patches_leave_four_or_more_a_side(size, side):
    assert usual_patch(Images((1, *size))) == side


def test_the_critics_patches_overlap():
    """Of 4 x 4, with 2 pixels of their neighbours: a pixel inside belongs to one patch, one near a corner to four."""
    embed, x = made(CRITICS["vitgan"], SPACES[0]).body[:3], noise(1, 1, 16, 16).requires_grad_()
    for place, patches in (((5, 6), 4), ((8, 8), 4), ((0, 0), 1), ((0, 4), 2)):
        found = 0
        for row, column in torch.cartesian_prod(torch.arange(4), torch.arange(4)).tolist():
            (slope,) = torch.autograd.grad(embed(x)[0, 4 * row + column, 0], x)
            found += bool(slope[0, 0][place])
        assert found == patches


# --- what was published ---


@pytest.mark.parametrize(("preset", "side", "blocks"), [("cifar10", 32, 4), ("celeba64", 64, 6)])
def test_vitgan_has_the_published_sizes(preset, side, blocks):
    """Section 4.1: 4 or 6 blocks of 384 dimensions, 1536 units and 6 heads, 64 patches."""
    chosen = PRESETS[recipe("vitgan")][preset]
    how = {name: chosen[name] for name in ("width", "heads", "patch", "depth")}
    with torch.device("meta"):
        G = ViTGenerator(Images((3, side, side)), latent=chosen["latent_size"], mapping=chosen["mapping"], **how)
        D = ViTCritic(Images((3, side, side)), **how)
    assert G.start.shape == (64, 384)
    assert len(G.blocks) == blocks
    assert G.blocks[0].attention.heads == 6
    assert G.blocks[0].mlp[0].weight.shape == (1536, 384)
    assert sum(isinstance(module, L2Attention) for module in D.modules()) == chosen["critic_depth"] == blocks
