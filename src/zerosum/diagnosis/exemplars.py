"""Pictures of the samples that a figure of the data is about: a strip that anybody can judge by looking."""

import torch
from PIL import Image
from torch import Tensor

from zerosum.data import Data, Source
from zerosum.data.packed import PackedSource
from zerosum.diagnosis.dataset import Examination
from zerosum.diagnosis.figure import Figure
from zerosum.diagnosis.glance import domains
from zerosum.draw import Draw
from zerosum.spaces import Images

SHOWN = 12
"""Samples, or groups of them, in a strip."""
WIDEST = 1_200
"""Pixels."""
OF_HELD_OUT = ("leakage",)
"""Findings whose samples are those held out; others are of the training split."""


def strips(data: Data, found: Examination) -> list[Image.Image | None]:
    """A strip for each finding, in their order; None where no images are concerned."""
    sources = domains(data)
    return [strip(figure, *sources[figure.domain]) for figure in found.figures if figure.finding is not None]


def strip(figure: Figure, train: Source, held_out: Source) -> Image.Image | None:
    """The first samples concerned side by side, and below each what belongs to it."""
    assert figure.finding is not None
    source = held_out if figure.finding.kind in OF_HELD_OUT else train
    groups = figure.positions[:SHOWN]
    if not groups or not isinstance(source.space, Images):
        return None
    row_by_row = torch.tensor(list(zip(*groups, strict=True)), dtype=torch.int64).flatten()
    samples = source.batch(places(source, row_by_row), Draw("check", "strip")).real
    picture = source.space.picture(samples, columns=len(groups))
    picture.thumbnail((WIDEST, WIDEST))
    return picture


def places(source: Source, positions: Tensor) -> Tensor:
    """Where samples stand in their split, `(n,)`, that the user counts before the split."""
    if not isinstance(source, PackedSource):
        return positions
    order = source.rows.argsort()
    return order[torch.searchsorted(source.rows[order], positions)]
