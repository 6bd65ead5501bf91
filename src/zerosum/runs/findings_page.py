"""Findings on a page: a time line, and of each kind what it means, its evidence, plots, samples, and what helps.

The same for a run's report, for another program's losses and samples, and for data before a training.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zerosum.diagnosis.course import Course
from zerosum.diagnosis.detectors import DETECTORS, Detector
from zerosum.diagnosis.exemplars import strips as strips_of_data
from zerosum.diagnosis.findings import Finding
from zerosum.runs.checking import HEAD, Check, limit, number, sizes
from zerosum.runs.diagnosing import Diagnosis
from zerosum.runs.exhibits import of_losses, plots, strips
from zerosum.runs.findings import evidence, ticks, time_line
from zerosum.runs.pages import fill, write_page
from zerosum.runs.pictures import uri_of
from zerosum.runs.state import read_state

Illustrated = Sequence[tuple[Finding, str | None]]
"""Findings with the picture of the samples concerned, as a data URI."""


def view(
    findings: Sequence[Finding],
    *,
    course: Course | None = None,
    until: int | None = None,
    detectors: Mapping[str, Detector] = DETECTORS,
    snapshots: Mapping[int, Path] | None = None,
    illustrated: Illustrated = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """What the template `findings.html` shows.

    Args:
        findings: in their order.
        course: in which those that have a beginning were found.
        until: its last moment.
        detectors: that looked at it.
        snapshots: of a run's samples.
        illustrated: findings of data with their pictures.
        notes: what else a reader should know.
    """
    lines = time_line(findings, until or 0)
    over_time = {kind: [bar.finding for bar in bars] for kind, bars in lines.items()}
    drawn = {} if course is None else {k: plots(some, course, until or 0, detectors) for k, some in over_time.items()}
    return {
        "lines": lines,
        "kinds": {finding.kind: finding.about for finding in findings},
        "timeless": timeless(findings, illustrated),
        "ticks": ticks(until or 0) if lines else [],
        "notes": notes,
        "plots": drawn,
        "strips": {kind: strips(some, snapshots or {}) for kind, some in over_time.items()},
    }


def timeless(findings: Sequence[Finding], illustrated: Illustrated) -> dict[str, list[dict[str, Any]]]:
    """By kind, findings that have no beginning: in words, how sure, and the picture, if there is one."""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in findings:
        if finding.began is None:
            picture = next((source for one, source in illustrated if one == finding), None)
            words = {"evidence": evidence(finding), "sure": finding.confidence, "src": picture}
            found.setdefault(finding.kind, []).append(words)
    return found


def write_diagnosis(found: Diagnosis, path: Path) -> Path:
    """What was found as a page that needs nothing else.

    Raises:
        UserError: it cannot be written.
    """
    snapshots = {} if found.run is None else read_state(found.run).snapshots
    shown = view(
        found.findings,
        course=found.course,
        until=found.until,
        detectors=found.detectors,
        snapshots=snapshots,
        notes=found.notes,
    )
    losses = None if found.curves is None else of_losses(found.curves, found.until or 0, found.findings)
    pictures = {words: uri_of(picture) for words, picture in found.pictures.items()}
    page = fill("diagnosis.html", found=found, findings=shown, losses=losses, pictures=pictures)
    return write_page(path, page)


def write_check(found: Check, path: Path) -> Path:
    """What was found of data as a page that needs nothing else.

    Raises:
        UserError: it cannot be written.
    """
    pictures = [None if one is None else uri_of(one) for one in strips_of_data(found.data, found.examination)]
    illustrated = list(zip(found.findings, pictures, strict=True))
    figures = [
        {"cells": (f.name, number(f.value), limit(f), f"{f.n:,}"), "wrong": f.finding is not None}
        for f in found.examination.figures
    ]
    shown = view(found.findings, illustrated=illustrated, notes=found.examination.notes)
    sized = sizes(found.examination)
    return write_page(path, fill("check.html", found=found, findings=shown, figures=figures, head=HEAD, sizes=sized))
