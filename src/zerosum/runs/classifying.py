"""What a run's classifier says of samples: of its own held-out ones, or of any others."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Group, RenderableType
from rich.text import Text
from torch import Tensor

from zerosum.data import DataOptions, Source
from zerosum.data.catalogue import material
from zerosum.data.packing import Cache
from zerosum.data.samples import Samples
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Game
from zerosum.runs.evaluating import called, form_of, own_data
from zerosum.runs.figures import aligned, figure
from zerosum.runs.trained import Trained

AT_ONCE = 250


@dataclass(frozen=True)
class Classes:
    """What a classifier says of samples.

    Attributes:
        probabilities: P(class | sample), `(n, classes)`, float32.
        labels: class numbers as the data has them, `(n,)`; None where it has none of the run's classes.
        classes: their names.
        names: of the samples: as the data has them, or numbers.
    """

    probabilities: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def predicted(self) -> Tensor:
        """The likeliest class of each sample, `(n,)`."""
        return self.probabilities.argmax(1)

    @property
    def accuracy(self) -> float | None:
        """Share of samples whose class is found; None where it is not known."""
        return None if self.labels is None else (self.predicted == self.labels).double().mean().item()

    def save(self, out: Path) -> None:
        """Write a CSV: a line a sample, with its name, its likeliest class and the probability of every class.

        Raises:
            UserError: it cannot be written.
        """
        try:
            with out.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(["sample", "class", *self.classes])
                for name, best, shares in zip(
                    self.names, self.predicted.tolist(), self.probabilities.tolist(), strict=True
                ):
                    table.writerow([name, self.classes[best], *(f"{share:.6f}" for share in shares)])
        except OSError as error:
            raise UserError(f"Cannot write {str(out)!r} ({error.strerror or error}).") from error


def classify(
    run: Path,
    given: Any = None,
    *,
    game: Game | None = None,
    checkpoint: int | str | None = None,
    progress: bool = True,
) -> Classes:
    """Ask a run's classifier.

    Args:
        run: the directory.
        given: a name, a path, an array or a tensor, brought to the form of the run's samples; None: what it held out.
        game: of the run, where it was made in Python.
        checkpoint: samples seen, `best`, or None for the newest.
        progress: whether packing of data shows a bar.

    Raises:
        UserError: the run has learned no classifier, or the samples cannot be had or are of another form.
    """
    trained = Trained(run, game, checkpoint)
    classifier, classes = trained.game.classifier, trained.space.classes
    if classifier is None:
        recipe = trained.document["recipe"]
        raise UserError(f"{run} has learned no classifier: {recipe} trains none. acgan and sgan do.")
    source, known, names = held_out(trained, progress) if given is None else elsewhere(trained, given, progress)
    networks = {**trained.game.networks, **trained.averaged}
    for network in networks.values():
        network.eval()
    said, labels = [], []
    with torch.no_grad():
        for real, label in pieces(source):
            said.append(classifier(networks, real).float().softmax(1))
            labels += [] if label is None or known is None else [known[label]]
    return Classes(torch.cat(said), torch.cat(labels) if labels else None, classes, names)


def pieces(source: Source) -> Iterator[tuple[Tensor, Tensor | None]]:
    """All samples of a source in their order, with their labels."""
    assert source.size is not None
    for positions in torch.split(torch.arange(source.size), AT_ONCE):
        batch = source.batch(positions, Draw("classify"))
        yield batch.real, batch.label


def held_out(trained: Trained, progress: bool) -> tuple[Source, Tensor, tuple[str, ...]]:
    """What a run held out, the numbers of its classes, and names of the samples."""
    source = own_data(trained.run, trained.document, progress).held_out
    assert source.size is not None
    return source, torch.arange(len(trained.space.classes)), tuple(map(str, range(source.size)))


def elsewhere(trained: Trained, given: Any, progress: bool) -> tuple[Source, Tensor | None, tuple[str, ...]]:
    """Other samples in the form of a run's, the run's numbers of their classes, and their names."""
    form = form_of(trained.document)
    samples = material(given, form, Cache(progress=progress))
    if not isinstance(samples, Samples):
        raise UserError(f"{called(given)} cannot be classified: it has two domains, or no end.")
    everything = np.arange(len(samples))
    source, _ = samples.packed(DataOptions(), (everything, everything))
    shape, wanted = tuple(source.space.shape), tuple(trained.space.shape)
    if shape != wanted:
        raise UserError(f"The samples of {called(given)} have the shape {shape}; those of the run have {wanted}.")
    names = samples.names or tuple(map(str, range(len(samples))))
    seen = replace(source, space=trained.space)  # in values as the run's networks see them
    return seen, numbers_of(samples.classes, trained.space.classes), names


def numbers_of(classes: tuple[str, ...], known: tuple[str, ...]) -> Tensor | None:
    """The number that each class has among the known ones; None where there are none, or others, too.

    >>> numbers_of(("b", "a"), ("a", "b", "c"))
    tensor([1, 0])
    """
    return torch.tensor([known.index(name) for name in classes]) if classes and {*classes} <= {*known} else None


def classes_table(found: Classes) -> RenderableType:
    """How many samples are of each class, and how many are found."""
    counts = torch.bincount(found.predicted, minlength=len(found.classes)).tolist()
    head = ["class", "samples"]
    rows = [[name, f"{count:,}"] for name, count in zip(found.classes, counts, strict=True) if count]
    right = "" if found.accuracy is None else f"accuracy {figure(found.accuracy)}"
    return Group(aligned([head, *rows]), "", Text(f"{len(found.predicted):,} samples  {right}".rstrip()))
