"""AC-GAN's losses, written out for a small pair in float64 (Odena 2017, section 4)."""

import pytest
import torch
from torch import nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Weighted, pair
from zerosum.games.auxiliary import auxiliary, with_classes
from zerosum.losses import ADVERSARIAL, cross_entropy
from zerosum.networks import ClassifyingCritic, OneHotGenerator, build_critic
from zerosum.optimizers import Optimizer
from zerosum.penalties import PENALTIES
from zerosum.priors import Normal
from zerosum.spaces import Points

N, SIZE, CLASSES, WEIGHT = 6, 3, 4, 2.5
LABEL = torch.tensor([0, 3, 1, 2, 2, 0])


def game_of(loss="relativistic", **how):
    torch.manual_seed(0)
    critic = ClassifyingCritic(build_critic("mlp", Points((2,)), width=8), classes=CLASSES)
    generator = OneHotGenerator(nn.Linear(SIZE + CLASSES, 2), classes=CLASSES)
    how = {"prior": Normal(SIZE), "loss": ADVERSARIAL[loss], "optimizer": Optimizer(), "conditional": True, **how}
    return with_classes(pair(generator=generator, critic=critic, losses=auxiliary, **how), WEIGHT)


def phase_of(game, name):
    return next(phase for phase in game.phases if phase.name == name)


@pytest.fixture
def batch():
    return Batch(torch.linspace(-2, 2, 2 * N).view(N, 2), LABEL)


@pytest.mark.parametrize("loss", ADVERSARIAL)
@pytest.mark.parametrize("penalised", [False, True])
def test_both_players_lower_the_cross_entropy_of_the_classes_besides(loss, penalised, batch):
    game = game_of(loss, penalties=[Weighted("r1", PENALTIES["r1"], 1.0)] if penalised else [])
    G, D = game.networks["G"], game.networks["D"]
    fake = G(Draw(7).normal(N, SIZE), LABEL)
    critic = phase_of(game, "D").loss(batch, Draw(7), game.controls)
    generator = phase_of(game, "G").loss(batch, Draw(7), game.controls)
    adversarial = ADVERSARIAL[loss]
    torch.testing.assert_close(critic.terms["adversarial"], adversarial.critic(D(batch.real), D(fake)).mean())
    torch.testing.assert_close(generator.terms["adversarial"], adversarial.generator(D(fake), D(batch.real)).mean())
    on_real, on_fake = (WEIGHT * cross_entropy(D.classify(x), LABEL).mean() for x in (batch.real, fake))
    torch.testing.assert_close(critic.terms["classes"], on_real + on_fake)
    torch.testing.assert_close(generator.terms["classes"], on_fake)
    assert generator.terms.keys() == {"adversarial", "classes"}
    assert game.controls["classes"] == WEIGHT


def test_what_the_critic_judges_and_classifies_are_the_same_samples_made_once(batch):
    game, seen = game_of(), []
    game.networks["G"].register_forward_hook(lambda module, inputs, made: seen.append(made))
    for name in ("D", "G"):
        phase_of(game, name).loss(batch, Draw(7), game.controls)
    assert len(seen) == 2


def test_the_generators_class_term_reaches_it(batch):
    game = game_of()
    phase_of(game, "G").loss(batch, Draw(7), game.controls).terms["classes"].backward()
    assert all(p.grad.abs().sum() > 0 for p in game.networks["G"].parameters())


def test_the_critic_is_a_classifier_to_be_asked(batch):
    game = game_of()
    assert torch.equal(game.classifier(game.networks, batch.real), game.networks["D"].classify(batch.real))
