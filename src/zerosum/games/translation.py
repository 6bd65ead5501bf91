"""Two generators and two critics that learn to translate between domains A and B without pairs (Zhu 2017).

Notation of the paper: G = `A2B`, F = `B2A`; D_A and D_B judge pictures of their domain. Batches hold a picture of A as
`condition` and one of B as `real`.
"""

from collections.abc import Callable, Mapping
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
    newest: Tensor

    def __init__(self, batch_size: int, capacity: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(batch_size, capacity, *shape))
        self.register_buffer("filled", torch.zeros(batch_size, dtype=torch.int64))
        self.register_buffer("newest", torch.zeros(batch_size, *shape), persistent=False)  # lives for a round

    def push(self, pictures: Tensor, draw: Draw) -> None:
        """Hand in the pictures `(n, *shape)` that the next query about these slots is about."""
        self.newest[self._slots(len(pictures), draw)] = pictures.detach()

    def query(self, n: int, draw: Draw) -> Tensor:
        """Pictures to show to a critic, `(n, *shape)`."""
        slots, capacity = self._slots(n, draw), self.images.shape[1]
        images, filled, new = self.images[slots], self.filled[slots], self.newest[slots]
        full = filled >= capacity
        place = torch.where(full, draw.integers(capacity, n), filled.clamp(max=capacity - 1))
        swap = full & (draw.uniform(n) < 0.5)
        at = torch.arange(n, device=images.device), place
        stored = images[at]
        images[at] = torch.where(rows(swap | ~full, stored), new, stored)  # views: the pool itself
        filled.add_(1).clamp_(max=capacity)
        return torch.where(rows(swap, stored), stored, new)

    def _slots(self, n: int, draw: Draw) -> slice:
        """Those of this process that `n` samples with this draw are in: all, or those of a piece of the batch."""
        start = draw.rank * n % len(self.images)
        return slice(start, start + n)


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


@dataclass(frozen=True, kw_only=True)
class Translation:
    """The losses of two generators and two critics.

    Args:
        networks: the four networks.
        pools: of generated pictures of domain `A` and of domain `B`.
        loss: adversarial, of both sides; the critics' is halved as published.
        identity: whether a picture that is of the target domain already is to stay as it is.
    """

    networks: Domains
    pools: Mapping[str, ImagePool]
    loss: Adversarial
    identity: bool

    def generator_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """Adversarial, cycle and identity loss (equations 1 and 2, section 5.2); the pools get what was made."""
        A2B, B2A = self.networks.A2B, self.networks.B2A
        a, b = _domains(batch)
        fake_b, *same_b = at_once(A2B, a, *([b] if self.identity else []))
        fake_a, *same_a = at_once(B2A, b, *([a] if self.identity else []))
        self.pools["A"].push(fake_a, draw)
        self.pools["B"].push(fake_b, draw)
        terms = {
            "adversarial": self._adversarial(fake_a, fake_b),
            "cycle": controls["cycle"] * (_distance(B2A(fake_b), a) + _distance(A2B(fake_a), b)),
        }
        if self.identity:
            same = _distance(same_b[0], b) + _distance(same_a[0], a)
            terms["identity"] = controls["cycle"] * controls["identity"] * same
        return Result(terms)

    def critic_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """The critics' side of the adversarial loss, each in its domain, against what its pool shows."""
        terms: dict[str, Tensor] = {}
        watch: dict[str, Tensor] = {}
        for side, critic, real in zip("AB", (self.networks.D_A, self.networks.D_B), _domains(batch), strict=True):
            scores_real, scores_fake = at_once(critic, real, self.pools[side].query(len(batch), draw))
            terms[side] = 0.5 * self.loss.critic(scores_real, scores_fake).mean()
            watch |= {f"d_real_{side}": scores_real, f"d_fake_{side}": scores_fake}
        return Result(terms, watch)

    def _adversarial(self, fake_a: Tensor, fake_b: Tensor) -> Tensor:
        scores_b, scores_a = self.networks.D_B(fake_b), self.networks.D_A(fake_a)
        return self.loss.generator(scores_b, None).mean() + self.loss.generator(scores_a, None).mean()


def at_once(network: nn.Module, *batches: Tensor) -> list[Tensor]:
    """What a network says to several batches: in one pass, where its attribute `independent` says that it may be."""
    if not getattr(network, "independent", False):
        return [network(batch) for batch in batches]
    return list(torch.split(network(torch.cat(batches)), [len(batch) for batch in batches]))


def a_to_b(networks: Networks, batch: Batch, draw: Draw) -> Tensor:
    """Pictures of A, translated."""
    translated: Tensor = networks["A2B"](batch.condition)
    return translated


def b_to_a(networks: Networks, batch: Batch, draw: Draw) -> Tensor:
    """Pictures of B, translated."""
    translated: Tensor = networks["B2A"](batch.real)
    return translated


def judged_by(critic: str) -> Callable[[Networks, Tensor, Batch], Tensor]:
    """Scores of one critic."""

    def score(networks: Networks, samples: Tensor, batch: Batch) -> Tensor:
        scores: Tensor = networks[critic](samples)
        return scores

    return score


def _distance(made: Tensor, wanted: Tensor) -> Tensor:
    return l1(made, wanted).mean()


def _domains(batch: Batch) -> tuple[Tensor, Tensor]:
    assert batch.condition is not None
    return batch.condition, batch.real


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
        loss: adversarial, of both sides; see `Translation`.
        optimizer: of both players.
        cycle_weight: lambda in equation 3.
        identity_weight: of the identity loss (section 5.2), as a share of `cycle_weight`; 0 leaves it out.
        pool_size: generated pictures kept for each critic.
    """
    capacity = max(1, pool_size // batch_size)
    pools = {side: ImagePool(batch_size, capacity, shape) for side in ("A", "B")}
    losses = Translation(networks=networks, pools=pools, loss=loss, identity=bool(identity_weight))
    generators = nn.ModuleDict({"A2B": networks.A2B, "B2A": networks.B2A})
    critics = nn.ModuleDict({"D_A": networks.D_A, "D_B": networks.D_B})
    return Game(
        players={"G": Player(generators, optimizer, averaged=True), "D": Player(critics, optimizer)},
        # the critics judge what the generators have just made: one stream, the generators first
        phases=(
            Phase("G", ("G",), losses.generator_loss, stream="pair"),
            Phase("D", ("D",), losses.critic_loss, stream="pair"),
        ),
        samplers={
            "A2B": Sampler(a_to_b, "condition", score=judged_by("D_B")),
            "B2A": Sampler(b_to_a, "real", score=judged_by("D_A")),
        },
        controls={"cycle": cycle_weight, "identity": identity_weight},
        state=nn.ModuleDict({f"pool_{side}": pool for side, pool in pools.items()}),
    )
