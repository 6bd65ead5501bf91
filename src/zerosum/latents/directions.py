"""Directions in which samples change most, found without labels.

- `sefa`, in closed form (Shen & Zhou 2021, equations 4 to 7): a linear layer moves its output by α A n when the latent
  moves by α n; the unit vectors n with the largest ‖A n‖² are the eigenvectors of AᵀA. A is made of all layers that are
  given the latent: the first one of most generators, those that read styles of others.
- `ganspace` (Härkönen 2020, section 2): principal components of what the first nonlinearity gives for many latents,
  regressed back to the latents, u_k = argmin Σ_j ‖u_k x_jk - z_j‖²; of styles, the components of the styles themselves.

Deviations are of latents along a direction: a step of 1 is as usual as the next latent.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.draw import fold
from zerosum.errors import UserError
from zerosum.latents.explorer import Explorer, Latents, Level
from zerosum.latents.layers import first_activations, meeting

SPARE = 10
"""Components beyond those asked for that the randomised decomposition looks at (Halko 2011)."""


@dataclass(frozen=True)
class Directions:
    """Ways to move latents, the strongest first.

    Attributes:
        vectors: of unit length, `(k, size)`.
        deviations: of latents along each, `(k,)`.
        level: `z`, or `w` for styles, whose layers may be moved one by one.
        captions: what is known of each.
    """

    vectors: Tensor
    deviations: Tensor
    level: Level
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.vectors)

    def moved(self, latents: Latents, which: Tensor, far: Tensor, layers: slice | None = None) -> Latents:
        """Latents `(n, …)` moved `far`, `(n,)`, deviations along number `which`, `(n,)`; of `w+`, in these layers."""
        step = (far * self.deviations[which])[:, None] * self.vectors[which]
        if latents.level != "w+":
            return latents.at(latents.values + step)
        values = latents.values.clone()
        values[:, layers or slice(None)] += step[:, None]
        return latents.at(values)


def sefa(explorer: Explorer, count: int, level: Level = "z", layers: slice | None = None) -> Directions:
    """Eigenvectors of AᵀA, by falling eigenvalue.

    Args:
        explorer: the generator.
        count: how many, at most; there are no more than a latent has dimensions.
        level: of the latents.
        layers: of the synthesis that are looked at; None: all.

    Raises:
        UserError: no layer is given the latent as it is.
    """
    A = meeting(explorer, level, layers).cpu().double()
    eigen = torch.linalg.eigh(A.T @ A)
    vectors = eigen.eigenvectors.flip(1).T[:count]
    shares = eigen.eigenvalues.flip(0) / eigen.eigenvalues.sum()
    said = tuple(
        f"{number}: {share:.1%} of the first layer's gain" for number, share in enumerate(shares[:count].tolist())
    )
    return ready(explorer, vectors, level, said)


def ganspace(explorer: Explorer, count: int, level: Level = "z", *, n: int = 2_000, seed: int = 0) -> Directions:
    """Principal components of activations of `n` latents, regressed back to the latents; or of styles.

    Raises:
        UserError: more components than latents, or no activations to look at.
    """
    if count + SPARE > n:
        raise UserError(f"{count} directions from {n} latents are too many; take more latents.")
    latents = explorer.draw(n, seed, level="z" if level == "z" else "w")
    seen = latents.values.cpu() if level != "z" else first_activations(explorer, latents)
    basis, shares = components(seen, count)
    vectors = basis
    if level == "z":
        x = (seen - seen.mean(0)) @ basis.T
        vectors = (x.T @ latents.values.cpu()) / x.square().sum(0)[:, None]
    what = "styles" if level != "z" else "first activations"
    said = tuple(f"{number}: {share:.1%} of the variance of {what}" for number, share in enumerate(shares.tolist()))
    return ready(explorer, vectors, level, said)


def components(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Principal components of `(n, d)`, `(count, d)`, and their shares of the variance, `(count,)`."""
    rank = min(count + SPARE, *values.shape)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(fold("components"))
        _, singular, basis = torch.pca_lowrank(values, rank, niter=4)
    total = (values - values.mean(0)).square().sum()
    return basis.T[:count], (singular.square() / total)[:count]


def ready(explorer: Explorer, vectors: Tensor, level: Level, captions: tuple[str, ...]) -> Directions:
    """Unit vectors whose sign is settled, so that equal networks give equal directions, with deviations.

    The largest entry of each is positive. The deviation is that of latents from the mean of their class.
    """
    vectors = torch.nn.functional.normalize(vectors.float().to(explorer.device), dim=1)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    vectors = vectors * largest.sign()
    return Directions(vectors, deviations(explorer, vectors, level), level, captions)


def deviations(explorer: Explorer, vectors: Tensor, level: Level) -> Tensor:
    """Of latents along unit vectors `(k, size)`, `(k,)`."""
    drawn = explorer.draw(MANY, 0, level="z" if level == "z" else "w")
    around = drawn.values - explorer.ensemble(drawn.level).centre(drawn)
    return (around @ vectors.T).square().mean(0).sqrt()


MANY = 2_000
"""Latents that deviations are taken over."""
