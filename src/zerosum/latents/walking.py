"""Ways through a trained generator's latents: interpolation, truncation and mixing of styles."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import torch

from zerosum.errors import UserError
from zerosum.latents.exhibit import Exhibit, in_rows
from zerosum.latents.explorer import Explorer, Latents
from zerosum.latents.start import Start
from zerosum.latents.truncation import truncated, within
from zerosum.priors import PATHS
from zerosum.recipes.options import Opt

PathName = Literal["auto", "slerp", "lerp"]
WIDE = 4.0
"""Deviations beyond which a normal latent hardly ever lies."""


def between(explorer: Explorer, first: Latents, second: Latents, steps: int, path: PathName = "auto") -> Latents:
    """Latents on the ways from each of `first` to each of `second`, both ends included, `(n * steps, …)`.

    `slerp` turns the one into the other along an arc (White 2016), `lerp` takes the straight line; `auto` is the
    prior's own way for latents and the line for styles. A sample keeps the class of the first.

    Raises:
        UserError: there is no way between these latents.
    """
    level = explorer.level(first.level, walk=path == "auto")
    own = explorer.latent.prior.path if level == "z" else "lerp"
    way = PATHS[own or "lerp" if path == "auto" else path]
    start, end = first.repeat(steps), second.repeat(steps)
    t = torch.linspace(0, 1, steps, device=explorer.device).repeat(len(first))[:, None]
    flat = way(start.values.flatten(1), end.values.flatten(1), t)
    return start.at(flat.view_as(start.values))


def interpolate(
    explorer: Explorer,
    *,
    rows: Annotated[int, Opt("Pairs of ends.", 1, 1000)] = 8,
    steps: Annotated[int, Opt("Samples on the way, with both ends.", 2, 1000)] = 10,
    path: Annotated[PathName, Opt("Arc or line; auto: what suits latents, and the line for styles.")] = "auto",
    start: Start = Start(),
) -> Exhibit:
    """A row a pair of latents: samples on the way from the one to the other."""
    ends = start.latents(explorer, 2 * rows)
    first, second = ends[slice(0, rows)], ends[slice(rows, None)]
    found = between(explorer, first, second, steps, path)
    return Exhibit.of(explorer.make(found), rows, explorer.space, found, steps=True)


def truncate(
    explorer: Explorer,
    *,
    rows: Annotated[int, Opt("Latents.", 1, 1000)] = 8,
    steps: Annotated[int, Opt("Degrees of truncation.", 2, 1000)] = 7,
    least: Annotated[float, Opt("The last psi; the first is --psi. Below 0: beyond the mean.", -2, 2)] = 0.0,
    threshold: Annotated[
        float | None, Opt("Cut normal latents off, from 4 deviations down to this, instead.", 1e-3, 100)
    ] = None,
    start: Start = Start(),
) -> Exhibit:
    """A row a latent: samples nearer and nearer to the mean."""
    drawn = explorer.draw(rows, start.seed, start.label, start.level)
    if threshold is None:
        degrees = torch.linspace(start.psi, least, steps).tolist()
        columns = [truncated(explorer, drawn, psi) for psi in degrees]
    else:
        degrees = torch.logspace(math.log10(WIDE), math.log10(threshold), steps).tolist()
        columns = [within(explorer, drawn, end) for end in degrees]
    caption = ("psi " if threshold is None else "threshold ") + ", ".join(f"{degree:.2g}" for degree in degrees)
    found = side_by_side(columns)
    return Exhibit.of(explorer.make(found), rows, explorer.space, found, steps=True, captions=[f"columns: {caption}"])


def side_by_side(columns: Sequence[Latents]) -> Latents:
    """Columns of as many latents each, row after row."""
    first = columns[0].repeat(len(columns))
    return first.at(torch.stack([column.values for column in columns], 1).flatten(0, 1))


def mix(
    explorer: Explorer,
    *,
    rows: Annotated[int, Opt("Styles that the other layers come from.", 1, 1000)] = 5,
    columns: Annotated[int, Opt("Styles that the chosen layers come from.", 1, 1000)] = 6,
    layers: Annotated[str | None, Opt("Chosen layers, from coarse to fine, FIRST-LAST; none: the first half.")] = None,
    start: Start = Start(),
) -> Exhibit:
    """Every row's style with the chosen layers of every column's (Karras 2019, section 3.1 and figure 3).

    The first row and the first column are unmixed; the corner is the mean style.
    """
    if explorer.style is None:
        raise UserError("Styles are mixed where a generator has a mapping network and layers; this one has none.")
    chosen = layers_of(explorer, layers or f"0-{max(0, explorer.style.layers // 2 - 1)}")
    drawn = explorer.raised(start.latents(explorer, rows + columns), "w+")
    own, others = drawn[slice(0, rows)], drawn[slice(rows, None)]
    every = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    values = own.values[every[:, 0]].clone()
    values[:, chosen] = others.values[every[:, 1]][:, chosen]
    mixed = explorer.make(own[every[:, 0]].at(values))
    corner = explorer.make(truncated(explorer, drawn[slice(0, 1)], 0.0))
    inside = torch.cat([explorer.make(own)[:, None], in_rows(mixed, rows)], 1)
    grid = torch.cat([torch.cat([corner, explorer.make(others)])[None], inside])
    caption = f"layers {chosen.start} to {chosen.stop - 1} of {explorer.style.layers} are the column's"
    return Exhibit(grid, explorer.space, captions=(caption,))


def layers_of(explorer: Explorer, layers: str) -> slice:
    """The layers that `FIRST-LAST`, or one number, names.

    Raises:
        UserError: the generator has no layers with styles, or not these.
    """
    if explorer.style is None:
        raise UserError(f"layers = {layers!r} needs a generator with a mapping network; this one has none.")
    first, _, last = layers.partition("-")
    count = explorer.style.layers
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) < count):
        raise UserError(f"layers = {layers!r} is not possible: it is FIRST-LAST, or one number, from 0 to {count - 1}.")
    return slice(int(first), int(last or first) + 1)
