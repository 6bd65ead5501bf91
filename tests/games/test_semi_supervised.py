"""The K + 1 class game, written out (Salimans 2016, sections 3.1 and 5)."""

import pytest
import torch
from torch import nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import pair
from zerosum.games.semi_supervised import SemiSupervised, with_labels
from zerosum.losses import ADVERSARIAL
from zerosum.networks import ClosedCritic, build_critic
from zerosum.optimizers import Optimizer
from zerosum.priors import Normal
from zerosum.spaces import Points

N, SIZE, CLASSES, WEIGHT, ENTROPY = 6, 3, 4, 1.5, 0.3
LABEL = torch.tensor([0, 3, 1, 2, 2, 0])


@pytest.fixture
def batch():
    any_sample = torch.linspace(-2, 2, 2 * N).view(N, 2)
    return Batch(any_sample, LABEL, condition=any_sample.flip(0) + 0.3)


@pytest.fixture
def game():
    torch.manual_seed(0)
    critic = ClosedCritic(build_critic("mlp", Points((2,)), width=8), classes=CLASSES)
    made = pair(
        generator=nn.Linear(SIZE, 2),
        critic=critic,
        prior=Normal(SIZE),
        loss=ADVERSARIAL["non-saturating"],
        optimizer=Optimizer(),
        losses=SemiSupervised,
    )
    return with_labels(made, WEIGHT, ENTROPY)


def test_the_critic_classifies_into_k_plus_one(game, batch):
    """Of K + 1 logits, the last of them 0: real ones are one of K, generated ones K + 1, labelled ones their class."""
    G, D = game.networks["G"], game.networks["D"]
    terms = game.phases[0].loss(batch, Draw(7), game.controls).terms
    closed = [
        torch.cat([D.classify(x), torch.zeros(N, 1)], 1).log_softmax(1)
        for x in (batch.real, G(Draw(7).normal(N, SIZE)))
    ]
    unsupervised = -closed[0][:, :CLASSES].logsumexp(1).mean() - closed[1][:, CLASSES].mean()
    torch.testing.assert_close(terms["adversarial"], unsupervised)
    among_real = D.classify(batch.condition).log_softmax(1)[range(N), LABEL]
    torch.testing.assert_close(terms["supervised"], -WEIGHT * among_real.mean())
    shares = D.classify(batch.real).softmax(1)
    torch.testing.assert_close(terms["entropy"], -ENTROPY * (shares * shares.log()).sum(1).mean())
    assert "entropy" not in game.phases[0].loss(batch, Draw(7), {**game.controls, "entropy": 0.0}).terms


def test_the_generator_matches_means_of_features(game, batch):
    G, D = game.networks["G"], game.networks["D"]
    ((name, value),) = game.phases[1].loss(batch, Draw(7), game.controls).terms.items()
    means = [D.features(x).mean(0) for x in (batch.real, G(Draw(7).normal(N, SIZE)))]
    assert name == "matching"
    torch.testing.assert_close(value, (means[0] - means[1]).square().sum())
    value.backward()
    assert all(p.grad.abs().sum() > 0 for p in G.parameters())


def test_the_classifier_is_averaged_and_can_be_asked(game, batch):
    assert game.averaged == ("D", "G")
    assert torch.equal(game.classifier(game.networks, batch.real), game.networks["D"].classify(batch.real))
