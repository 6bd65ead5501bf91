"""Transformers as generators and critics: what attention is, patches, and what was published."""

import math

import pytest
import torch

from zerosum.errors import UserError
from zerosum.networks.transformer import (
    Attention,
    GridAttention,
    RelativePositions,
    grid,
    together,
    tokens,
    windows,
)
from zerosum.networks.transgan import (
    TOKEN_NORMS,
    TransformerCritic,
    TransformerGenerator,
    doubled,
    maps_of,
    shares_of,
    window_of,
)
from zerosum.networks.vit import ImplicitPatches, L2Attention, SelfModulatedNorm, ViTCritic, ViTGenerator, usual_patch
from zerosum.recipes import recipe
from zerosum.recipes.options import PRESETS, build
from zerosum.spaces import Images, Points

N, LATENT = 3, 6
SPACES = [Images((1, 16, 16)), Images((3, 16, 24)), Images((5, 8, 16))]
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))
GENERATORS = {
    "vitgan": lambda space: ViTGenerator(space, latent=LATENT, width=8, depth=2, heads=2),
    "transgan": lambda space: TransformerGenerator(space, latent=LATENT, width=4, depths=(2, 1), full=8, window=4),
}
CRITICS = {
    "vitgan": lambda space: ViTCritic(space, width=8, depth=2, heads=2),
    "transgan": lambda space: TransformerCritic(space, width=16, depth=1, patch=2, heads=2, full=8, window=4),
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


def test_tokens_of_a_grid_are_cut_into_windows_and_put_together_again():
    x = torch.arange(24.0).view(1, 24, 1)  # 4 x 6, read row by row
    parts = windows(x, (4, 6), (2, 3))
    assert parts.squeeze(2).tolist()[:2] == [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]
    assert torch.equal(together(parts, (4, 6), (2, 3)), x)
    assert torch.equal(tokens(grid(x, (4, 6))), x)
    assert grid(x, (4, 6))[0, 0, 1].tolist() == [6, 7, 8, 9, 10, 11]


def test_a_number_for_each_step_from_token_to_token():
    near = made(lambda: RelativePositions((2, 3), 1))
    found = near()[0]
    assert found.shape == (6, 6)
    assert near.table.numel() == len(found.unique()) == 3 * 5
    assert found[0, 4] == found[1, 5] != found[4, 0]  # one down and one to the right


def test_attention_in_windows_is_its_formula():
    """softmax(Q Kᵀ / √d + B) V among the tokens of a window, head by head, and of no others."""
    layer, x = made(lambda: GridAttention(8, 2, size=(2, 6), window=(2, 3))), noise(N, 12, 8)
    left = torch.tensor([0, 1, 2, 6, 7, 8])
    Q, K, V = (x[:, left] @ layer.qkv.weight.T).chunk(3, dim=2)
    heads = []
    for head, part in enumerate((slice(0, 4), slice(4, 8))):
        heads.append(softmax(Q[..., part] @ K[..., part].mT / 2 + layer.near()[head]) @ V[..., part])
    torch.testing.assert_close(layer(x)[:, left], layer.out(torch.cat(heads, dim=2)))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L2Attention(4, 2),
        lambda: Attention(4, 2),
        lambda: GridAttention(4, 2, size=(1, 3), window=(1, 3)),
    ],
)
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


@pytest.mark.parametrize(("size", "side"), [((32, 32), 4), ((36, 36), 3), ((18, 18), 1), ((45, 45), 1)])
def test_patches_that_are_joined_leave_no_rest(size, side):
    assert usual_patch(Images((1, *size)), 8, joined=2) == side


def test_the_critics_patches_overlap():
    """Of 4 x 4, with 2 pixels of their neighbours: a pixel inside belongs to one patch, one near a corner to four."""
    embed, x = made(CRITICS["vitgan"], SPACES[0]).body[:3], noise(1, 1, 16, 16).requires_grad_()
    for place, patches in (((5, 6), 4), ((8, 8), 4), ((0, 0), 1), ((0, 4), 2)):
        found = 0
        for row, column in torch.cartesian_prod(torch.arange(4), torch.arange(4)).tolist():
            (slope,) = torch.autograd.grad(embed(x)[0, 4 * row + column, 0], x)
            found += bool(slope[0, 0][place])
        assert found == patches


# --- maps of tokens ---


def test_a_map_doubles_by_shuffled_dimensions_or_bicubically():
    """Of four dimensions of a token come four tokens of one; bicubic steps keep the dimensions, and what is even."""
    h = noise(N, 6, 8)
    fine = doubled(h, (4, 6), 2)
    assert fine.shape == (N, 24, 2)
    assert torch.equal(grid(fine, (4, 6))[:, 0, :2, :2].flatten(1), h[:, 0, :4])
    assert torch.equal(grid(fine, (4, 6))[:, 1, 2:, 4:].flatten(1), h[:, 5, 4:])
    smooth = doubled(torch.ones(N, 6, 8) * 3, (4, 6), 8)
    torch.testing.assert_close(smooth, torch.full((N, 24, 8), 3.0))


