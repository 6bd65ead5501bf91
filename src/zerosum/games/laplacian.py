"""One generator and one critic a level of a Laplacian pyramid, which all learn at the same time (Denton 2015).

Level k plays a pair of its own: real are h_k of the pyramids of real samples, made are G_k(z_k, l_k), and both critic
and generator are told the real l_k. No level's loss depends on another level's weights.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Controls, Loss, Result
from zerosum.games.pair import Pair, Weighted
from zerosum.networks.laplacian import LaplacianCritic, LaplacianGenerator
from zerosum.priors import Uniform


@dataclass(frozen=True, kw_only=True)
class Level(Pair):
    """The losses of one level: a pair that is told the coarser picture where there is one."""

    def _given(self, batch: Batch, times: int = 1) -> tuple[Tensor, ...]:
        return () if batch.condition is None else (batch.condition.repeat(times, 1, 1, 1),)


@dataclass(frozen=True, kw_only=True)
class Laplacian(Pair):
    """The losses of all levels. Terms are their sums; what is watched is their mean, and each level's by its height."""

    def critic_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """The critics' side."""
        return self._together(lambda level: level.critic_loss, batch, draw, controls)

    def generator_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """The generators' side."""
        return self._together(lambda level: level.generator_loss, batch, draw, controls)

    def lazy_loss(self, term: Weighted) -> Loss:
        """A penalty of all critics that is a phase of its own."""

        def loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
            return self._together(lambda level: level.lazy_loss(term), batch, draw, controls)

        return loss

    @property
    def levels(self) -> list[Level]:
        """The pair of each level, from the coarsest to the finest; noise is uniform, as published."""
        generator, critic = self.generator, self.critic
        assert isinstance(generator, LaplacianGenerator)
        assert isinstance(critic, LaplacianCritic)
        return [
            Level(generator=G, critic=D, prior=Uniform(latent), loss=self.loss, penalties=self.penalties)
            for G, D, latent in zip(generator.levels, critic.levels, generator.latents, strict=True)
        ]

    def _together(self, of: Callable[[Level], Loss], batch: Batch, draw: Draw, controls: Controls) -> Result:
        """A loss of all levels, each of its part of the real samples and with random numbers of its own."""
        critic = self.critic
        assert isinstance(critic, LaplacianCritic)
        results: dict[int, Result] = {}
        for k, (level, (part, low)) in enumerate(zip(self.levels, critic.pyramid.parts(batch.real), strict=True)):
            own = Batch(part, condition=low)
            results[part.shape[2]] = of(level)(own, draw.sub("level", k), controls)
        return Result(merged([result.terms for result in results.values()], torch.sum), watched(results))


def watched(results: dict[int, Result]) -> dict[str, Tensor]:
    """What is watched of levels by height: the mean of each value, and the value of each level by its name."""
    by_level = {f"{name}_{height}": value for height, result in results.items() for name, value in result.watch.items()}
    return merged([result.watch for result in results.values()], torch.mean) | by_level


def merged(several: list[dict[str, Tensor]], how: Callable[..., Tensor]) -> dict[str, Tensor]:
    """Tensors of the same names put together, each over the first dimension of their stack."""
    return {name: how(torch.stack([one[name] for one in several]), dim=0) for name in several[0]}
