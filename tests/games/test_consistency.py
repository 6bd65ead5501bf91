"""Balanced consistency, written out for a small pair in float64 (Zhao 2021, algorithm 2)."""

import pytest
import torch
from torch import nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import pair
from zerosum.games.consistency import consistent, with_consistency
from zerosum.losses import ADVERSARIAL
from zerosum.networks import build_critic
from zerosum.optimizers import Optimizer
from zerosum.priors import Normal
from zerosum.spaces import Points

N, SIZE, WEIGHT = 6, 3, 2.5


def shifted(samples, p, draw):
    """A variation of points."""
    assert p == 1.0
    return samples + draw.normal(*samples.shape)


def game_of():
    torch.manual_seed(0)
    game = pair(
        generator=nn.Linear(SIZE, 2),
        critic=build_critic("mlp", Points((2,)), width=8),
        prior=Normal(SIZE),
        loss=ADVERSARIAL["non-saturating"],
        optimizer=Optimizer(),
        losses=lambda **how: consistent(variation=shifted, **how),
    )
    return with_consistency(game, WEIGHT)


@pytest.fixture
def batch():
    return Batch(torch.linspace(-2, 2, 2 * N).view(N, 2))


def test_the_critic_is_to_say_the_same_of_a_sample_that_is_varied(batch):
    game = game_of()
    G, D = game.networks["G"], game.networks["D"]
    found = game.phases[0].loss(batch, Draw(7), game.controls)
    own = Draw(7).sub("consistency")
    expected = 0.0
    for side, x in (("real", batch.real), ("fake", G(Draw(7).normal(N, SIZE)))):
        expected += WEIGHT * (D(x) - D(shifted(x, 1.0, own.sub(side)))).square().mean()
    torch.testing.assert_close(found.terms["consistency"], expected)


def test_it_is_a_control_and_a_term_of_the_critic_alone(batch):
    game = game_of()
    assert game.controls["consistency"] == WEIGHT
    assert game.phases[0].loss(batch, Draw(7), game.controls | {"consistency": 0.0}).terms.keys() == {"adversarial"}
    assert game.phases[1].loss(batch, Draw(7), game.controls).terms.keys() == {"adversarial"}
