"""Two generators and two critics that learn to translate between domains A and B without pairs (Zhu 2017).

Notation of the paper: G = `A2B`, F = `B2A`; D_A and D_B judge pictures of their domain. Batches hold a picture of A as
`condition` and one of B as `real`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Controls, Game, Networks, Phase, Player, Result, Sampler
from zerosum.losses import Adversarial, l1
from zerosum.optimizers import Optimizer


class ImagePool(nn.Module):
    """Generated pictures of earlier rounds, so that a critic does not forget them (Shrivastava 2017).

    Every slot of the batch has a pool of its own; with a batch of one this is the published pool. Until a pool is
    full it stores and returns the new picture; then it returns the new picture with probability 1/2, else a stored
    one, which the new one replaces.

    Args:
        batch_size: slots, over all processes.
        capacity: pictures a slot.
        shape: of a picture.
    """

    images: Tensor
    filled: Tensor

    def __init__(self, batch_size: int, capacity: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(batch_size, capacity, *shape))
        self.register_buffer("filled", torch.zeros(batch_size, dtype=torch.int64))
        self.newest: Tensor | None = None

    def push(self, pictures: Tensor) -> None:
        """Hand in the pictures `(n, *shape)` that the next query is about."""
        self.newest = pictures.detach().float()

    def query(self, draw: Draw) -> Tensor:
        """Pictures to show to a critic, `(n, *shape)`."""
        new, slots = self.newest, torch.arange(len(self.images), device=self.images.device)
        assert new is not None, "push comes before query"
        capacity = self.images.shape[1]
        full = self.filled >= capacity
        place = torch.where(full, draw.integers(capacity, len(slots)), self.filled.clamp(max=capacity - 1))
        swap = full & (draw.uniform(len(slots)) < 0.5)
        stored = self.images[slots, place]
        self.images[slots, place] = torch.where(rows(swap | ~full, stored), new, stored)
        self.filled.add_(1).clamp_(max=capacity)
        return torch.where(rows(swap, stored), stored, new)


def rows(mask: Tensor, like: Tensor) -> Tensor:
    """A mask `(n,)` that broadcasts over the rows of `like`."""
    return mask.view(-1, *[1] * (like.dim() - 1))


@dataclass(frozen=True)
class Domains:
    """The four networks: pictures -> pictures of the same shape, and pictures -> scores."""

    A2B: nn.Module
    B2A: nn.Module
    D_A: nn.Module
    D_B: nn.Module


def translation(
    *,
    networks: Domains,
    shape: tuple[int, ...],
    batch_size: int,
    loss: Adversarial,
    optimizer: Optimizer,
    cycle_weight: float,
    identity_weight: float,
    pool_size: int,
) -> Game:
    """The game of CycleGAN.

    Args:
        networks: the four networks.
        shape: of a picture, the same in both domains.
        batch_size: over all processes.
        loss: adversarial, of both sides; the critics' is halved as published.
        optimizer: of both players.
        cycle_weight: lambda in equation 3.
        identity_weight: of the identity loss (section 5.2), as a share of `cycle_weight`; 0 leaves it out.
        pool_size: generated pictures kept for each critic.
    """
    capacity = max(1, pool_size // batch_size)
    pools = {side: ImagePool(batch_size, capacity, shape) for side in ("A", "B")}
    A2B, B2A, D_A, D_B = networks.A2B, networks.B2A, networks.D_A, networks.D_B

    def sides(batch: Batch) -> tuple[Tensor, Tensor]:
        assert batch.condition is not None
        return batch.condition, batch.real

    def generator_loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
        a, b = sides(batch)
        fake_b, fake_a = A2B(a), B2A(b)
        pools["A"].push(fake_a)
        pools["B"].push(fake_b)
        adversarial_b, adversarial_a = D_B(fake_b), D_A(fake_a)
        terms = {
            "adversarial": loss.generator(adversarial_b, adversarial_b).mean()
            + loss.generator(adversarial_a, adversarial_a).mean(),
            "cycle": controls["cycle"] * (l1(B2A(fake_b), a).mean() + l1(A2B(fake_a), b).mean()),
        }
        if identity_weight:
            same = l1(A2B(b), b).mean() + l1(B2A(a), a).mean()
            terms["identity"] = controls["cycle"] * controls["identity"] * same
        return Result(terms)

    def critic_loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
        terms: dict[str, Tensor] = {}
        watch: dict[str, Tensor] = {}
        for side, critic, real in zip("AB", (D_A, D_B), sides(batch), strict=True):
            scores_real, scores_fake = critic(real), critic(pools[side].query(draw))
            terms[side] = 0.5 * loss.critic(scores_real, scores_fake).mean()
            watch |= {f"d_real_{side}": scores_real, f"d_fake_{side}": scores_fake}
        return Result(terms, watch)

    def translate(name: str) -> Sampler:
        def make(networks: Networks, batch: Batch, draw: Draw) -> Tensor:
            translated: Tensor = networks[name](batch.condition if name == "A2B" else batch.real)
            return translated

        return Sampler(make, "condition" if name == "A2B" else "real")

    return Game(
        players={
            "G": Player(nn.ModuleDict({"A2B": A2B, "B2A": B2A}), optimizer, averaged=True),
            "D": Player(nn.ModuleDict({"D_A": D_A, "D_B": D_B}), optimizer),
        },
        # the critics judge what the generators have just made: one stream, the generators first
        phases=(Phase("G", ("G",), generator_loss, stream="pair"), Phase("D", ("D",), critic_loss, stream="pair")),
        samplers={"A2B": translate("A2B"), "B2A": translate("B2A")},
        controls={"cycle": cycle_weight, "identity": identity_weight},
        state=nn.ModuleDict({f"pool_{side}": pool for side, pool in pools.items()}),
    )
