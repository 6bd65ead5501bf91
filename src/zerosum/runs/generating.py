"""Samples piece by piece, and along paths between latents, from networks that are ready to sample."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Networks, Sampler
from zerosum.metrics.equivariance import Inputs
from zerosum.metrics.path_length import LatentPaths
from zerosum.metrics.statistics import Shown, show
from zerosum.networks.alias_free import AliasFreeGenerator
from zerosum.spaces import Images, Space
from zerosum.training.sampling import CHUNK, Requests, chunks


@dataclass(frozen=True)
class Generator:
    """A sampler with its networks.

    Args:
        sampler: how samples are made.
        networks: in eval mode, on `device`.
        requests: what is asked for.
        space: of the samples.
        device: where they are made.
        samples_seen: by the networks, in training.
    """

    sampler: Sampler
    networks: Networks
    requests: Requests
    space: Space
    device: torch.device
    samples_seen: int

    @property
    def most(self) -> int | None:
        """How many samples differ: as many as there are to start from; None: as many as are wanted."""
        return None if self.requests.source is None else self.requests.source.size

    def shown(self, n: int, seed: int, about: Mapping[str, Any]) -> Shown:
        """`n` samples, in chunks; those that are not finite numbers are refused when they are made."""

        def pieces() -> Iterator[tuple[Tensor, Tensor | None]]:
            draw = Draw(seed, "sample", device=self.device)
            values = chunks(self.sampler, self.networks, n, self.requests, draw)
            for start, made in zip(range(0, n, CHUNK), values, strict=True):
                refuse_not_finite(made)
                yield show(self.space, made), self._labels(start, len(made), draw)

        return Shown(space=self.space, n=n, chunks=pieces, about=about)

    @property
    def path(self) -> LatentPaths | None:
        """Samples along paths between latents; None where samples are not made from latents, or these have no paths.

        A conditional model makes samples of its classes in turn, the same ones in every call.
        """
        latent = self.sampler.latent
        if latent is None or latent.prior.path is None:
            return None
        made = latent.make

        def samples(z: Tensor) -> Tensor:
            batch = self.requests.batch(self.sampler, 0, len(z), Draw("path", device=self.device))
            return made(self.networks, z, batch)

        return LatentPaths(latent.prior, samples, self.space, self.device)

    @property
    def placing(self) -> Inputs | None:
        """Samples whose input can be placed; None where the generator's has no transform, or values have no bounds.

        A conditional model makes samples of its classes in turn.
        """
        latent, networks = self.sampler.latent, self.networks.values()
        placed = next((network for network in networks if isinstance(network, AliasFreeGenerator)), None)
        low, high = self.space.range if isinstance(self.space, Images) else (-math.inf, math.inf)
        if latent is None or placed is None or math.isinf(high - low):
            return None

        def styles(n: int, draw: Draw) -> Tensor:
            draw = draw.on(self.device)
            label = self._labels(0, n, draw)
            return placed.mapping(latent.prior(n, draw), *([] if label is None else [label]))

        return Inputs(styles, placed.placed, high - low, self.device)

    def _labels(self, start: int, n: int, draw: Draw) -> Tensor | None:
        return self.requests.batch(self.sampler, start, n, draw).label if self.sampler.given == "label" else None


def refuse_not_finite(values: Tensor) -> None:
    """Raise a UserError for samples that are not finite numbers: as a picture they would look like black ones."""
    bad = int((~values.flatten(1).isfinite().all(1)).sum())
    if bad:
        raise UserError(f"{bad} of {len(values)} generated samples are not finite numbers; nothing can be measured.")
