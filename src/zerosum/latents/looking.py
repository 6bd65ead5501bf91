"""Looks along directions: of generated samples, and of pictures that a user brings."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.latents.directions import Directions, ganspace, sefa
from zerosum.latents.distances import SHARE, FeaturesName, distance
from zerosum.latents.exhibit import Exhibit, in_rows
from zerosum.latents.explorer import Explorer, Latents, Level, LevelName
from zerosum.latents.inversion import Descent, Inversion, inverted
from zerosum.latents.labelling import by_labels
from zerosum.latents.pictures import FitName, pictures
from zerosum.latents.start import LEVELS, Start
from zerosum.latents.walking import layers_of
from zerosum.recipes.options import Opt

By = Literal["auto", "sefa", "ganspace", "labels"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How directions are found and walked."""

    by: Annotated[By, Opt("How they are found; auto: labels where --positive is given, else sefa.")] = "auto"
    positive: Annotated[str | None, Opt("By labels: the class that the direction leads to.")] = None
    negative: Annotated[str | None, Opt("By labels: the class that it leads from; none: all others.")] = None
    n: Annotated[int, Opt("Latents that ganspace and labels look at.", 100, 10**6)] = 2_000
    layers: Annotated[str | None, Opt("Of styles: only these layers, FIRST-LAST; none: all.")] = None
    reach: Annotated[float, Opt("How far to go to either side, in deviations of latents.", 0, 100)] = 3.0
    steps: Annotated[int, Opt("Samples on the way.", 2, 1000)] = 7

    def directions(self, explorer: Explorer, count: int, level: Level, seed: int) -> Directions:
        """`count` of them, or the one by labels.

        Raises:
            UserError: they cannot be found here in this way.
        """
        by = self.by if self.by != "auto" else "sefa" if self.positive is None else "labels"
        if by != "labels" and (self.positive or self.negative):
            raise UserError(f"positive and negative name classes; directions by {by} know none. Take --by labels.")
        if by == "labels":
            if self.positive is None:
                raise UserError("Directions by labels need the class they lead to: --positive CLASS.")
            return by_labels(explorer, level, self.positive, self.negative, n=self.n, seed=seed)
        if by == "sefa":
            return sefa(explorer, count, level, self.chosen(explorer))
        return ganspace(explorer, count, level, n=self.n, seed=seed)

    def chosen(self, explorer: Explorer) -> slice | None:
        """The layers that are moved; None for all."""
        return None if self.layers is None else layers_of(explorer, self.layers)

    def walked(self, explorer: Explorer, begin: Latents, directions: Directions, which: Tensor) -> Latents:
        """Each of `begin`, `(n, …)`, along the direction of number `which`, `(n,)`, in steps; row after row."""
        far = torch.linspace(-self.reach, self.reach, self.steps, device=explorer.device).repeat(len(begin))
        begin = begin if self.layers is None else explorer.raised(begin, "w+")
        return directions.moved(
            begin.repeat(self.steps), which.repeat_interleave(self.steps), far, self.chosen(explorer)
        )