@pytest.mark.parametrize(
    ("size", "maps"),
    [
        ((32, 32), [(8, 8), (16, 16), (32, 32)]),
        ((16, 24), [(8, 12), (16, 24)]),
        ((28, 28), [(14, 14), (28, 28)]),
        ((4, 4), [(4, 4)]),
    ],
)
def test_the_first_map_has_eight_or_more_a_side(size, maps):
    assert maps_of(size, 8) == maps


@pytest.mark.parametrize(
    ("size", "window"), [((32, 16), (32, 16)), ((64, 64), (16, 16)), ((48, 36), (16, 12)), ((64, 2), (16, 2))]
)
def test_large_maps_are_cut_into_windows(size, window):
    assert window_of(size, 32, 16) == window


def test_a_map_without_windows_is_refused():
    with pytest.raises(UserError, match=r"A map of 34x34 tokens cannot be cut into windows: no number from 4 to 16 "):
        window_of((34, 34), 32, 16)


def test_the_critic_is_told_coarser_patches_beside_the_mean_of_finer_tokens():
    D, x = made(CRITICS["transgan"], SPACES[0]), noise(N, *SPACES[0].shape)
    scales = D.body[0]
    first, second = scales.stages
    h = first(scales.patches[0](x)).view(N, 4, 2, 4, 2, 12).mean((2, 4)).flatten(1, 2)
    patches = x.view(N, 4, 4, 4, 4).transpose(2, 3).reshape(N, 16, 16)
    told = patches @ scales.patches[1][2].weight.T + scales.patches[1][2].bias
    torch.testing.assert_close(scales(x), second(torch.cat([h, told], 2)))
    assert shares_of(384, 2) == [288, 96]
    assert shares_of(384, 3) == [288, 48, 48]
    assert shares_of(1, 3) == [1, 1, 1]


@pytest.mark.parametrize("name", TOKEN_NORMS)
def test_tokens_are_normalised_one_by_one(name):
    x = noise(N, 5, 8)
    normal = TOKEN_NORMS[name](8).double()(x)
    torch.testing.assert_close(normal.square().mean(2), torch.ones(N, 5, dtype=torch.float64), rtol=1e-3, atol=0)


# --- what was published ---


def test_transgan_has_the_published_sizes():
    """The authors' code, layer by layer (ViT_custom_scale2_rp_noise and ViT_custom_scale2), but for its noise.

    A block of d dimensions: 3 d² of queries, keys and values, d² + d behind them, 8 d² + 5 d of the perceptron, 4 d of
    two norms, and 4 heads with (2 w - 1)² places each. 11 more numbers of the generator there say how strong noise is.
    """

    def block(d, w):
        return 3 * d**2 + d**2 + d + 8 * d**2 + 5 * d + 4 * d + 4 * (2 * w - 1) ** 2

    G, D = published("cifar10", 32)
    places = 64 * 1024 + 256 * 256 + 1024 * 64
    stages = 5 * block(1024, 8) + 4 * block(256, 16) + 2 * block(64, 32)
    assert count(G) == 257 * 64 * 1024 + places + stages + 3 * (1024 + 256 + 64 + 3) == 83_316_341
    patches = (3 * 4 + 1) * 288 + (3 * 16 + 1) * 96
    stages = 3 * block(288, 16) + 3 * block(384, 8) + block(384, 0) - 4
    assert count(D) == patches + 256 * 288 + 64 * 384 + stages + 384 + 2 * 384 + 385 == 10_210_393


def test_transgan_grows_to_high_resolution_as_published():
    """church_256_train.py: three maps of 1024 dimensions, then shuffles; windows of 16 where more than 32 a side."""
    G, D = published("church256", 256)
    assert G.sizes == [(8 << level, 8 << level) for level in range(6)]
    assert [blocks[0].embedding.shape[1] for blocks in G.stages] == [1024, 1024, 1024, 256, 64, 16]
    assert [len(blocks) - 1 for blocks in G.stages] == [5, 4, 4, 4, 4, 4]
    assert [blocks[1].attention.window[0] for blocks in G.stages] == [8, 16, 32, 16, 16, 16]
    assert [blocks[0].embedding.shape[1] for blocks in D.body[0].stages] == [288, 336, 384]


def published(preset, side):
    """Generator and critic of a preset, without memory of their own."""
    with torch.device("meta"):
        networks = build(recipe("transgan"), Images((3, side, side)), {"preset": preset}).game.networks
    return networks["G"], networks["D"]


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


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
