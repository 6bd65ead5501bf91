"""The nearest training samples of generated ones: has the generator learned, or learned by heart?"""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.latents.exhibit import Exhibit, in_rows
from zerosum.latents.explorer import Explorer
from zerosum.latents.start import Start
from zerosum.metrics.neighbours import Neighbours
from zerosum.metrics.neighbours import nearest as search
from zerosum.metrics.networks import network
from zerosum.metrics.statistics import show
from zerosum.recipes.options import Opt

Looking = Literal["auto", "classifier", "raw"]
PIECE = 250


def nearest(
    explorer: Explorer,
    *,
    rows: Annotated[int, Opt("Generated samples.", 1, 10_000)] = 8,
    k: Annotated[int, Opt("Training samples of each.", 1, 100)] = 5,
    features: Annotated[Looking, Opt("In which they are near; raw: values; auto: classifier for images.")] = "auto",
    start: Start = Start(),
) -> Exhibit:
    """A row a generated sample: first itself, then its nearest training samples."""
    latents = start.latents(explorer, rows)
    made = explorer.make(latents)
    near, samples = neighbours(explorer, made, k, features)
    figures = near.squares.sqrt().tolist()
    captions = [f"{row}: at " + ", ".join(f"{far:.3g}" for far in fars) for row, fars in enumerate(figures)]
    return Exhibit(torch.cat([made[:, None], samples], 1), explorer.space, captions=tuple(captions))


def neighbours(explorer: Explorer, samples: Tensor, k: int, features: Looking = "auto") -> tuple[Neighbours, Tensor]:
    """The k nearest training samples of each of `samples`, `(n, *shape)`.

    Returns:
        Squared distances and positions `(n, k)`, and the training samples `(n, k, *shape)`.

    Raises:
        UserError: there are fewer training samples, or without end, or no such network for them.
    """
    size = explorer.data.train.size
    if size is None or size < k:
        raise UserError(
            f"The run was trained on {'a density, which has' if size is None else size} samples"
            f"{' without end' if size is None else f'; k is {k}'}."
        )
    seeing = network(features, explorer.data, device=explorer.device)

    def seen(values: Tensor) -> Tensor:
        return seeing(show(explorer.space, values)).features.cpu()

    near = search(seen(samples), torch.cat([seen(real) for real in training(explorer)]), k)
    found = torch.empty(near.indices.numel(), *explorer.space.shape)
    wanted = near.indices.flatten()
    for number, real in enumerate(training(explorer)):
        mine = (wanted // PIECE == number).nonzero().flatten()
        found[mine] = real[wanted[mine] % PIECE]
    return near, in_rows(found, len(samples))


def training(explorer: Explorer) -> Iterator[Tensor]:
    """All training samples in their order, the same each time, in pieces `(PIECE or fewer, *shape)`."""
    source = explorer.data.train
    assert source.size is not None
    for number in range(math.ceil(source.size / PIECE)):
        positions = torch.arange(number * PIECE, min(source.size, (number + 1) * PIECE))
        yield source.batch(positions, Draw("training", number)).real
