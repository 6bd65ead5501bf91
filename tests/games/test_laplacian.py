"""A pair a level of the pyramid: each lowers its own loss, told the real coarser picture."""

import pytest
import torch

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Weighted, pair
from zerosum.games.laplacian import Laplacian
from zerosum.losses import ADVERSARIAL
from zerosum.networks.laplacian import LaplacianCritic, LaplacianGenerator
from zerosum.optimizers import Optimizer
from zerosum.penalties import PENALTIES
from zerosum.priors import Uniform
from zerosum.spaces import Images

N, LEVELS, SPACE = 4, 2, Images((2, 16, 16))


def game_of(loss="relativistic", every=1):
    torch.manual_seed(0)
    generator = LaplacianGenerator(SPACE, levels=LEVELS, latent=3, width=3, units=5).double()
    critic = LaplacianCritic(SPACE, levels=LEVELS, width=3, units=5).double()
    return pair(
        generator=generator,
        critic=critic,
        prior=Uniform(sum(generator.latents)),
        loss=ADVERSARIAL[loss],
        optimizer=Optimizer(),
        penalties=[Weighted("r1", PENALTIES["r1"], 0.5, every)],
        losses=Laplacian,
    )


@pytest.fixture
def batch():
    return Batch(Draw(1).normal(N, *SPACE.shape).double())


@pytest.fixture(autouse=True)
def double(monkeypatch):
    """Latents are float32 and the networks float64."""
    monkeypatch.setattr(Uniform, "__call__", lambda self, n, draw: draw.uniform(n, self.size, low=-1.0).double())


def played(game, batch, name):
    return next(phase for phase in game.phases if phase.name == name).loss(batch, Draw(7), game.controls)


def by_hand(game, batch, of):
    """What `of` says of the scores of real and generated samples, summed over levels."""
    G, D = game.networks["G"], game.networks["D"]
    total = 0.0
    for k, (part, low) in enumerate(D.pyramid.parts(batch.real)):
        told = () if low is None else (low,)
        z = Uniform(G.latents[k])(N, Draw(7).sub("level", k))
        total += of(D.levels[k](part, *told), D.levels[k](G.levels[k](z, *told), *told)).mean()
    return total


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_losses_are_the_sums_of_the_levels(loss, batch):
    game, adversarial = game_of(loss), ADVERSARIAL[loss]
    critic, generator = played(game, batch, "D"), played(game, batch, "G")
    torch.testing.assert_close(critic.terms["adversarial"], by_hand(game, batch, adversarial.critic))
    of_generator = by_hand(game, batch, lambda real, fake: adversarial.generator(fake, real))
    torch.testing.assert_close(generator.terms["adversarial"], of_generator)
    assert critic.terms.keys() == {"adversarial", "r1"}
    assert critic.watch.keys() == {
        name + at for name in ("d_real", "d_fake", "value") for at in ("", "_4", "_8", "_16")
    }
    mean = sum(critic.watch[f"d_real_{height}"].mean() for height in (4, 8, 16)) / 3
    torch.testing.assert_close(critic.watch["d_real"].mean(), mean)


@pytest.mark.parametrize("name", ["D", "G", "D_r1"])
def test_no_level_depends_on_the_weights_of_another(name, batch):
    """Without the finest level nothing changes for the others."""
    game = game_of(every=2)
    player = game.networks[name[0]]

    def gradients():
        player.zero_grad()
        sum(played(game, batch, name).terms.values()).backward()
        return [p.grad.clone() for level in player.levels[:-1] for p in level.parameters() if p.grad is not None]

    before = gradients()
    for network in game.networks.values():
        for parameter in network.levels[-1].parameters():
            torch.nn.init.normal_(parameter)
    after = gradients()
    assert before
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_samples_go_through_all_levels(batch):
    game = game_of()
    sampler = game.samplers["samples"]
    made = sampler.make(game.networks, Batch(torch.empty(N, 0)), Draw(3))
    assert made.shape == (N, *SPACE.shape)
    z = Uniform(sum(game.networks["G"].latents))(N, Draw(3))
    assert torch.equal(made, game.networks["G"](z))
    assert sampler.score(game.networks, made, batch).shape == (N,)
