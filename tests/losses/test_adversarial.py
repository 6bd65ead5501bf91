"""One contract for every adversarial loss: the paper's formula, finite everywhere, the right signs."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zerosum.errors import UserError
from zerosum.losses import ADVERSARIAL

NAMES = sorted(ADVERSARIAL)
SCORE = st.floats(-8, 8)


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


# (critic, generator) as the papers write them, on one real and one fake score
FORMULAS = {
    "minimax": (
        lambda r, f: -math.log(sigmoid(r)) - math.log(1 - sigmoid(f)),
        lambda r, f: math.log(1 - sigmoid(f)),
    ),
    "non-saturating": (
        lambda r, f: -math.log(sigmoid(r)) - math.log(1 - sigmoid(f)),
        lambda r, f: -math.log(sigmoid(f)),
    ),
    "least-squares": (lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda r, f: (f - 1) ** 2 / 2),
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
    "hinge": (lambda r, f: max(0, 1 - r) + max(0, 1 + f), lambda r, f: -f),
    "relativistic": (lambda r, f: -math.log(sigmoid(r - f)), lambda r, f: -math.log(sigmoid(f - r))),
}


def test_every_loss_has_a_formula_here():
    assert sorted(FORMULAS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@given(scores=st.lists(st.tuples(SCORE, SCORE), min_size=1, max_size=5))
def test_formula(name, scores):
    real, fake = torch.tensor(scores, dtype=torch.float64).unbind(1)
    critic, generator = FORMULAS[name]
    loss = ADVERSARIAL[name]
    np.testing.assert_allclose(loss.critic(real, fake), [critic(r, f) for r, f in scores], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(loss.generator(fake, real), [generator(r, f) for r, f in scores], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_map_counts_as_the_mean_of_its_positions(name):
    real, fake = torch.randn(2, 3, 1, 2, 4, generator=torch.Generator().manual_seed(0))
    loss = ADVERSARIAL[name]
    by_position = loss.critic(real.flatten(), fake.flatten()).view(3, -1).mean(1)
    torch.testing.assert_close(loss.critic(real, fake), by_position)
    by_position = loss.generator(fake.flatten(), real.flatten()).view(3, -1).mean(1)
    torch.testing.assert_close(loss.generator(fake, real), by_position)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("r", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("f", [-1e4, 0.0, 1e4])
def test_extreme_scores_are_finite_with_finite_gradients(name, r, f):
    real, fake = torch.tensor([r], requires_grad=True), torch.tensor([f], requires_grad=True)
    loss = ADVERSARIAL[name]
    for value in (loss.critic(real, fake), loss.generator(fake, real)):
        gradients = torch.autograd.grad(value.sum(), (real, fake), allow_unused=True)
        assert value.isfinite().all()
        assert all(g.isfinite().all() for g in gradients if g is not None)


@pytest.mark.parametrize("name", NAMES)
@given(r=st.floats(-0.9, 0.9), f=st.floats(-0.9, 0.9))
def test_the_critic_parts_the_scores_and_the_generator_raises_its_own(name, r, f):
    real = torch.tensor([r], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([f], dtype=torch.float64, requires_grad=True)
    loss = ADVERSARIAL[name]
    by_real, by_fake = torch.autograd.grad(loss.critic(real, fake).sum(), (real, fake))
    assert by_real < 0  # lowering the loss raises D(x) …
    # … and lowers D(G(z)); least squares pulls it to 0, its own target
    assert torch.sign(by_fake) == (torch.sign(fake) if name == "least-squares" else 1)
    (by_fake,) = torch.autograd.grad(loss.generator(fake, real).sum(), fake)
    assert by_fake < 0


def test_minimax_saturates_where_non_saturating_does_not():
    def pull(name):
        fake = torch.tensor([-20.0], requires_grad=True)  # a critic that is sure
        return torch.autograd.grad(ADVERSARIAL[name].generator(fake, None).sum(), fake)[0].abs().item()

    assert pull("minimax") < 1e-8
    assert pull("non-saturating") > 0.99


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("given_type", "expected"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_computed_in_float32_at_least_even_under_autocast(name, given_type, expected):
    scores = torch.tensor([0.1, 0.2]).to(given_type)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert ADVERSARIAL[name].critic(scores, scores).dtype == expected
        assert ADVERSARIAL[name].generator(scores, scores).dtype == expected


@pytest.mark.parametrize("name", NAMES)
def test_paired_says_whether_the_generator_looks_at_real_scores(name):
    fake, real, other = torch.tensor([0.3, -1.0]), torch.tensor([0.5, 0.6]), torch.tensor([-2.0, 3.0])
    loss = ADVERSARIAL[name]
    differs = not torch.equal(loss.generator(fake, real), loss.generator(fake, other))
    assert differs == loss.paired
    if not loss.paired:
        torch.testing.assert_close(loss.generator(fake, None), loss.generator(fake, real))


@pytest.mark.parametrize("name", [name for name in NAMES if ADVERSARIAL[name].probability])
@given(p=st.floats(0.05, 0.95))
def test_the_best_score_of_a_probability_loss_is_the_log_odds(name, p):
    """Where p of 1 samples are real, the critic's expected loss is least at σ(score) = p."""
    score = torch.tensor(math.log(p / (1 - p)), dtype=torch.float64, requires_grad=True)
    silent = torch.full((1,), -1e3, dtype=torch.float64)  # adds nothing on the other side
    on_real = ADVERSARIAL[name].critic(score.view(1), silent)
    on_fake = ADVERSARIAL[name].critic(-silent, score.view(1))
    (slope,) = torch.autograd.grad((p * on_real + (1 - p) * on_fake).sum(), score)
    assert abs(slope.item()) < 1e-9


def test_relativistic_refuses_what_would_broadcast_and_what_is_missing():
    with pytest.raises(UserError, match="row by row"):
        ADVERSARIAL["relativistic"].critic(torch.zeros(4), torch.zeros(4, 1))
    with pytest.raises(UserError, match="real scores"):
        ADVERSARIAL["relativistic"].generator(torch.zeros(4), None)
