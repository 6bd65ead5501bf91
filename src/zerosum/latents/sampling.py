"""Truncated samples in any number, piece by piece."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from zerosum.errors import UserError
from zerosum.latents.explorer import Explorer, pieces
from zerosum.latents.truncation import truncated, within
from zerosum.metrics.statistics import Shown, show
from zerosum.runs.generating import refuse_not_finite
from zerosum.runs.trained import refuse_request
from zerosum.runs.writing import Samples

WHOLE = 1.0
"""The psi that truncates nothing."""


def truncated_samples(
    explorer: Explorer,
    n: int,
    *,
    seed: int = 0,
    label: int | str | None = None,
    psi: float = WHOLE,
    threshold: float | None = None,
) -> Iterator[Samples]:
    """Samples of latents nearer to their mean; the first of them are the same whatever `n`, up to rounding.

    Args:
        explorer: the generator.
        n: how many.
        seed: the same seed gives the same samples, and the same latents as it gives a look at them.
        label: a class by name or number, where the generator is told classes; None goes through them in turn.
        psi: what is left of the distance from the mean, of styles where there are any, else of latents.
        threshold: normal latents are cut off beyond it, or None.

    Raises:
        UserError: a number is out of range, there is no such class, or latents that cannot be truncated.
    """
    refuse_request(n, seed)
    if not 0 <= psi <= 2:
        raise UserError(f"psi is {psi}; it is a share of the distance from the mean, from 0 to 2.")
    latents = explorer.draw(n, seed, label, "z")
    if threshold is not None:
        latents = within(explorer, latents, threshold)
    latents = explorer.raised(latents, explorer.level())
    if psi != WHOLE:
        latents = truncated(explorer, latents, psi)
    labelled = ((explorer.make(part), part.labels) for part in pieces(latents))
    return (Samples(made, None if told is None else told.cpu(), explorer.space) for made, told in labelled)


def truncated_shown(
    shown: Shown, explorer: Explorer, seed: int, *, psi: float = WHOLE, threshold: float | None = None
) -> Shown:
    """As many truncated samples as `shown` has whole ones, for metrics to look at; other arguments as before."""
    cut = {"psi": psi} if psi != WHOLE else {}
    about = {**shown.about, **cut, **({} if threshold is None else {"threshold": threshold})}

    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        for made in truncated_samples(explorer, shown.n, seed=seed, psi=psi, threshold=threshold):
            refuse_not_finite(made.values)
            yield show(shown.space, made.values), made.labels

    return replace(shown, chunks=chunks, about=about)
