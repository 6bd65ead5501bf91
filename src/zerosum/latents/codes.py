"""What codes came to mean: samples that differ in one code alone (Chen 2016, figure 2)."""

from typing import Annotated

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.latents.exhibit import Exhibit
from zerosum.latents.explorer import Explorer, Latents
from zerosum.priors import Codes
from zerosum.recipes.options import Opt


def codes(
    explorer: Explorer,
    *,
    code: Annotated[int | None, Opt("Number of the continuous code that changes; none: the category.", 0)] = None,
    rows: Annotated[int, Opt("Latents; of a continuous code, their categories come in turn.", 1, 1000)] = 10,
    steps: Annotated[int, Opt("Values of a continuous code.", 2, 1000)] = 7,
    reach: Annotated[float, Opt("Its largest value; those that it was trained with go up to 1.", 0, 100)] = 2.0,
    seed: Annotated[int, Opt("Of the latents: the same seed gives the same ones.", 0)] = 0,
) -> Exhibit:
    """A row a latent, a column a category or a value of a continuous code; all else stays in a row."""
    prior = explorer.latent.prior
    if not isinstance(prior, Codes):
        raise UserError("Codes are looked at where latents have some, as those of infogan; here they have none.")
    if code is not None and code >= prior.continuous:
        raise UserError(f"code = {code} is not possible: this run has {prior.continuous} continuous codes, from 0 on.")
    turn = torch.arange(rows, device=explorer.device) % prior.categories
    drawn = prior.with_category(turn, Draw(seed, "explore", device=explorer.device))
    columns, first, caption = varied(prior, code, steps, reach)
    columns = columns.to(drawn)
    values = drawn.repeat_interleave(len(columns), 0)
    values[:, first : first + columns.shape[1]] = columns.repeat(rows, 1)
    latents = Latents(values, "z")
    return Exhibit.of(explorer.make(latents), rows, explorer.space, latents, steps=True, captions=[caption])


def varied(prior: Codes, code: int | None, steps: int, reach: float) -> tuple[Tensor, int, str]:
    """The values of each column, `(columns, dimensions)`, the dimension where they begin, and what is said of them."""
    begin = prior.noise.size
    if code is None:
        return torch.eye(prior.categories), begin, f"columns: categories 0 to {prior.categories - 1}"
    caption = f"columns: continuous code {code} from {-reach:g} to {reach:g}; rows: categories in turn"
    return torch.linspace(-reach, reach, steps)[:, None], begin + prior.categories + code, caption
