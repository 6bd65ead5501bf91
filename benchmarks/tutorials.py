"""The usual tutorial loops: one round of a game written by hand, beside which the engine is timed.

They follow PyTorch's DCGAN tutorial, the authors' loops of WGAN-GP and R3GAN, and CycleGAN's training script: float32,
fakes made once a round and detached for the critic, real and generated samples judged apart, the critic's weights with
gradients while the generator moves, Adam as it comes, no averaging, no log, a loss read out nowhere. `next_batch` gives
`(real, condition)`, on the device; `condition` is the other domain's picture, or None.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.games import Game
from zerosum.optimizers import Optimizer

Round = Callable[[], None]
NextBatch = Callable[[], tuple[Tensor, Tensor | None]]


@dataclass
class Loop:
    """What a loop trains, and on what.

    Attributes:
        networks: by name, copies of the game's.
        game: where learning rates and weights are looked up.
        next_batch: the next `(real, condition)`.
        latent: dimensions of the latent.
    """

    networks: dict[str, nn.Module]
    game: Game
    next_batch: NextBatch
    latent: int

    def adam(self, player: str) -> torch.optim.Optimizer:
        """Adam as it comes, with the numbers of the game's player."""
        described = self.game.players[player].optimizer
        assert isinstance(described, Optimizer)
        assert described.name == "adam"
        names = self.game.players[player].networks
        parameters = [p for name in names for p in self.networks[name].parameters()]
        return torch.optim.Adam(parameters, described.lr, described.betas)

    def noise(self, real: Tensor) -> Tensor:
        """A latent for every real sample."""
        return torch.randn(len(real), self.latent, device=real.device)


def bce_round(loop: Loop) -> Round:
    """A round as in PyTorch's DCGAN tutorial."""
    G, D = loop.networks["G"], loop.networks["D"]
    adam_G, adam_D, bce = loop.adam("G"), loop.adam("D"), F.binary_cross_entropy_with_logits

    def one_round() -> None:
        real, _ = loop.next_batch()
        D.zero_grad()
        score = D(real)
        bce(score, torch.ones_like(score)).backward()
        fake = G(loop.noise(real))
        score = D(fake.detach())
        bce(score, torch.zeros_like(score)).backward()
        adam_D.step()
        G.zero_grad()
        score = D(fake)
        bce(score, torch.ones_like(score)).backward()
        adam_G.step()

    return one_round


def wgan_gp_round(loop: Loop) -> Round:
    """A round by algorithm 1 of Gulrajani 2017: five steps of the critic, one of the generator."""
    G, D = loop.networks["G"], loop.networks["D"]
    adam_G, adam_D = loop.adam("G"), loop.adam("D")
    weight, steps = loop.game.controls["gradient_penalty"], loop.game.phases[0].repeats(0)

    def one_round() -> None:
        for _ in range(steps):
            real, _ = loop.next_batch()
            fake = G(loop.noise(real)).detach()
            epsilon = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
            between = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
            penalty = (slope(D(between), between).norm(2, dim=1) - 1).square().mean()
            loss = D(fake).mean() - D(real).mean() + weight * penalty
            adam_D.zero_grad()
            loss.backward()
            adam_D.step()
        adam_G.zero_grad()
        (-D(G(loop.noise(real))).mean()).backward()
        adam_G.step()

    return one_round


def slope(scores: Tensor, samples: Tensor) -> Tensor:
    """The scores' gradient with respect to the samples, a row a sample, part of the graph."""
    (gradient,) = torch.autograd.grad(scores, samples, torch.ones_like(scores), create_graph=True)
    return gradient.flatten(1)


def r3gan_round(loop: Loop) -> Round:
    """A round as in the authors' Trainer.py (Huang 2024), R1 and R2 in every so many rounds only."""
    G, D = loop.networks["G"], loop.networks["D"]
    adam_G, adam_D, weight = loop.adam("G"), loop.adam("D"), loop.game.controls["r1"]
    every = max(phase.every for phase in loop.game.phases)
    count = 0

    def one_round() -> None:
        nonlocal count
        real, _ = loop.next_batch()
        fake = G(loop.noise(real)).detach()
        punished = count % every == 0
        real, fake = real.detach().requires_grad_(punished), fake.requires_grad_(punished)
        score_real, score_fake = D(real), D(fake)
        loss = F.softplus(score_fake - score_real).mean()
        if punished:
            r1, r2 = slope(score_real, real).square().sum(1), slope(score_fake, fake).square().sum(1)
            loss = loss + every * weight * (r1 + r2).mean()
        adam_D.zero_grad()
        loss.backward()
        adam_D.step()
        adam_G.zero_grad()
        F.softplus(D(real.detach()) - D(G(loop.noise(real)))).mean().backward()
        adam_G.step()
        count += 1

    return one_round


def cyclegan_round(loop: Loop) -> Round:
    """A round as in the authors' training script (Zhu 2017), with a pool of fifty pictures for each critic."""
    A2B, B2A, D_A, D_B = (loop.networks[name] for name in ("A2B", "B2A", "D_A", "D_B"))
    adam_G, adam_D = loop.adam("G"), loop.adam("D")
    cycle, identity = loop.game.controls["cycle"], loop.game.controls["identity"]
    pools: tuple[list[Tensor], list[Tensor]] = ([], [])

    def one_round() -> None:
        b, a = loop.next_batch()
        assert a is not None
        thawed(D_A, D_B, value=False)  # as the script's set_requires_grad
        fake_b, fake_a = A2B(a), B2A(b)
        loss = is_called(D_B(fake_b), 1.0) + is_called(D_A(fake_a), 1.0)
        loss = loss + cycle * (F.l1_loss(B2A(fake_b), a) + F.l1_loss(A2B(fake_a), b))
        loss = loss + cycle * identity * (F.l1_loss(A2B(b), b) + F.l1_loss(B2A(a), a))
        adam_G.zero_grad()
        loss.backward()
        adam_G.step()
        thawed(D_A, D_B, value=True)
        adam_D.zero_grad()
        for critic, real, fake, pool in ((D_A, a, fake_a, pools[0]), (D_B, b, fake_b, pools[1])):
            shown = pooled(pool, fake.detach())
            (0.5 * (is_called(critic(real), 1.0) + is_called(critic(shown), 0.0))).backward()
        adam_D.step()

    return one_round


def is_called(score: Tensor, target: float) -> Tensor:
    """Least squares."""
    return F.mse_loss(score, torch.full_like(score, target))


def thawed(*networks: nn.Module, value: bool) -> None:
    """Let weights have gradients, or not."""
    for network in networks:
        network.requires_grad_(value)


def pooled(pool: list[Tensor], pictures: Tensor, capacity: int = 50) -> Tensor:
    """Pictures of now or of earlier, one after the other, as in the script's ImagePool."""
    shown = []
    for picture in pictures:
        if len(pool) < capacity:
            pool.append(picture)
        elif random.random() < 0.5:
            place = random.randrange(capacity)
            picture, pool[place] = pool[place], picture
        shown.append(picture)
    return torch.stack(shown)


TUTORIALS: dict[str, Callable[[Loop], Round]] = {
    "gan": bce_round,
    "dcgan": bce_round,
    "wgan-gp": wgan_gp_round,
    "r3gan": r3gan_round,
    "cyclegan": cyclegan_round,
}
"""The loop of a recipe."""
