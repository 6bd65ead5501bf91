"""Self-attention, the networks that have it inside, and norms that are told a class and a part of the latent."""

import copy

import pytest
import torch
import torch.nn.functional as F

from zerosum.errors import UserError
from zerosum.games.orthogonal import matrices
from zerosum.networks import NormConditionedGenerator, ProjectionCritic
from zerosum.networks.attention import SelfAttention
from zerosum.networks.attentive import AttentiveCritic, Generator, multiples
from zerosum.networks.skip_latent import ToldBatchNorm, skip_generator
from zerosum.recipes import recipe
from zerosum.recipes.options import PRESETS, build
from zerosum.spaces import Images, Points

N, LATENT, CLASSES = 4, 7, 3
SPACES = [Images((1, 16, 16)), Images((3, 16, 24)), Images((2, 12, 20))]
GENERATORS = {
    "unlabelled": lambda space: Generator(space, latent=LATENT, width=4),
    "norms": lambda space: NormConditionedGenerator(Generator(space, latent=LATENT, width=4), classes=CLASSES),
    "skip": lambda space: skip_generator(space, latent=LATENT, width=4, classes=CLASSES, embedding=5),
}
every_generator = pytest.mark.parametrize("name", GENERATORS)
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(make):
    """A network whose attention counts."""
    torch.manual_seed(0)
    network = make()
    for module in network.modules():
        if isinstance(module, SelfAttention):
            torch.nn.init.constant_(module.gamma, 0.7)
    return network


def given(name):
    label = (torch.arange(N) % CLASSES,) if name != "unlabelled" else ()
    return noise(N, LATENT), *label


def test_at_first_attention_is_the_identity():
    x = noise(2, 16, 6, 4)
    assert torch.equal(SelfAttention(16)(x), x)


@pytest.mark.parametrize("channels", [1, 16])
def test_attention_is_its_formula(channels):
    """Position by position, with the places that are looked at pooled."""
    layer = made(lambda: SelfAttention(channels)).double()
    x = noise(2, channels, 6, 4).double()
    theta, phi, g, W = (one.weight[:, :, 0, 0] for one in (layer.theta, layer.phi, layer.g, layer.o))
    expected = x.clone()
    keys, values = (F.max_pool2d(torch.einsum("oc,nchw->nohw", one, x), 2).flatten(2) for one in (phi, g))
    for row in range(6):
        for column in range(4):
            asked = torch.einsum("oc,nc->no", theta, x[:, :, row, column])
            beta = torch.einsum("no,noi->ni", asked, keys).exp()
            seen = torch.einsum("ni,nci->nc", beta / beta.sum(1, keepdim=True), values)
            expected[:, :, row, column] += 0.7 * torch.einsum("oc,nc->no", W, seen)
    torch.testing.assert_close(layer(x), expected)


def test_attention_can_be_differentiated_twice():
    layer, x = made(lambda: SelfAttention(2)).double(), noise(1, 2, 2, 4).double().requires_grad_()
    assert torch.autograd.gradgradcheck(layer, (x,))


@every_space
@every_generator
def test_samples_and_gradients_reach_everything(name, space):
    G = made(lambda: GENERATORS[name](space))
    samples = G(*given(name))
    assert samples.shape == (N, *space.shape)
    samples.square().sum().backward()
    idle = [key for key, parameter in G.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert idle == []
    D = made(lambda: AttentiveCritic(space, width=4))
    assert D.independent
    D(samples.detach()).sum().backward()
    assert all(parameter.grad is not None for parameter in D.parameters())


@every_generator
def test_saved_copied_and_captured_it_is_the_same(name):
    G, how = made(lambda: GENERATORS[name](SPACES[0])), given(name)
    G(*how)
    other = GENERATORS[name](SPACES[0])
    other.load_state_dict(G.state_dict())
    expected = G.eval()(*how)
    assert torch.equal(other.eval()(*how), expected)
    assert torch.equal(copy.deepcopy(G)(*how), expected)
    torch.testing.assert_close(torch.compile(G, backend="eager", fullgraph=True)(*how), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16])
@every_generator
def test_autocast_gives_float32_samples(name, dtype):
    G = made(lambda: GENERATORS[name](SPACES[0]))
    with torch.autocast("cpu", dtype):
        assert G(*given(name)).dtype == torch.float32


