"""Samples piece by piece, and along paths between latents, from networks that are ready to sample."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Latent, Networks, Sampler
from zerosum.metrics.statistics import Shown, show
from zerosum.priors import Normal
from zerosum.spaces import Images, Space
from zerosum.training.sampling import CHUNK, Requests, chunks


def slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985): directions go along the arc, lengths along the line.

    Args:
        first, second: vectors `(n, d)`.
        share: how far on the way, `(n, 1)`, in [0, 1].
    """
    lengths = [vectors.norm(dim=1, keepdim=True) for vectors in (first, second)]
    one, other = (vectors / length for vectors, length in zip((first, second), lengths, strict=True))
    angle = (one * other).sum(1, keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6).acos()
    direction = one * ((1 - share) * angle).sin() + other * (share * angle).sin()
    return F.normalize(direction, dim=1) * torch.lerp(lengths[0], lengths[1], share)


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
    def path(self) -> "Path | None":
        """Samples along paths between latents; None where samples are not made from latents alone."""
        latent = self.sampler.latent
        return None if latent is None else Path(self, latent)

    def _labels(self, start: int, n: int, draw: Draw) -> Tensor | None:
        return self.requests.batch("label", start, n, draw).label if self.sampler.given == "label" else None


@dataclass(frozen=True)
class Path:
    """Samples at two close points on paths between latents; see `zerosum.metrics.core.Paths`."""

    generator: Generator
    latent: Latent

    @property
    def interpolation(self) -> str:
        """`slerp` between normal latents, which keeps them as likely as others, else `lerp`."""
        return "slerp" if isinstance(self.latent.prior, Normal) else "lerp"

    def __call__(self, n: int, epsilon: float, draw: Draw) -> tuple[Tensor, Tensor]:
        """`n` samples, and `n` a share `epsilon` of the way further on; of conditional models, of the same classes."""
        device = self.generator.device
        first, second = (self.latent.prior(n, draw.sub(end).on(device)) for end in ("from", "to"))
        share = draw.sub("share").uniform(n, 1, high=1 - epsilon).to(device)
        return self._samples(first, second, share, draw), self._samples(first, second, share + epsilon, draw)

    def _samples(self, first: Tensor, second: Tensor, share: Tensor, draw: Draw) -> Tensor:
        between = slerp if self.interpolation == "slerp" else torch.lerp
        pieces = enumerate(torch.split(between(first, second, share), CHUNK))
        return torch.cat([self._piece(z, i * CHUNK, draw) for i, z in pieces])

    def _piece(self, z: Tensor, start: int, draw: Draw) -> Tensor:
        made = self.generator
        batch = made.requests.batch(made.sampler.given, start, len(z), draw.on(made.device))
        with torch.no_grad():
            values = self.latent.make(made.networks, z, batch).float()
        space = made.space
        return (space.decode(values) if isinstance(space, Images) else values).cpu()


def refuse_not_finite(values: Tensor) -> None:
    """Raise a UserError for samples that are not finite numbers: as a picture they would look like black ones."""
    bad = int((~values.flatten(1).isfinite().all(1)).sum())
    if bad:
        raise UserError(f"{bad} of {len(values)} generated samples are not finite numbers; nothing can be measured.")
