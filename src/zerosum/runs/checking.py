"""A data set before it is trained on: what `zerosum check` measures, finds, recommends and prints."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from zerosum.data import Data, DataOptions, open_data
from zerosum.data.catalogue import material
from zerosum.data.packing import Cache
from zerosum.data.samples import Samples
from zerosum.diagnosis.dataset import Examination, examine
from zerosum.diagnosis.figure import Figure, Names
from zerosum.diagnosis.findings import Finding
from zerosum.recipes import AUTO
from zerosum.runs.commands import EVALUATION
from zerosum.runs.figures import aligned, figure
from zerosum.runs.recommending import Recommendation, recommendation
from zerosum.runs.setup import recommend, split
from zerosum.training.devices import resolve_device

HEAD = ("measured", "value", "right", "samples")


@dataclass(frozen=True)
class Check:
    """What is known of a data set before it is trained on.

    Attributes:
        examination: what was measured.
        recommendation: how to train.
        data: that were examined.
    """

    examination: Examination
    recommendation: Recommendation
    data: Data = field(repr=False, compare=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return self.examination.findings

    @property
    def figures(self) -> Mapping[str, Figure]:
        """What was measured, by name."""
        return {figure.name: figure for figure in self.examination.figures}

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.examination.document(), "recommendation": self.recommendation.document()}


def check(given: Any, data_options: DataOptions, *, device: str = "auto", progress: bool = True) -> Check:
    """Examine what `open_data` takes.

    Args:
        given: a name, a path, an array, a tensor, a data set, a density, or a `Data`.
        data_options: how it is prepared.
        device: that will train.
        progress: whether packing shows a bar.

    Raises:
        UserError: it cannot be opened, or has values that are not finite.
    """
    data = open_data(given, data_options, progress=progress)
    found = examine(data, names(given, data_options, progress))
    source = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    recipe = recommend(given.name if isinstance(given, Data) else given, data_options)
    return Check(found, recommendation(found, recipe, data_options, resolve_device(device), source), data)


def chosen_for(
    recipe: Any, given: Any, flat: Mapping[str, Any], *, device: str, progress: bool
) -> tuple[Any, dict[str, Any], Check | None]:
    """The recipe, options that are chosen for it, and on what grounds: of `auto` what `check` says, of others nothing.

    Args:
        recipe: as a user gave it.
        given: data, as for `check`.
        flat: options that the user gave.
        device: as for `check`, like `progress`.
        progress: see `device`.
    """
    if not isinstance(recipe, str) or recipe != AUTO:
        return recipe, {}, None
    checked = check(given, split(flat)[0], device=device, progress=progress)
    advised = checked.recommendation
    chosen = {name: value for name, value in advised.options.items() if name not in EVALUATION}
    return advised.recipe, chosen, checked


def names(given: Any, data_options: DataOptions, progress: bool) -> dict[str, Names]:
    """File names of the samples, by domain, where the data are files."""
    two = data_options.target is not None
    domains = {"first domain": given, "second domain": data_options.target} if two else {"": given}
    found = {domain: file_names(where, data_options, progress) for domain, where in domains.items()}
    return {domain: known for domain, known in found.items() if known is not None}


def file_names(given: Any, data_options: DataOptions, progress: bool) -> Names:
    """Of the samples in a folder or archive; packed before, these are not read again."""
    if not isinstance(given, str | os.PathLike) or not os.path.exists(os.path.expanduser(given)):
        return None
    samples = material(given, data_options, Cache(progress=progress))
    return samples.names if isinstance(samples, Samples) else None


def check_page(found: Check) -> RenderableType:
    """What `zerosum check` prints."""
    seen = found.examination
    shape = "x".join(map(str, seen.space.shape))
    title = Text.assemble((seen.name, "bold"), f": {seen.space.kind} of {shape}, {sizes(seen)}")
    rows = [(f.name, number(f.value), limit(f), f"{f.n:,}") for f in seen.figures]
    marked = frozenset((row, 1) for row, f in enumerate(seen.figures, 1) if f.finding is None and f.limit is not None)
    return Group(
        title,
        "",
        aligned([HEAD, *rows], marked),
        *(Text(note, style="dim") for note in seen.notes),
        *map(finding_lines, found.findings),
        *([] if found.findings else [Text("\nnothing is wrong", style="bold green")]),
        recommendation_lines(found.recommendation),
    )


def number(value: float) -> str:
    """A count in full, anything else in four digits.

    >>> number(37_510.0), number(0.25)
    ('37,510', '0.25')
    """
    return f"{value:,.0f}" if float(value).is_integer() else figure(value)


def limit(measured: Figure) -> str:
    """What is still right."""
    return "" if measured.limit is None else f"{'≥' if measured.least else '≤'} {number(measured.limit)}"


def sizes(seen: Examination) -> str:
    """How much there is of everything, in words."""
    if seen.train_size is None:
        return "drawn anew at every visit"
    classes = f", {len(seen.space.classes)} classes" if seen.space.classes else ""
    return f"{seen.train_size:,} to train on and {seen.held_out_size or 0:,} held out{classes}"


def finding_lines(finding: Finding) -> RenderableType:
    """A finding in words: what it is, where, and what helps."""
    about = finding.about
    head = Text.assemble(("! ", "yellow"), (about.name, "bold"), f" – {finding.detail}")
    lines = [f"  {about.what}", *(f"  → {advice.what} ({advice.source})" for advice in about.advice)]
    return Group("", head, *map(Text, lines))


def recommendation_lines(advised: Recommendation) -> RenderableType:
    """The command line and the reasons."""
    lines = [f"  {line}" for line in (advised.command, *advised.why)]
    return Group("", Text("recommended", style="bold"), *map(Text, lines))
