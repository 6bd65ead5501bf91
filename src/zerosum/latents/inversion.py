"""Which latent makes this picture? The one whose sample is nearest, found by gradient descent (Zhu 2016, section 3.1).

Several starts are lowered side by side, for the distance has many valleys: those of many drawn latents whose samples
are nearest. Adam with a rate that rises for 5 % of the steps and falls for the last quarter (Karras 2020, appendix D).

A latent far from all that the prior draws may make the picture and yet mean nothing: a walk from there leads
nowhere. So how unusual it is has a weight, beside the distance:

- normal z: (|z|²/d - 1)², for in d dimensions all are about √d long; other z: how far beyond [-1, 1];
- styles: the mean squared difference from the mean, in deviations, beyond 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.latents.distances import Distance
from zerosum.latents.explorer import Explorer, Latents, LevelName, joined

AT_ONCE = 64
"""Latents that are lowered side by side."""


@dataclass(frozen=True)
class Descent:
    """How latents are sought.

    Args:
        steps: of gradient descent.
        starts: that are lowered for each picture.
        candidates: drawn latents that starts are chosen from.
        rate: of a step, in deviations of latents.
        usual: weight of how unusual latents are.
    """

    steps: int = 200
    starts: int = 4
    candidates: int = 1_000
    rate: float = 0.1
    usual: float = 0.01

    def rate_at(self, step: int) -> float:
        """Of a step that is number `step`."""
        t = step / self.steps
        return self.rate * min(1.0, t / 0.05 + 1 / self.steps) * 0.5 * (1 - math.cos(math.pi * min(1.0, 4 * (1 - t))))


@dataclass(frozen=True)
class Inversion:
    """What was found for n pictures.

    Attributes:
        latents: one a picture, `(n, …)`.
        samples: that they make, `(n, *shape)`, on the CPU.
        distances: from the pictures, `(n,)`.
        begun: samples of the nearest drawn latents, `(n, *shape)`, on the CPU.
    """

    latents: Latents
    samples: Tensor
    distances: Tensor
    begun: Tensor


def inverted(
    explorer: Explorer,
    pictures: Tensor,
    by: Distance,
    descent: Descent = Descent(),
    *,
    level: LevelName = "auto",
    label: int | str | None = None,
    seed: int = 0,
) -> Inversion:
    """The latents of pictures.

    Args:
        explorer: the generator.
        pictures: `(n, *shape)`, in network values.
        by: how far a sample is from a picture.
        descent: how latents are sought.
        level: where.
        label: of the pictures, of a generator that is told one; None: that of the nearest drawn samples.
        seed: of the drawn latents.

    Raises:
        UserError: there is no such level or class.
    """
    wanted = explorer.level(level)
    drawn = explorer.draw(descent.candidates, seed, label, wanted)
    made = explorer.make(drawn).to(explorer.device)
    parts = torch.split(pictures.to(explorer.device), max(1, AT_ONCE // descent.starts))
    found = [_descended(explorer, part, by, descent, drawn, made) for part in parts]
    return Inversion(
        joined([part.latents for part in found]),
        torch.cat([part.samples for part in found]),
        torch.cat([part.distances for part in found]),
        torch.cat([part.begun for part in found]),
    )


def _descended(
    explorer: Explorer, pictures: Tensor, by: Distance, descent: Descent, drawn: Latents, made: Tensor
) -> Inversion:
    """Pictures `(n, *shape)` that fit into one batch with all their starts."""
    starts = min(descent.starts, len(drawn))
    near = by.between(pictures, made).topk(starts, largest=False).indices.to(explorer.device)
    begin = drawn[near.flatten()]
    with torch.no_grad():
        target = by.embed(pictures).repeat_interleave(starts, 0)
    values, losses = lowered(explorer, begin, target, by, descent)
    best = losses.view(-1, starts).argmin(1) + starts * torch.arange(len(pictures), device=losses.device)
    latents = begin.at(values)[best]
    samples = explorer.make(latents)
    with torch.no_grad():
        distances = (by.embed(samples.to(explorer.device)) - target[best]).square().sum(1)
    return Inversion(latents, samples, distances.cpu(), made[near[:, 0]].cpu())


def lowered(
    explorer: Explorer, begin: Latents, target: Tensor, by: Distance, descent: Descent
) -> tuple[Tensor, Tensor]:
    """The best values `(m, …)` on the way down from `begin` to embedded pictures `(m, d)`, and their losses `(m,)`."""
    scale = float(explorer.ensemble("z" if begin.level == "z" else "w").deviation.mean())
    values = begin.values.clone().requires_grad_()
    adam = torch.optim.Adam([values])
    best, least = begin.values.clone(), torch.full((len(begin),), torch.inf, device=explorer.device)
    for step in range(descent.steps + 1):
        now = begin.at(values)
        far = (by.embed(explorer.samples(now)) - target).square().sum(1)
        losses = far + descent.usual * unusual(explorer, now)
        with torch.no_grad():
            better = losses < least
            best = torch.where(better.view(-1, *(1,) * (values.ndim - 1)), values, best)
            least = torch.where(better, losses, least)
        adam.param_groups[0]["lr"] = descent.rate_at(step) * scale
        adam.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        adam.step()
    return best, least


def unusual(explorer: Explorer, latents: Latents) -> Tensor:
    """How unusual latents are, `(n,)`; differentiable."""
    if latents.level == "z":
        if explorer.latent.prior.path == "slerp":
            return (latents.values.square().mean(1) - 1).square()
        return (latents.values.abs() - 1).relu().square().mean(1)
    around = explorer.ensemble("w")
    off = (latents.values - around.centre(latents)) / around.deviation.clamp_min(1e-6)
    return (off.square().flatten(1).mean(1) - 1).relu()
