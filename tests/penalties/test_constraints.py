"""Weight clipping, and what spectral normalisation promises in detail."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zerosum.errors import UserError
from zerosum.penalties import clip_weights, spectral_norm
from zerosum.penalties.constraints import InitialSpectralNorm, SpectralNorm, leading_singular_vectors

LAYERS = {
    "linear": lambda: nn.Linear(30, 20),
    "embedding": lambda: nn.Embedding(12, 7),
    "conv1": lambda: nn.Conv1d(4, 9, 3),
    "conv2": lambda: nn.Conv2d(3, 16, 4),
    "wide": lambda: nn.Conv2d(64, 64, 3),
    "grouped": lambda: nn.Conv2d(8, 6, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(6, 5, 3),
}
INPUTS = {
    "linear": (2, 30),
    "conv1": (2, 4, 8),
    "conv2": (2, 3, 8, 8),
    "wide": (2, 64, 5, 5),
    "grouped": (2, 8, 5, 5),
    "transposed": (2, 6, 4, 4),
}


def build(name):
    torch.manual_seed(0)
    layer = spectral_norm(LAYERS[name]())
    x = torch.randint(12, (5,)) if name == "embedding" else torch.randn(INPUTS[name])
    return layer, x


def measured(layer):
    """The largest singular value of the kernel as outputs x rest, by a full decomposition."""
    with torch.no_grad():
        weight = layer.eval().weight
        layer.train()
    matrix = weight.movedim(1 if isinstance(layer, nn.ConvTranspose2d) else 0, 0).flatten(1)
    return torch.linalg.matrix_norm(matrix, 2).item()


def vectors(module):
    return {key: value.clone() for key, value in module.state_dict().items() if key.endswith((".u", ".v"))}


@pytest.mark.parametrize("name", LAYERS)
def test_the_norm_is_one_from_the_start(name):
    assert measured(build(name)[0]) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("name", LAYERS)
def test_the_norm_stays_one_in_training(name):
    """SNGAN's optimizer and one power iteration: once the first large steps are past, within 1 % at every step."""
    layer, x = build(name)
    optimizer = torch.optim.Adam(layer.parameters(), lr=2e-4, betas=(0.0, 0.9))
    for step in range(140):
        (layer(x) - 1).square().mean().backward()
        if step > 100:
            assert measured(layer) == pytest.approx(1, abs=0.01)  # as this step's loss saw it
        optimizer.step()
        optimizer.zero_grad()
        if step > 100:
            assert measured(layer) == pytest.approx(1, abs=0.01)  # as the frozen critic of the next move is


@pytest.mark.parametrize("name", LAYERS)
def test_the_norm_stays_what_it_was_at_the_start_where_that_is_asked_for(name):
    """Improved spectral normalisation: W is as it starts, and after any change has the norm that it started with."""
    torch.manual_seed(0)
    layer = LAYERS[name]()
    before = layer.weight.detach().clone()
    norm = measured(layer)
    spectral_norm(layer, kind=InitialSpectralNorm)
    torch.testing.assert_close(layer.weight, before)
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(3.0)
    for _ in range(2):
        _ = layer.weight
    assert measured(layer) == pytest.approx(norm, rel=0.001)
    torch.testing.assert_close(layer.weight, before)
    other = spectral_norm(LAYERS[name](), kind=InitialSpectralNorm)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.eval().weight, layer.eval().weight)


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_uses_the_normalised_weight(name):
    torch.manual_seed(0)
    plain = LAYERS[name]()
    raw = plain.weight.detach().clone()
    layer, x = build(name)
    matrix = raw.movedim(1 if name == "transposed" else 0, 0).flatten(1)
    with torch.no_grad():
        plain.weight.div_(torch.linalg.matrix_norm(matrix, 2))
        torch.testing.assert_close(layer.eval()(x), plain(x), rtol=1e-4, atol=1e-5)


def network():
    torch.manual_seed(0)
    return spectral_norm(nn.Sequential(nn.Conv2d(2, 8, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8 * 4, 1)))


