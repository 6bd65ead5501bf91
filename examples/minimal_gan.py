"""Two networks of your own and the game they play, on eight Gaussians: all that a recipe does, written out.

python examples/minimal_gan.py --help
"""

import torch
import torch.nn.functional as F
import tyro
from torch import nn

import zerosum
from zerosum import Game, Phase, Player, Result, Sampler
from zerosum.optimizers import Optimizer

LATENT = 8

torch.manual_seed(0)  # networks of your own start from weights of your own; all else follows from the run's seed
G = nn.Sequential(nn.Linear(LATENT, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
D = nn.Sequential(nn.Linear(2, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))


def critic_loss(batch, draw, controls):
    """-log D(x) - log(1 - D(G(z))), where D is the sigmoid of the score."""
    real, fake = D(batch.real), D(G(draw.normal(len(batch), LATENT)))
    loss = F.softplus(-real).mean() + F.softplus(fake).mean()
    return Result({"adversarial": loss}, watch={"d_real": real.sigmoid(), "d_fake": fake.sigmoid()})


def generator_loss(batch, draw, controls):
    """-log D(G(z)). The critic is frozen while the generator moves, so that nothing need be detached."""
    fake = D(G(draw.normal(len(batch), LATENT)))
    return Result({"adversarial": F.softplus(-fake).mean()})


def sample(networks, batch, draw):
    """As many points as the batch has rows, from the generator or from its average."""
    return networks["G"](draw.normal(len(batch), LATENT))


adam = Optimizer(name="adam", lr=1e-3, betas=(0.5, 0.999))
game = Game(
    players={
        "D": Player(nn.ModuleDict({"D": D}), adam),
        "G": Player(nn.ModuleDict({"G": G}), adam, averaged=True),
    },
    phases=(Phase("D", ("D",), critic_loss), Phase("G", ("G",), generator_loss)),
    samplers={"samples": Sampler(sample)},
)


def main(length_samples: int = 1_000_000, batch_size: int = 128) -> None:
    """Play the game, then draw a thousand points."""
    run = zerosum.train(game, data="ring", length_samples=length_samples, batch_size=batch_size)
    points = run.sample(1000)
    print(f"{run.report}\n{run.grid}\nmean distance from the origin: {points.norm(dim=1).mean():.3f} (real: 1.000)")


if __name__ == "__main__":
    tyro.cli(main)
