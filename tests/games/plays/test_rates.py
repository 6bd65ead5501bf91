"""Ways of playing converge and diverge on games of two numbers as was proved, at the rates in closed form."""

import cmath
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from zerosum.games import CONSENSUS, PLAYS
from zerosum.games.known import bilinear, dirac
from zerosum.losses import ADVERSARIAL
from zerosum.optimizers import Optimizer
from zerosum.training.lookahead import Lookahead, Pace
from zerosum.training.moves import EngineMove

RATE = 0.1
SGD = Optimizer(name="sgd", lr=RATE)


@pytest.fixture
def course(make_table):
    """Weights (ψ, θ) before and after each of some rounds, `(rounds + 1, 2)`, float64."""

    def play(game, order, rounds=60, lookahead=0, gamma=1.0):
        table = make_table(game)
        weights = [mover.parameters[0] for mover in table.movers.values()]
        behind = Lookahead(Pace(lookahead, 0.5), weights)
        places = [[w.item() for w in weights]]
        for index in range(rounds):
            PLAYS[order]([EngineMove(table, phase, 0, index) for phase in game.phases], {CONSENSUS: gamma})
            behind.update(index + 1)
            places.append([w.item() for w in weights])
        return np.array(places)

    return play


def growth(places: np.ndarray, memory: int = 1) -> float:
    """How many times farther from the equilibrium a round leads, in the long run: the spectral radius of the map that
    leads from the last `memory` places to the next, found by least squares."""
    rounds = len(places) - memory
    then = np.hstack([places[k : k + rounds] for k in range(memory)])
    now = np.hstack([places[k + 1 : k + 1 + rounds] for k in range(memory)])
    step, *_ = np.linalg.lstsq(then, now, rcond=None)
    return float(max(abs(np.linalg.eigvals(step))))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("simultaneous", math.sqrt(1 + RATE**2)),  # Gidel 2019, proposition 1
        ("extragradient", math.sqrt(1 - RATE**2 + RATE**4)),
        ("consensus", math.sqrt((1 - RATE) ** 2 + RATE**2)),  # γ = 1: J'J is the identity
        ("symplectic", math.sqrt((1 - RATE) ** 2 + RATE**2)),  # A = J
    ],
)
def test_rates_on_the_bilinear_game(course, order, expected):
    assert growth(course(bilinear(SGD), order)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("order", ["critic-first", "generator-first"])
def test_alternating_play_goes_round_the_equilibrium_for_ever(course, order):
    """ψ² + θ² ± η ψ θ does not change (Gidel 2019, proposition 1: bounded, not convergent)."""
    psi, theta = course(bilinear(SGD), order).T
    sign = 1 if order == "critic-first" else -1
    kept = psi**2 + theta**2 + sign * RATE * psi * theta
    np.testing.assert_allclose(kept, kept[0], rtol=1e-12)


def test_optimism_ends_the_circles(course):
    """The larger root of λ² - λ (1 - 2ηi) - ηi = 0 (Daskalakis 2018): |λ|² = (1 + √(1 - 4η²)) / 2."""
    game = bilinear(replace(SGD, optimistic=True))
    expected = math.sqrt((1 + math.sqrt(1 - 4 * RATE**2)) / 2)
    assert growth(course(game, "simultaneous"), memory=2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rounds", [2, 5, 10])
def test_lookahead_draws_to_the_middle(course, rounds):
    """|1 - α + α (1 - ηi)^k| a cycle of k rounds of simultaneous play (Chavdarova 2021, theorem 2)."""
    cycles = course(bilinear(SGD), "simultaneous", rounds=10 * rounds, lookahead=rounds)[::rounds]
    assert growth(cycles) == pytest.approx(abs(0.5 + 0.5 * (1 - 1j * RATE) ** rounds), rel=1e-9)


def heavy_ball(momentum: float, alternating: bool) -> float:
    """Spectral radius of a round on the bilinear game, as a map of (ψ, θ, buffers of both)."""
    critic = np.array([[1, RATE, -RATE * momentum, 0], [0, 1, 0, 0], [0, -1, momentum, 0], [0, 0, 0, 1]], float)
    generator = np.array([[1, 0, 0, 0], [-RATE, 1, 0, -RATE * momentum], [0, 0, 1, 0], [1, 0, 0, momentum]], float)
    both = critic + generator - np.eye(4)
    return float(max(abs(np.linalg.eigvals(generator @ critic if alternating else both))))


@pytest.mark.parametrize("momentum", [-0.5, -0.3, 0.3])
@pytest.mark.parametrize("order", ["critic-first", "simultaneous"])
def test_momentum_converges_only_if_negative_and_in_turn(course, momentum, order):
    """Gidel 2019 (negative momentum), theorems 5 and 6."""
    expected = heavy_ball(momentum, order == "critic-first")
    game = bilinear(replace(SGD, name="momentum", betas=(momentum, 0.999)))
    assert (expected < 1) == (momentum < 0 and order == "critic-first")
    assert growth(course(game, order), memory=2) == pytest.approx(expected, rel=1e-9)


def test_the_published_bound_of_negative_momentum_holds():
    """Theorem 6: with β = -1/2 the squared distance falls by max(1/2, 1 - η²/16) a round."""
    assert heavy_ball(-0.5, alternating=True) ** 2 <= max(0.5, 1 - RATE**2 / 16)


class Adam:
    """By the formulas of Kingma 2015, on an array."""

    def __init__(self, lr: float, betas: tuple[float, float]) -> None:
        self.lr, self.betas, self.m, self.v, self.t = lr, betas, 0.0, 0.0, 0

    def update(self, gradient: np.ndarray) -> np.ndarray:
        one, two = self.betas
        self.t += 1
        self.m, self.v = one * self.m + (1 - one) * gradient, two * self.v + (1 - two) * gradient**2
        return -self.lr * (self.m / (1 - one**self.t)) / (np.sqrt(self.v / (1 - two**self.t)) + 1e-8)


@pytest.mark.parametrize("betas", [(0.5, 0.9), (-0.5, 0.9), (0.0, 0.99)])
def test_with_adam_they_are_the_published_extra_adam_and_optimistic_adam(course, betas):
    """Gidel 2019, algorithm 4: moments follow both gradients. Daskalakis 2018, algorithm 1: u_t twice, less u_{t-1}."""
    field = np.array([[0.0, -1.0], [1.0, 0.0]])  # ψ raises ψ θ, θ lowers it
    adam = Optimizer(name="adam", lr=0.03, betas=betas)
    here, rule = np.ones(2), Adam(0.03, betas)
    for place in course(bilinear(adam), "extragradient", rounds=30)[1:]:
        ahead = here + rule.update(field @ here)
        here = here + rule.update(field @ ahead)
        np.testing.assert_allclose(place, here, rtol=1e-9)
    here, rule, last = np.ones(2), Adam(0.03, betas), 0.0
    for place in course(bilinear(replace(adam, optimistic=True)), "simultaneous", rounds=30)[1:]:
        update = rule.update(field @ here)
        here, last = here + 2 * update - last, update
        np.testing.assert_allclose(place, here, rtol=1e-9)


# --- Dirac-GAN, near its equilibrium ---

NEAR = (1e-5, 1e-5)


def eigenvalue(slope: float, gamma: float) -> complex:
    """Of -J at the equilibrium, f'(0) = `slope`, with R1: -γ/2 + √(γ²/4 - f'(0)²) (Mescheder 2018, lemma 4.1)."""
    return -gamma / 2 + cmath.sqrt(gamma**2 / 4 - slope**2)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("loss", "slope"), [("minimax", 0.5), ("non-saturating", 0.5), ("wasserstein", 1.0)])
def test_the_dirac_gan_converges_only_under_r1(course, loss, slope, gamma):
    """|1 + η λ| a round of simultaneous play; above 1 without R1 (Mescheder 2018, lemma 2.3)."""
    found = growth(course(dirac(ADVERSARIAL[loss], SGD, gamma=gamma, start=NEAR), "simultaneous"))
    expected = abs(1 + RATE * eigenvalue(slope, gamma))
    assert (expected < 1) == (gamma > 0)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("order", "gamma", "expected"),
    [
        ("extragradient", 0.0, abs(1 - 0.05j * (1 - 0.05j))),
        ("consensus", 4.0, abs(1 - RATE * (0.5j + 4 * 0.25))),  # λ = -γ f'(0)² ± i f'(0)
        ("symplectic", 0.0, abs(1 - RATE * (0.5j + 0.25))),
    ],
)
def test_the_dirac_gan_converges_without_r1_if_it_is_played_otherwise(course, order, gamma, expected):
    game = dirac(ADVERSARIAL["non-saturating"], SGD, start=NEAR)
    assert growth(course(game, order, gamma=gamma)) == pytest.approx(expected, rel=1e-6)
    assert expected < 1


def test_alternating_play_of_the_dirac_gan_neither_converges_nor_leaves(course):
    """Eigenvalues on the unit circle for small rates (Mescheder 2018, lemma 2.4)."""
    places = course(dirac(ADVERSARIAL["minimax"], SGD, start=NEAR), "critic-first", rounds=2000)
    far = np.linalg.norm(places, axis=1) / np.linalg.norm(places[0])
    assert 0.9 < far.min() < far.max() < 1.1


def test_weights_stay_in_float64(course):
    assert bilinear(SGD).networks["G"]["w"].dtype == torch.float64
