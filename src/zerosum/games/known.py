"""Two games of two numbers whose course is known by proof, to try ways of playing on.

Everyone is one number, `w`; there are no samples. Weights are float64, so that rates can be compared with theory.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Game, Loss, Networks, Phase, Player, Result, Sampler
from zerosum.losses import Adversarial
from zerosum.optimizers import Optimizer


def bilinear(optimizer: Optimizer, start: tuple[float, float] = (1.0, 1.0)) -> Game:
    """Min over θ, max over ψ of ψ θ: the equilibrium is (0, 0), and J has the eigenvalues ±i (Gidel 2019, section 2).

    Args:
        optimizer: of both players.
        start: (ψ, θ).
    """
    psi, theta = (number(value) for value in start)
    return two_numbers(psi, theta, lambda: -psi["w"] * theta["w"], lambda: psi["w"] * theta["w"], optimizer)


def dirac(
    loss: Adversarial, optimizer: Optimizer, *, gamma: float = 0.0, start: tuple[float, float] = (1.0, 1.0)
) -> Game:
    """The Dirac-GAN: all real samples are 0, all generated ones θ, and D(x) = ψ x (Mescheder 2018, section 2).

    The equilibrium is (0, 0). With R1 the critic adds γ/2 ψ².

    Args:
        loss: of both players, in place of the paper's f; its f'(0) is 1/2 for cross-entropy, 1 for Wasserstein.
        optimizer: of both players.
        gamma: γ.
        start: (ψ, θ).
    """
    psi, theta = (number(value) for value in start)

    def scores() -> tuple[Tensor, Tensor]:
        fake = psi["w"] * theta["w"]
        return torch.zeros_like(fake)[None], fake[None]

    def critic() -> Tensor:
        real, fake = scores()
        penalty: Tensor = gamma / 2 * psi["w"].square()
        return loss.critic(real, fake).mean() + penalty

    def generator() -> Tensor:
        real, fake = scores()
        return loss.generator(fake, real if loss.paired else None).mean()

    return two_numbers(psi, theta, critic, generator, optimizer)


def two_numbers(
    psi: nn.ParameterDict,
    theta: nn.ParameterDict,
    critic: Callable[[], Tensor],
    generator: Callable[[], Tensor],
    optimizer: Optimizer,
) -> Game:
    """A critic ψ and a generator θ who lower two functions of both."""
    return Game(
        players={
            "D": Player(nn.ModuleDict({"D": psi}), optimizer),
            "G": Player(nn.ModuleDict({"G": theta}), optimizer),
        },
        phases=(Phase("D", ("D",), blind(critic)), Phase("G", ("G",), blind(generator))),
        samplers={"samples": Sampler(numbers)},
    )


def number(value: float) -> nn.ParameterDict:
    """A player's only weight."""
    return nn.ParameterDict({"w": nn.Parameter(torch.tensor(value, dtype=torch.float64))})


def blind(value: Callable[[], Tensor]) -> Loss:
    """A loss that looks at no samples."""
    return lambda batch, draw, controls: Result({"value": value()})


def numbers(networks: Networks, batch: Batch, draw: Draw) -> Tensor:
    """θ, once for every row of the batch."""
    theta: Tensor = networks["G"]["w"]  # type: ignore[index]
    return theta.detach().float().expand(len(batch), 1)