@dataclass(frozen=True, kw_only=True)
class Seeking:
    """Which picture is inverted, and how."""

    picture: Annotated[str | None, Opt("An image file, or a folder of them.")] = None
    fit: Annotated[FitName, Opt("exact: of the samples' size and channels only; else how it is brought to them.")] = (
        "exact"
    )
    features: Annotated[FeaturesName, Opt("Whose, for the distance; auto: the classifier's for images.")] = "auto"
    share: Annotated[float, Opt("Weight of features beside that of values.", 0, 1e6)] = SHARE
    iterations: Annotated[int, Opt("Steps of gradient descent.", 1, 100_000)] = Descent.steps
    starts: Annotated[int, Opt("That are lowered side by side for each picture.", 1, 64)] = Descent.starts
    usual: Annotated[float, Opt("Weight of how unusual the latent is.", 0, 1e6)] = Descent.usual
    seed: Annotated[int, Opt("Of the latents that starts are chosen from.", 0)] = 0
    label: Annotated[str | None, Opt("Class of the picture, where the run was told classes; none: the likeliest.")] = (
        None
    )
    level: Annotated[LevelName, Opt(LEVELS)] = "auto"

    def pictures(self, explorer: Explorer) -> Tensor:
        """Those that are given.

        Raises:
            UserError: there are none, or they do not suit the run.
        """
        if self.picture is None:
            raise UserError("Which picture? --picture FILE, or a folder of pictures.")
        return pictures(self.picture, explorer.space, self.fit)

    def found(self, explorer: Explorer, given: Tensor) -> Inversion:
        """Their latents."""
        by = distance(explorer, self.features, self.share)
        descent = Descent(steps=self.iterations, starts=self.starts, usual=self.usual)
        return inverted(explorer, given, by, descent, level=self.level, label=self.label, seed=self.seed)


def directions(
    explorer: Explorer,
    *,
    count: Annotated[int, Opt("Directions; of one direction, latents that it is shown on.", 1, 1000)] = 6,
    finding: Finding = Finding(),
    start: Start = Start(),
) -> Exhibit:
    """A row a direction, all from one latent; by labels there is one, and each row is another latent."""
    level = flat(explorer.level(start.level))
    found = finding.directions(explorer, count, level, start.seed)
    latents = start.latents(explorer, count)
    if len(found) > 1:
        which = torch.arange(len(found), device=explorer.device)
        latents = latents[torch.zeros_like(which)]
    else:
        which = torch.zeros(count, dtype=torch.int64, device=explorer.device)
    walked = finding.walked(explorer, latents, found, which)
    return Exhibit.of(explorer.make(walked), len(which), explorer.space, walked, steps=True, captions=[*found.captions])


def invert(explorer: Explorer, *, seeking: Seeking = Seeking()) -> Exhibit:
    """A row a picture: itself, the nearest sample of those drawn at first, and the sample that was found."""
    given = seeking.pictures(explorer)
    found = seeking.found(explorer, given)
    shown = torch.stack([given, found.begun, found.samples], 1)
    captions = [
        f"{row}: mean squared error {error:.4f}, distance {far:.4f}"
        for row, (error, far) in enumerate(
            zip(squared_errors(found.samples, given), found.distances.tolist(), strict=True)
        )
    ]
    return Exhibit(shown, explorer.space, found.latents, tuple(captions))


def edit(
    explorer: Explorer,
    *,
    which: Annotated[int, Opt("Number of the direction, from 0, of those found without labels.", 0, 1000)] = 0,
    finding: Finding = Finding(),
    seeking: Seeking = Seeking(),
) -> Exhibit:
    """A row a picture: itself, what was found for it, and that along a direction."""
    given = seeking.pictures(explorer)
    found_directions = finding.directions(explorer, which + 1, flat(explorer.level(seeking.level)), seeking.seed)
    if which >= len(found_directions):
        raise UserError(f"which = {which} is not possible: directions found here are 0 to {len(found_directions) - 1}.")
    found = seeking.found(explorer, given)
    numbers = torch.full((len(given),), which, device=explorer.device)
    walked = finding.walked(explorer, found.latents, found_directions, numbers)
    steps = in_rows(explorer.make(walked), len(given))
    shown = torch.cat([torch.stack([given, found.samples], 1), steps], 1)
    return Exhibit(shown, explorer.space, found.latents, (found_directions.captions[which],), steps=True, still=2)


def flat(level: Level) -> Level:
    """The level of one vector a sample."""
    return "z" if level == "z" else "w"


def squared_errors(samples: Tensor, pictures: Tensor) -> list[float]:
    """Mean squared differences of values, a sample."""
    return list((samples - pictures).square().flatten(1).mean(1).tolist())
