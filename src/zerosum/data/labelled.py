"""Data of which only few labels are known, for semi-supervised learning."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.data.core import Batch, Source
from zerosum.data.packed import PackedSource
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.spaces import Space

AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class FewLabelled:
    """Samples of which few labels are known.

    A batch has any samples as `real`, whose labels nobody sees, and as many as `condition` with their `label`, drawn at
    random from those whose label is known.

    Args:
        whole: all samples.
        known: positions of those whose label is known, `(m,)`, int64.
    """

    whole: Source
    known: Tensor

    @property
    def space(self) -> Space:
        """The space of all samples."""
        return self.whole.space

    @property
    def size(self) -> int | None:
        """How many samples there are."""
        return self.whole.size

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """Samples at `positions`, and labelled ones."""
        places = draw.sub("known").on("cpu").integers(len(self.known), len(positions))
        labelled = self.whole.batch(self.known[places], draw.sub("labelled"))
        return Batch(self.whole.batch(positions, draw).real, labelled.label, condition=labelled.real)


def few_labelled(source: Source, draw: Draw, *, per_class: int) -> FewLabelled:
    """The same samples with only `per_class` labels of each class known, drawn at random.

    Raises:
        UserError: the samples have no labels, or a class has fewer.
    """
    labels = labels_of(source)
    counts = torch.bincount(labels, minlength=len(source.space.classes)).tolist()
    for name, count in zip(source.space.classes, counts, strict=True):
        if count < per_class:
            raise UserError(f"Class {name!r} has {count} training samples; labelled_per_class asks for {per_class}.")
    order = draw.on("cpu").permutation(len(labels))
    first = [order[labels[order] == number][:per_class] for number in range(len(counts))]
    return FewLabelled(source, torch.cat(first))


def labels_of(source: Source) -> Tensor:
    """The label of every sample of a source, `(size,)`, int64.

    Raises:
        UserError: there are none.
    """
    if isinstance(source, PackedSource) and source.labels is not None:
        return source.labels[source.rows]
    positions = torch.arange(source.size or 1)
    batches = [source.batch(part, Draw("labels")) for part in torch.split(positions, AT_ONCE)]
    labels = [batch.label for batch in batches if batch.label is not None and batch.condition is None]
    if source.size is None or len(labels) < len(batches):
        raise UserError(
            "This recipe needs one set of samples with labels; these are points without end or two domains."
        )
    return torch.cat(labels)
