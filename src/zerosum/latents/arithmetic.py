"""Arithmetic with what classes have in common: mean latents added and subtracted (Radford 2016, section 6.3.2).

Means of many latents are short, since latents point everywhere. Where the generator has met latents of one length only
(normal ones of d dimensions: √d), the result is brought back to it; the mean of styles counts once, however many terms.
"""

import math
import re
from typing import Annotated

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.latents.exhibit import Exhibit
from zerosum.latents.explorer import Explorer, Latents, Level
from zerosum.latents.labelling import classes_of, mean_of, members, refuse_no_classes, refuse_told
from zerosum.latents.start import Start
from zerosum.recipes.options import Opt

Term = tuple[int, str]


def terms_of(expression: str) -> list[Term]:
    """Signs and names of classes; signs that count stand between blanks, so that names may have dashes.

    >>> terms_of("smiling woman - woman + man")
    [(1, 'smiling woman'), (-1, 'woman'), (1, 'man')]

    Raises:
        UserError: a name is missing, or there are fewer than two.
    """
    first, *rest = re.split(r"(?<!\S)([+-])(?!\S)", expression)
    words = [*(["+", first] if first.strip() else []), *rest]
    found = [(1 if sign == "+" else -1, name.strip()) for sign, name in zip(words[::2], words[1::2], strict=True)]
    if len(found) < 2 or not all(name for _, name in found):
        raise UserError(f"{expression!r} is no sum of classes; it is like '7 - 1 + 4', with blanks around the signs.")
    return found


def combined(explorer: Explorer, means: Tensor, signs: list[int], level: Level) -> Tensor:
    """The sum of mean latents `(terms, …)` with these signs, brought to where latents of the level are.

    The signs count what is beyond the mean of the level, so that it does not matter how many there are.
    """
    weights = torch.tensor(signs, dtype=means.dtype, device=means.device).view(-1, *(1,) * (means.ndim - 1))
    if level == "z":
        total = (weights * means).sum(0)
        usual = explorer.ensemble("z").deviation.square().sum().sqrt()
        return total if explorer.latent.prior.path != "slerp" else total * usual / total.norm().clamp_min(1e-12)
    centre = explorer.ensemble("w").centres.mean(0)
    return centre + (weights * (means - centre)).sum(0)


def arithmetic(
    explorer: Explorer,
    *,
    expression: Annotated[str, Opt("Classes with signs between them: '7 - 1 + 4'.")] = "",
    examples: Annotated[int, Opt("Samples of each term, and of the result with a little noise.", 1, 100)] = 5,
    n: Annotated[int, Opt("Samples that are drawn and classified.", 20, 10**6)] = 1_000,
    noise: Annotated[float, Opt("Deviation of that noise, as a share of the latents' own.", 0, 2)] = 0.25,
    start: Start = Start(),
) -> Exhibit:
    """A row a term, some of its samples and, last, that of their mean; below, the result and samples around it."""
    if not expression:
        raise UserError("arithmetic needs an expression of classes, such as --expression '7 - 1 + 4'.")
    terms = terms_of(expression)
    refuse_no_classes(explorer, *(name for _, name in terms))
    level = explorer.level(start.level, walk=True)
    refuse_told(explorer, level)
    if level == "w+":
        raise UserError("arithmetic adds one latent a sample: take level z or w.")
    latents = start.latents(explorer, n)
    found = classes_of(explorer, latents)
    means = torch.stack([mean_of(explorer, latents, found, name) for _, name in terms])
    result = combined(explorer, means, [sign for sign, _ in terms], level)
    around = Draw(start.seed, "around", device=explorer.device).normal(examples, *result.shape)
    shaken = result + noise * explorer.ensemble(level).deviation * around
    rows = [_first(latents, members(explorer, found, name), examples) for _, name in terms]
    values = torch.cat(
        [torch.cat([row, mean[None]]) for row, mean in zip([*rows, shaken], [*means, result], strict=True)]
    )
    plain = Latents(values, level, latents.labels[:1].expand(len(values)) if latents.labels is not None else None)
    said = [("+" if sign > 0 else "-") + f" {name}" for sign, name in terms]
    return Exhibit.of(explorer.make(plain), len(terms) + 1, explorer.space, plain, captions=[*said, f"= {expression}"])


def _first(latents: Latents, mine: Tensor, count: int) -> Tensor:
    """The first latents of a class, over again where there are fewer."""
    rows = mine.nonzero().flatten()
    return latents.values[rows.repeat(math.ceil(count / len(rows)))[:count].to(latents.values.device)]
