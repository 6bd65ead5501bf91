"""Growing networks: sizes, fades without a jump, and what is remembered of how far they have grown."""

import copy

import pytest
import torch

from zerosum.errors import UserError
from zerosum.networks.growing import Growing, enlarged, faded, reduced, stage
from zerosum.networks.progressive import ProgressiveCritic, ProgressiveGenerator
from zerosum.networks.style_families import growing_family
from zerosum.spaces import Images, Points

SPACES = [Images((1, 32, 32)), Images((3, 16, 24)), Images((2, 6, 10))]
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))
STYLES = growing_family(size_w=6, depth=2)
GENERATORS = {
    "progan": lambda space: ProgressiveGenerator(space, latent=5, width=4, max_width=8),
    "stylegan": lambda space: STYLES.generator(space, latent=5, width=4, norm="none"),
}
CRITICS = {
    "progan": lambda space: ProgressiveCritic(space, width=4, max_width=8),
    "stylegan": lambda space: STYLES.critic(space, width=4, norm="none"),
}
every_generator = pytest.mark.parametrize("name", GENERATORS)
every_critic = pytest.mark.parametrize("name", CRITICS)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(network, how):
    """A network in float64 whose biases and noise are not all zero, and the part of it that grows."""
    torch.manual_seed(1)
    network = network(how).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    (part,) = (module for module in network.modules() if isinstance(module, Growing))
    return network, part


def test_enlarging_and_reducing_are_undone():
    x = noise(2, 3, 4, 6)
    torch.testing.assert_close(reduced(enlarged(x, 3), 3), x)
    assert torch.equal(enlarged(x, 1)[0, 0, :2, :2], x[0, 0, 0, 0].expand(2, 2))


@pytest.mark.parametrize(("growth", "level", "fading", "top"), [(0, 0, 0, 0), (1.25, 1, 1, 2), (3.0, 3, 0, 3)])
def test_the_whole_number_is_the_level_and_the_rest_the_weight_of_the_next(growth, level, fading, top):
    found = stage(growth)
    assert (found.level, found.fading, found.top) == (level, fading, top)
    assert found.alpha == growth - level


@every_space
@every_generator
def test_samples_have_full_size_and_are_as_fine_as_the_generator_is(name, space):
    G, part = made(GENERATORS[name], space)
    for growth in (0, 0.5, part.levels):
        with part.at(growth) as at:
            samples = G(noise(3, 5))
        assert samples.shape == (3, *space.shape)
        coarse = reduced(samples, part.levels - at.top)
        torch.testing.assert_close(enlarged(coarse, part.levels - at.top), samples)


@every_space
@every_generator
def test_a_fade_mixes_what_is_below_with_what_is_above(name, space):
    """(1 - α) below + α above, so that a level comes and is whole without a jump."""
    G, part = made(GENERATORS[name], space)

    def at(growth):
        with part.at(growth):
            return G(noise(3, 5))

    scale = float(at(0.0).detach().abs().max())
    below, half, above = at(0.0), at(0.5), at(1.0 - 1e-12)
    torch.testing.assert_close(half, (below + above) / 2)
    torch.testing.assert_close(above, at(1.0), rtol=0, atol=1e-9 * scale)


@every_space
@every_critic
def test_a_critic_sees_no_finer_than_it_has_grown_and_fades_without_a_jump(name, space):
    D, part = made(CRITICS[name], space)
    x = noise(4, *space.shape)

    def at(growth, x=x):
        with part.at(growth):
            return D(x)

    for growth in (0.0, 0.5, 1.0):
        coarse = faded(x, stage(float(stage(growth).top)), part.levels)
        torch.testing.assert_close(at(growth, coarse), at(growth))
    scale = float(at(0.5).detach().abs().max())
    for level in range(part.levels + 1):
        for other in (level - 1e-12, level + 1e-12):
            if 0 <= other <= part.levels:
                torch.testing.assert_close(at(other), at(float(level)), rtol=0, atol=1e-6 * scale)


def test_real_samples_are_blurred_while_a_level_comes():
    x = noise(2, 1, 8, 8)
    half = faded(x, stage(1.5), 2)
    torch.testing.assert_close(half, (enlarged(reduced(x)) + x) / 2)
    assert torch.equal(faded(x, stage(2.0), 2), x)
    torch.testing.assert_close(faded(x, stage(0.0), 2), enlarged(reduced(x, 2), 2))


@every_generator
def test_growth_is_remembered_saved_and_copied(name):
    G, part = made(GENERATORS[name], SPACES[0])
    z = noise(2, 5)
    with part.at(1.5):
        there = G(z)
    torch.testing.assert_close(G(z), there)
    other, _ = made(GENERATORS[name], SPACES[0])
    other.load_state_dict(copy.deepcopy(G.state_dict()))
    torch.testing.assert_close(other(z), there)


@every_generator
def test_levels_that_are_not_there_get_no_gradient(name):
    G, part = made(GENERATORS[name], SPACES[0])
    with part.at(1):
        total = G(noise(2, 5)).square().sum()
    named = dict(part.named_parameters())
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    absent = {key for key, gradient in zip(named, found, strict=True) if gradient is None}
    assert {key for key in named if key.startswith(("blocks.1", "blocks.2", "pictures.2", "pictures.3"))} <= absent
    assert not {key for key in absent if key.startswith(("start", "blocks.0", "pictures.1"))}


@pytest.mark.parametrize("network", [*GENERATORS.values(), *CRITICS.values()])
def test_other_samples_are_refused(network):
    with pytest.raises(UserError, match="is for images"):
        network(Points((2,)))
    with pytest.raises(UserError, match="cannot have images of 17x17"):
        network(Images((1, 17, 17)))
