"""Pictures of samples on fixed latents, the same latents all through the training."""

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from zerosum.data.core import Batch, Data
from zerosum.draw import Draw
from zerosum.games import Game, Sampler
from zerosum.spaces import Points, Space
from zerosum.training.observers import Report, State
from zerosum.training.sampling import Requests


@dataclass(frozen=True)
class Snapshots:
    """An observer that shows what every sampler of the game makes.

    Args:
        every_samples: between two pictures.
    """

    every_samples: int

    def __call__(self, state: State) -> Report:
        """A picture named by the samples seen."""
        draw = state.draw.sub("snapshot")
        pictures = [show(state, name, draw) for name in state.game.samplers]
        return Report(pictures={f"{state.samples_seen:09d}": stack(pictures)})


def show(state: State, name: str, draw: Draw) -> Image.Image:
    """What one sampler makes; beside each sample stands what it was made from, where it was made from something."""
    sampler, space = state.game.samplers[name], state.data.space
    n, columns = layout(space, sampler)
    samples = state.sample(n, name, draw).cpu()
    if sampler.given in ("condition", "real"):
        batch = Requests(source=state.data.held_out).batch(sampler, 0, n, draw.sub("chunk", 0, "data").on("cpu"))
        samples = torch.stack([source_of(batch, sampler), samples], dim=1).flatten(0, 1)
    return space.picture(samples, columns)


def real_picture(data: Data, game: Game, draw: Draw) -> Image.Image:
    """Held-out real samples, laid out like the samples of the game's first sampler."""
    sampler = next(iter(game.samplers.values()))
    n, columns = layout(data.space, sampler)
    positions = torch.arange(min(data.held_out.size or n, n))
    if sampler.given == "label":
        positions = a_class_a_column(data, columns or 1, n, draw)
    batch = data.held_out.batch(positions, draw)
    domains = [batch.real] if batch.condition is None else [batch.condition, batch.real]
    return stack([data.space.picture(samples, columns) for samples in domains])


def a_class_a_column(data: Data, columns: int, n: int, draw: Draw) -> Tensor:
    """Positions of held-out samples, row by row of a grid whose columns are the classes; any where one has none."""
    places = torch.arange(min(data.held_out.size or n, 5000))
    label = data.held_out.batch(places, draw).label
    assert label is not None
    found = [places[label.cpu() == c][: n // columns] for c in range(columns)]
    rows = min(len(positions) for positions in found)
    if not rows:
        return places[:n]
    return torch.stack([positions[:rows] for positions in found], dim=1).flatten()


def source_of(batch: Batch, sampler: Sampler) -> Tensor:
    """What the samples of a translating sampler were made from."""
    source = batch.condition if sampler.given == "condition" else batch.real
    assert source is not None
    return source


def layout(space: Space, sampler: Sampler) -> tuple[int, int | None]:
    """How many samples a picture shows, and in how many columns: a class or code a column, pairs side by side."""
    if isinstance(space, Points):
        return 2500, None
    if sampler.given in ("label", "code"):
        columns = min(sampler.codes or len(space.classes), 16)
        return columns * 8, columns
    return (32, 8) if sampler.given in ("condition", "real") else (64, 8)


def stack(pictures: list[Image.Image], gap: int = 6) -> Image.Image:
    """Pictures one below the other."""
    if len(pictures) == 1:
        return pictures[0]
    width, height = max(p.width for p in pictures), sum(p.height + gap for p in pictures) - gap
    canvas = Image.new(pictures[0].mode, (width, height), 128 if pictures[0].mode == "L" else (128, 128, 128))
    top = 0
    for picture in pictures:
        canvas.paste(picture, (0, top))
        top += picture.height + gap
    return canvas
