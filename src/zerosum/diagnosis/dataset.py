"""A data set before it is trained on: what can be measured without a network, and what is wrong; see docs/check.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zerosum.data import Data, Source
from zerosum.diagnosis.content import content
from zerosum.diagnosis.duplicates import duplicates, leakage
from zerosum.diagnosis.figure import Figure, Names
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.glance import DRAWN, domains, glance
from zerosum.diagnosis.labels import labels
from zerosum.spaces import Space, describe


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was measured of a data set.

    Attributes:
        name: of the data.
        space: of the samples as networks see them.
        train_size, held_out_size: how many samples there are; None for what is drawn anew at every visit.
        figures: in the order of the tests.
    """

    name: str
    space: Space
    train_size: int | None
    held_out_size: int | None
    figures: tuple[Figure, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return tuple(figure.finding for figure in self.figures if figure.finding is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the figures."""
        if self.train_size is not None:
            return ()
        return (f"Samples are drawn anew at every visit: {DRAWN:,} were drawn, without a look for copies and leakage.",)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "data": self.name,
            "space": describe(self.space),
            "train_size": self.train_size,
            "held_out_size": self.held_out_size,
            "figures": [figure.document() for figure in self.figures],
            "findings": [finding.document() for finding in self.findings],
            "notes": list(self.notes),
        }


def examine(data: Data, names: Mapping[str, Names] | None = None) -> Examination:
    """Measure a data set as it is stored, without augmentation.

    Args:
        data: opened.
        names: of the samples before the split, by domain (see `glance.domains`), where they are known.

    Raises:
        UserError: samples have values that are not finite.
    """
    figures = (
        figure.of(domain)
        for domain, (train, held_out) in domains(data).items()
        for figure in tested(train, held_out, (names or {}).get(domain))
    )
    return Examination(
        name=data.name,
        space=data.space,
        train_size=data.train.size,
        held_out_size=data.held_out.size,
        figures=tuple(figures),
    )


def tested(train: Source, held_out: Source, names: Names) -> Iterator[Figure]:
    """All tests of one domain."""
    seen = glance(train)
    yield from content(seen, names)
    if train.size is not None:
        yield duplicates(seen, names)
        if held_out.size is not None:
            yield from leakage(seen, glance(held_out), names)
    yield from labels(seen, names)
