"""What there is to see in one move of a pair; made when somebody looks, and once."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.priors import Prior


class Sight:
    """Samples of one move, as they are and as the critic sees them.

    Args:
        batch: real samples.
        draw: of the move.
        prior: of latents.
        make: latents `(n, size)` to samples `(n, *shape)`, with the labels of the batch where there are any.
        see: `(samples, draw) -> samples` as the critic sees them.
        critic: what judges them.
        given: what else the networks are told, each `(n, …)`.
    """

    def __init__(
        self,
        batch: Batch,
        draw: Draw,
        *,
        prior: Prior,
        make: Callable[[Tensor], Tensor],
        see: Callable[[Tensor, Draw], Tensor],
        critic: nn.Module,
        given: tuple[Tensor, ...] = (),
    ) -> None:
        self.batch, self.draw, self.prior = batch, draw, prior
        self.make, self.critic, self.given = make, critic, given
        self._see = see

    @cached_property
    def z(self) -> Tensor:
        """Latents, `(n, size)`."""
        return self.prior(len(self.batch), self.draw)

    @cached_property
    def made(self) -> Tensor:
        """G(z), `(n, *shape)`."""
        return self.make(self.z)

    @cached_property
    def real(self) -> Tensor:
        """Real samples as the critic sees them."""
        return self._see(self.batch.real, self.draw.sub("real"))

    @cached_property
    def fake(self) -> Tensor:
        """Generated samples as the critic sees them."""
        return self._see(self.made, self.draw.sub("fake"))

    @cached_property
    def scores_real(self) -> Tensor:
        """D(x); whoever has a `Remember`ing critic puts its scores here."""
        scores: Tensor = self.critic(self.real, *self.given)
        return scores

    def features(self, samples: Tensor) -> Tensor:
        """What the critic's head looks at, `(n, size)`, float32 at least, of samples as it sees them."""
        features: Tensor = self.critic.features(samples, *self.given)  # type: ignore[operator]
        return features.flatten(1).to(torch.promote_types(features.dtype, torch.float32))