def test_a_told_norm_is_its_formula():
    """(1 + W_gain c) (x - mean) / deviation + W_shift c, with the class's embedding and the block's own part as c."""
    G = made(lambda: GENERATORS["skip"](SPACES[0])).double()
    z, label = given("skip")
    seen = []
    norms = [module for module in G.modules() if isinstance(module, ToldBatchNorm)]
    for norm in norms:
        norm.register_forward_hook(lambda norm, inputs, output: seen.append((norm, inputs[0], output)))
    G(z.double(), label)
    chunks = z.double().split(G.chunks, 1)
    assert [chunk.shape[1] for chunk in chunks] == [3, 2, 2]
    assert [id(norm) for norm, _, _ in seen] == [id(norm) for norm in norms]
    for place, (norm, x, output) in enumerate(seen):
        c = torch.cat([G.embedding.weight[label], chunks[1 + place // 2]], 1)  # two norms a block
        normal = (x - x.mean((0, 2, 3), keepdim=True)) / (
            x.var((0, 2, 3), correction=0, keepdim=True) + norm.eps
        ).sqrt()
        gain, shift = ((c @ layer.weight.T)[..., None, None] for layer in (norm.gain, norm.shift))
        torch.testing.assert_close(output, (1 + gain) * normal + shift)
    assert all(norm.condition.numel() == 0 for norm in norms)  # nothing is kept between calls


def test_all_weights_but_the_embedding_are_kept_orthogonal():
    G = GENERATORS["skip"](SPACES[0])
    kept = {id(parameter) for parameter in matrices(G)}
    left = {key for key, parameter in G.named_parameters() if id(parameter) not in kept and parameter.ndim > 1}
    assert left == {"embedding.weight"}


def test_the_regulariser_is_a_term_of_the_generator():
    space = Images((1, 16, 16), classes=("a", "b"))
    controls = build(recipe("biggan"), space, {"width": 4, "latent_size": 6}).game.controls
    assert controls["orthogonal"] == 1e-4


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_biggan_has_the_published_parameters():
    """What the authors' PyTorch code prints for its ImageNet model at 128 x 128 (70.43 and 87.98 million)."""
    chosen = PRESETS[recipe("biggan")]["imagenet128"]
    how = {"width": chosen["width"], "attention": chosen["attention"]}
    space = Images((3, 128, 128))
    with torch.device("meta"):
        G = skip_generator(space, latent=chosen["latent_size"], classes=1000, embedding=chosen["embedding"], **how)
        D = ProjectionCritic(AttentiveCritic(space, **how), classes=1000)
    assert G.chunks == [20] * 6
    assert (count(G), count(D)) == (70_433_988, 87_982_370)


def test_channels_are_the_published_ones():
    assert multiples(3) == (1, 2, 4)
    assert multiples(5) == (1, 2, 4, 8, 16)
    assert multiples(6) == (1, 2, 4, 8, 8, 16)
    assert multiples(7) == (1, 1, 2, 4, 8, 8, 16)


@pytest.mark.parametrize("height", [8, 16])
def test_attention_stands_at_the_height_that_is_asked_for(height):
    space, how, seen = Images((1, 32, 32)), {"width": 4, "attention": height}, []
    G, D = Generator(space, latent=4, **how), AttentiveCritic(space, **how)
    for network in (G, D):
        (layer,) = (module for module in network.modules() if isinstance(module, SelfAttention))
        layer.register_forward_hook(lambda layer, inputs, output: seen.append(output.shape[2]))
    D(G(noise(2, 4)))
    assert seen == [height, height]


def test_what_cannot_be_is_said():
    with pytest.raises(UserError, match=r"attention = 9 .* inside these networks: 8, 16"):
        Generator(Images((1, 32, 32)), latent=4, attention=9)
    with pytest.raises(UserError, match="too small for self-attention"):
        AttentiveCritic(Images((1, 8, 8)))
    with pytest.raises(UserError, match="is for images"):
        AttentiveCritic(Points((2,)))
    with pytest.raises(UserError, match="latent_size = 2 is too few"):
        skip_generator(Images((1, 16, 16)), latent=2, width=4, classes=2, embedding=2)
