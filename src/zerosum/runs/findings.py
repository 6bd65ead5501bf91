"""Findings as a person reads them: on a terminal, and as bars on a time line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from zerosum.diagnosis.doctor import shown
from zerosum.diagnosis.findings import CATALOGUE, Finding, Kind
from zerosum.diagnosis.probe import PREFIX
from zerosum.runs.diagnosing import Diagnosis
from zerosum.runs.figures import aligned, figure
from zerosum.runs.norms import Norms
from zerosum.training.progress import abbreviated

ROWS = 16
"""Of letters over a chart, below each other."""
STYLES = {"good": "bold green", "note": "bold", "serious": "bold red"}


def diagnosis_page(found: Diagnosis) -> RenderableType:
    """What `zerosum diagnose` prints."""
    taken = [f"{name!r} was taken for {role}" for role, name in (found.taken or {}).items()]
    return Group(
        Text(found.subject, style="bold"),
        *(Text(words, style="dim") for words in taken),
        Text(),
        findings_table(found) if found.findings else Text("nothing was found"),
        *map(kind_lines, dict.fromkeys(finding.kind for finding in found.findings)),
        *(Text(f"\n{note}", style="dim") for note in found.notes),
        *([norms_table(found.spectral)] if found.spectral else []),
    )


def findings_table(found: Diagnosis) -> RenderableType:
    """A row a finding."""
    head = ("finding", f"since ({found.unit})", "until", "sure", "evidence", "first advice")
    rows = [
        (f.name, moment(f.began), span_end(f), f"{f.confidence:.0%}", evidence(f), first_advice(f.about))
        for f in found.findings
    ]
    return aligned([head, *rows])


def norms_table(found: Norms) -> RenderableType:
    """A row a weight."""
    rows = [(one.player, one.weight, "×".join(map(str, one.shape)), f"{one.value:.4g}") for one in found.norms]
    title = Text(f"\nspectral norms after {found.samples_seen:,} samples seen", style="bold")
    return Group(title, aligned([("player", "weight", "shape", "norm"), *rows]))


def kind_lines(kind: str) -> RenderableType:
    """What a kind of finding means, why it may be, and what helps."""
    about = CATALOGUE[kind]
    head = Text.assemble((about.name, STYLES[about.severity]), f": {about.what}")
    causes = [Text.assemble(("  likely  ", "dim"), ", or ".join(about.causes))] if about.causes else []
    advice = [Text.assemble(("  try     ", "dim"), one.what, (f"  ({one.source})", "dim")) for one in about.advice]
    return Group("", head, *causes, *advice)


def kinds_list() -> RenderableType:
    """All kinds of findings, each with its meaning."""
    width = max(len(kind.name) for kind in CATALOGUE.values())
    return Group(*(Text.assemble((kind.name.ljust(width), "cyan"), "  ", kind.what) for kind in CATALOGUE.values()))


def evidence(finding: Finding) -> str:
    """The figures of a finding in words, and where it is."""
    figures = [f"{in_words(name)} {figure(value)}" for name, value in shown(finding).items()]
    return "; ".join(part for part in (", ".join(figures), finding.detail) if part) or "–"


def in_words(name: str) -> str:
    """The name of a figure of the log.

    >>> in_words("signal/score_real"), in_words("G/grad_norm")
    ('score real', 'G grad norm')
    """
    return name.removeprefix(PREFIX).replace("/", " ").replace("_", " ")


def first_advice(about: Kind) -> str:
    """What to try first."""
    return about.advice[0].what if about.advice else "–"


def moment(samples_seen: int | None) -> str:
    """A moment, or a dash."""
    return "–" if samples_seen is None else f"{samples_seen:,}"


def span_end(finding: Finding) -> str:
    """When a finding was over, in words."""
    return "now" if finding.ended is None else f"{finding.ended:,}"


@dataclass(frozen=True)
class Bar:
    """A stretch of a training in which something was found.

    Attributes:
        finding: it.
        begin, width: in percent of the whole time line.
        evidence, since, until: in words.
    """

    finding: Finding
    begin: float
    width: float
    evidence: str
    since: str
    until: str


def time_line(findings: Sequence[Finding], until: int) -> dict[str, list[Bar]]:
    """Kind -> its bars, on a line from 0 to `until`; kinds in the order in which they came."""
    lines: dict[str, list[Bar]] = {}
    for finding in findings:
        if finding.began is not None:
            lines.setdefault(finding.kind, []).append(bar(finding, max(1, until)))
    return lines


def bar(finding: Finding, whole: int) -> Bar:
    """A finding that has a beginning, on a line of the length `whole`."""
    assert finding.began is not None
    begin, end = (
        min(1.0, place / whole) for place in (finding.began, whole if finding.ended is None else finding.ended)
    )
    return Bar(finding, 100 * begin, 100 * (end - begin), evidence(finding), moment(finding.began), span_end(finding))


def bands(findings: Sequence[Finding], until: int) -> list[dict[str, Any]]:
    """What is shaded behind the curves: stretches of what was wrong, with a letter a kind, and a row for the letter."""
    shown = [finding for finding in findings if finding.began is not None and finding.about.severity != "good"]
    kinds = list(dict.fromkeys(finding.kind for finding in shown))
    return [
        {
            "begin": finding.began,
            "end": until if finding.ended is None else finding.ended,
            "severity": finding.about.severity,
            "name": finding.name,
            "words": f"{moment(finding.began)} – {span_end(finding)}",
            "letter": chr(ord("a") + kinds.index(finding.kind) % 26),
            "row": kinds.index(finding.kind) % ROWS,
        }
        for finding in shown
    ]


def ticks(until: int, count: int = 4) -> list[str]:
    """Moments that stand under a time line, from 0 to its end.

    >>> ticks(200_064)
    ['0', '50k', '100k', '150k', '200k']
    """
    return [abbreviated(round(until * place / count)) for place in range(count + 1)]
