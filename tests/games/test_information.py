"""InfoGAN's bound of mutual information, written out, and codes that can be asked for (Chen 2016)."""

import math
from functools import partial

import pytest
import torch
from scipy import stats
from torch import nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import pair
from zerosum.games.information import informed, with_recognition
from zerosum.losses import ADVERSARIAL, gaussian_nll
from zerosum.networks import Guess, Recognition, build_critic
from zerosum.optimizers import Optimizer
from zerosum.priors import Codes, Normal
from zerosum.spaces import Points

N, NOISE, CATEGORIES = 6, 3, 4
WEIGHT, SHARE = 2.0, 0.25
BATCH = Batch(torch.linspace(-2, 2, 2 * N).view(N, 2))


def game_of(continuous=2, recognition=None, noise=0.0):
    torch.manual_seed(0)
    codes = Codes(Normal(NOISE), CATEGORIES, continuous)
    Q = recognition or Recognition(
        build_critic("mlp", Points((2,)), width=8), categories=CATEGORIES, continuous=continuous
    )
    game = pair(
        generator=nn.Linear(codes.size, 2),
        critic=build_critic("mlp", Points((2,)), width=8),
        prior=codes,
        loss=ADVERSARIAL["non-saturating"],
        optimizer=Optimizer(),
        losses=partial(informed, recognition=Q, share=SHARE, noise=noise),
    )
    return with_recognition(game, Q, codes, Optimizer(), WEIGHT), codes


def test_the_bound_is_its_formula():
    """L_I = E log Q(c | x) + H(c), of the categorical code and of the continuous ones."""
    game, codes = game_of()
    phase = game.phases[-1]
    result = phase.loss(BATCH, Draw(7), game.controls)
    z = codes(N, Draw(7))
    category, continuous = codes.codes(z)
    guess = game.networks["Q"](game.networks["G"](z))
    known = guess.logits.log_softmax(1)[range(N), category].mean() + math.log(CATEGORIES)
    density = stats.norm.logpdf(continuous, guess.mean.detach(), guess.log_deviation.exp().detach()).sum(1).mean()
    expected = -WEIGHT * (known.item() + SHARE * (density + 2 * math.log(2)))
    assert result.terms["information"].item() == pytest.approx(expected, rel=1e-5)
    assert known <= math.log(CATEGORIES)


def test_the_bound_is_the_entropy_where_q_knows():
    class Knowing(nn.Module):
        def forward(self, x):
            category, _ = codes.codes(codes(N, Draw(7)))
            return Guess(100 * nn.functional.one_hot(category, CATEGORIES).float(), x[:, :0], x[:, :0])

    game, codes = game_of(0, Knowing())
    term = game.phases[-1].loss(BATCH, Draw(7), game.controls).terms["information"]
    assert term.item() == pytest.approx(-WEIGHT * math.log(CATEGORIES))


def test_q_reads_through_noise_in_units_of_a_samples_size():
    class Remembering(nn.Module):
        def forward(self, x):
            self.x = x
            return Guess(torch.zeros(N, CATEGORIES), x[:, :0], x[:, :0])

    Q = Remembering()
    game, codes = game_of(0, Q, noise=0.5)
    game.phases[-1].loss(BATCH, Draw(7), game.controls)
    deviation = 0.5 * math.sqrt(2)
    noise = Q.x * math.hypot(1, deviation) - game.networks["G"](codes(N, Draw(7)))
    torch.testing.assert_close(noise, deviation * Draw(7).sub("reading").normal(N, 2))


def test_the_third_player_moves_with_the_generator_and_the_critic_knows_nothing_of_it():
    game, _ = game_of()
    assert [(phase.name, phase.players) for phase in game.phases] == [("D", ("D",)), ("G", ("G", "Q"))]
    game.phases[-1].loss(BATCH, Draw(7), game.controls).terms["information"].backward()
    assert all(p.grad.abs().sum() > 0 for p in game.networks["G"].parameters())
    assert any(p.grad.abs().sum() > 0 for p in game.networks["Q"].parameters())
    assert game.phases[0].loss(BATCH, Draw(7), game.controls).terms.keys() == {"adversarial"}


def test_a_code_is_asked_for_and_changes_nothing_else():
    game, codes = game_of()
    sampler = game.samplers["samples"]
    assert (sampler.given, sampler.codes) == ("code", CATEGORIES)
    asked = [torch.full((N,), k) for k in (1, 2)]
    first, second = (sampler.make(game.networks, Batch(BATCH.real, code=code), Draw(7)) for code in asked)
    weight = game.networks["G"].weight[:, NOISE : NOISE + CATEGORIES]
    torch.testing.assert_close(first - second, (weight[:, 1] - weight[:, 2]).expand(N, 2))
    any_code = sampler.make(game.networks, BATCH, Draw(7))
    torch.testing.assert_close(any_code, game.networks["G"](codes(N, Draw(7))))


def test_codes_are_of_their_distributions_and_are_found_again():
    codes = Codes(Normal(2), 5, 3)
    z = codes(4000, Draw(0))
    category, continuous = codes.codes(z)
    assert z.shape == (4000, codes.size)
    torch.testing.assert_close(category.bincount() / 4000, torch.full((5,), 0.2), rtol=0, atol=0.03)
    assert -1 <= continuous.min() < -0.99
    assert 0.99 < continuous.max() <= 1
    assert (z[:, 2:7].sum(1) == 1).all()
    chosen = codes.with_category(torch.full((4000,), 3), Draw(0))
    assert (codes.codes(chosen)[0] == 3).all()
    assert torch.equal(chosen[:, [0, 1, 7, 8, 9]], z[:, [0, 1, 7, 8, 9]])


def test_no_code_is_read_with_certainty_beyond_reason():
    """A likelihood without a bound ends as not a number."""
    recognition = Recognition(build_critic("mlp", Points((2,)), width=8), categories=CATEGORIES, continuous=2)
    with torch.no_grad():
        recognition.head.bias.fill_(-1000.0)
    guess = recognition(BATCH.real)
    torch.testing.assert_close(guess.log_deviation.exp(), torch.full((N, 2), 0.01))


def test_a_code_that_is_read_with_too_much_certainty_can_become_less_sure():
    recognition = Recognition(build_critic("mlp", Points((2,)), width=8), categories=CATEGORIES, continuous=2)
    with torch.no_grad():
        recognition.head.bias[-2:] = math.log(0.01) - 2
    guess = recognition(BATCH.real)
    wrong = gaussian_nll(guess.mean, guess.log_deviation, guess.mean.detach() + 0.5).mean()
    (slope,) = torch.autograd.grad(wrong, recognition.head.bias)
    assert (slope[-2:] < -1).all()  # a step against it widens
