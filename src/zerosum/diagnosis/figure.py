"""What a test of data measures: a figure, how many samples it is of, its limit, and what is found beyond it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from zerosum.diagnosis.findings import Finding

LISTED, SHOWN = 100, 5
"""So many samples are named in a document, and in words."""
Names = Sequence[str] | None
"""Of all samples, by position; None: positions are all there is."""


@dataclass(frozen=True)
class Concerned:
    """Samples that a figure is about, the first `LISTED` of them.

    Attributes:
        names: what each, or each group of samples that belong together, is called.
        positions: of the samples in each group, as the user counts them (before the split).
    """

    names: tuple[str, ...] = ()
    positions: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One thing that was measured.

    Attributes:
        name: in words.
        value: what was measured.
        n: samples it was measured on.
        limit: beyond which something is wrong; None where nothing can be.
        least: whether the limit is the least that is right, not the most.
        samples: names or positions of those concerned, the first `LISTED` of them.
        positions: of these samples, see `Concerned`; empty where it is not samples that are concerned.
        domain: of which it is, where there are two.
        finding: what is wrong.
    """

    name: str
    value: float
    n: int
    limit: float | None = None
    least: bool = False
    samples: tuple[str, ...] = ()
    positions: tuple[tuple[int, ...], ...] = ()
    domain: str = ""
    finding: Finding | None = None

    def document(self) -> dict[str, Any]:
        """As JSON; the finding stands elsewhere."""
        found: dict[str, Any] = {"figure": self.name, "value": float(f"{self.value:.4g}"), "n": self.n}
        limit = {} if self.limit is None else {"least" if self.least else "most": self.limit}
        return found | limit | ({"samples": list(self.samples)} if self.samples else {})

    def of(self, domain: str) -> "Figure":
        """The same, of one domain of two; an empty name changes nothing."""
        if not domain:
            return self
        finding = self.finding and replace(self.finding, detail=f"{domain}: {self.finding.detail}")
        return replace(self, name=f"{domain}: {self.name}", domain=domain, finding=finding)


def judged(
    name: str,
    value: float,
    n: int,
    kind: str,
    *,
    most: float | None = None,
    least: float | None = None,
    detail: str = "",
    samples: Concerned | tuple[str, ...] = (),
    confidence: float = 1.0,
    **evidence: float,
) -> Figure:
    """A figure with a limit: `most` is still right, or `least` is; else a finding of this kind says so.

    The finding's detail ends in the first of the samples concerned, or of whatever else has these names.
    """
    limit = least if most is None else most
    assert limit is not None
    about = samples if isinstance(samples, Concerned) else Concerned(samples)
    figure = Figure(
        name=name,
        value=value,
        n=n,
        limit=limit,
        least=most is None,
        samples=about.names,
        positions=about.positions,
    )
    if (value >= limit) if figure.least else (value <= limit):
        return figure
    more = " …" if about.names[SHOWN:] else ""
    words = f"{detail}: {', '.join(about.names[:SHOWN])}{more}" if about.names else detail
    evidence = {"value": value, "limit": limit, "n": n, **evidence}
    return replace(figure, finding=Finding(kind=kind, evidence=evidence, detail=words, confidence=confidence))


def named(positions: Tensor, names: Names) -> Concerned:
    """The first `LISTED` samples, by name where they have one."""
    first = positions[:LISTED].tolist()
    called = tuple(str(place) if names is None else names[place] for place in first)
    return Concerned(called, tuple((place,) for place in first))