def shifted(model):
    """The model after a step that the vectors have not seen yet."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return model


X = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(2))


def test_a_training_forward_pass_moves_the_vectors():
    model = shifted(network())
    before = vectors(model)
    model(X)
    moved = {key for key, value in vectors(model).items() if not torch.equal(before[key], value)}
    assert moved == set(before) - {"3.parametrizations.weight.0.u"}  # that one is the number 1: there is one output


@pytest.mark.parametrize("how", ["frozen", "no_grad", "eval"])
def test_otherwise_nothing_moves_and_the_function_stays(how):
    model = shifted(network())
    model.requires_grad_(how != "frozen").train(how != "eval")
    before = vectors(model)
    with torch.set_grad_enabled(how != "no_grad"):
        first, second = model(X), model(X)
    assert torch.equal(first, second)
    assert all(torch.equal(before[key], value) for key, value in vectors(model).items())


def test_saved_and_loaded_in_the_middle_of_a_training_nothing_differs():
    model, other = shifted(network()), network()
    model(X)
    other.load_state_dict(model.state_dict())
    for _ in range(3):
        assert torch.equal(model(X), other(X))
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in model.state_dict().items())


def test_a_copy_stands_on_its_own():
    model = shifted(network())
    twin = copy.deepcopy(model)
    before = vectors(twin)
    model(X)
    assert all(torch.equal(before[key], value) for key, value in vectors(twin).items())


def test_two_forward_passes_before_one_backward():
    """The usual critic loss D(fake) - D(real): the second pass must not spoil the first one's graph."""
    model = network()
    (model(X).mean() - model(X + 1).mean()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_the_weight_is_float32_under_autocast():
    model = network()
    exact = model[0].weight
    model.requires_grad_(False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(X).dtype == torch.bfloat16
        assert model[0].weight.dtype == torch.float32
        torch.testing.assert_close(model[0].weight, exact, rtol=1e-5, atol=1e-6)


def test_differentiable_twice():
    torch.manual_seed(0)
    power = SpectralNorm(torch.randn(3, 4, dtype=torch.float64)).double().eval()
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(power, (weight,))
    assert torch.autograd.gradgradcheck(power, (weight,))


def test_zero_weights_stay_zero_and_can_be_left_again():
    layer = nn.Linear(4, 3)
    nn.init.zeros_(layer.weight)
    spectral_norm(layer)
    layer(torch.ones(2, 4)).sum().backward()
    assert layer.weight.abs().max() == 0
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(torch.randn(3, 4))
    for _ in range(100):
        layer(torch.ones(2, 4))
    assert measured(layer) == pytest.approx(1, abs=0.01)


def test_applied_twice_is_applied_once():
    layer = spectral_norm(spectral_norm(nn.Linear(4, 3)))
    assert len(layer.parametrizations.weight) == 1


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 99))
def test_leading_singular_vectors(rows, columns, seed):
    matrix = torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    u, v = leading_singular_vectors(matrix)
    sigma = torch.linalg.matrix_norm(matrix, 2)
    torch.testing.assert_close(matrix @ v, sigma * u)
    torch.testing.assert_close(u.norm(), torch.ones_like(sigma))
    torch.testing.assert_close(v.norm(), torch.ones_like(sigma))


@given(bound=st.floats(0.001, 2))
def test_clip_weights(bound):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    before = [p.detach().clone() for p in model.parameters()]
    clip_weights(model, bound)
    assert all(torch.equal(p, b.clamp(-bound, bound)) for p, b in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("bound", [0, -0.01, float("nan")])
def test_a_bound_must_be_positive(bound):
    with pytest.raises(UserError, match=r"greater than 0"):
        clip_weights(nn.Linear(1, 1), bound)


def test_at_least_one_power_iteration():
    with pytest.raises(UserError, match="at least 1"):
        spectral_norm(nn.Linear(1, 1), n_power_iterations=0)
