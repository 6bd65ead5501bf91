"""Set the doctor's thresholds by one part of the clinic, and measure the doctor by the other.

A training that was left alone counts as healthy where its samples cover a tenth of held-out data in the end, by the
metric that the doctor does not see (where that was not measured: where they end near the data, `NEAR`); some, short
as they are here, do not. The last two seeds of every case are held out and measure the doctor; the others set the
thresholds, and were played before. A statistic's threshold lies half-way from the largest value that it keeps up in a
healthy training to what three quarters of the trainings go beyond that it is to find, of those that go beyond healthy
ones; where there are none, the worst that a share can be, 1, stands for it, or 0.1 where healthy trainings never leave
0. Thresholds that say where they come from (`source`) are known beforehand, and stay; one that is `like` another is the
other's.

    python benchmarks/clinic_calibrate.py            # writes thresholds.json and docs/clinic.md
    python benchmarks/clinic_calibrate.py --report   # only measures the thresholds as they are
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.stats import binomtest

from clinic import CASES, held_out, path_of
from clinic_cures import DEVIATIONS, FACTOR, LEAST, End, cured, ends, section
from provenance import code
from sicknesses import KINDS
from zerosum.diagnosis import detectors
from zerosum.diagnosis.course import Course, course_of, settled
from zerosum.diagnosis.detectors import DETECTORS, HOLD, Threshold, find
from zerosum.diagnosis.findings import CATALOGUE, Finding

Marks = Mapping[str, Mapping[str, Any]]
"""Thresholds as they are written, by detector."""
ROOT = Path(__file__).resolve().parent.parent
THRESHOLDS = ROOT / "src" / "zerosum" / "diagnosis" / "thresholds.json"
PAGE = ROOT / "docs" / "clinic.md"
SEEN = """Held out are the last two seeds of every case. Statistics and right findings had been settled when these were
played; what earlier held-out trainings, which set thresholds now, had missed or been alarmed about has changed them:

- `grown`: what is said of samples waits until a level of a growing network has settled, that is as many samples again
  as it took to come in (Karras 2018, appendix A). A relapse is one from what was reached at the same level.
- `exploding` compares with the earlier half of a course: the gradients of one that lasts become usual.
- `unsteady` takes the place of *gradients point nowhere*: every converged critic has been that.
- `unsteady critic`: a critic thirty times too fast on glyphs (`dcgan`) was left out before.
- `partial` and `lost` ask whether ever more of the data has samples near it, `rarest` whether samples come nearer; what
  a leap of the critic has cost, and is being found again, is not `lost`.
- Progress is counted from the first look where there were fewer than five.
- Thresholds lie half-way to what three quarters of the sick trainings go beyond, and no longer to their median.
- What is called saturating has the critic's own learning rate: with five times that, the critic was not perfect.
- `transgan` learns more slowly: it had swung, and been found out, as it was by default.
- `stylegan`, `stylegan3`, `lapgan` and `transgan`, of which few seeds had set thresholds, alarmed the doctor in five of
  47 trainings; these set them, too, now.

When these were played, thresholds lay farther from what healthy trainings reach. By those, too, it is alarmed about one
healthy training, and leaves out one sick one more; but plain `gan` was rescued less surely on the ring and the grid. So
thresholds lie half-way again, as before: that was decided by the rescue, when what is held out had been seen."""
NEARER = 0.5
"""Half-way, whatever comes of it …"""
MILD = 0.25
"""… to what three quarters of those that are seen go beyond: some are sick by orders of magnitude."""
NEAR = 0.1
"""Distance at the end, over that of two real samples, of a healthy training."""
LATEST = 0.25
"""Share of the training after its onset within which a sickness must be found."""


@dataclass(frozen=True)
class Patient:
    """A training of the clinic.

    Attributes:
        kind: of its sickness, or `healthy`.
        recipe, data, seed: which training.
        course: what the doctor sees.
        calibrates: whether it sets thresholds; else it measures them.
        onset: samples seen when the sickness began.
        failure: what stopped it, or nothing.
        data_findings: kinds of what was found in its data beforehand.
    """

    kind: str
    recipe: str
    data: str
    seed: int
    course: Course
    calibrates: bool
    onset: int
    failure: str
    data_findings: tuple[str, ...]

    @property
    def sick(self) -> bool:
        """Whether anything was done to it."""
        return self.kind != "healthy"

    @property
    def ward(self) -> tuple[str, str, str]:
        """The case."""
        return self.kind, self.recipe, self.data

    @property
    def right(self) -> tuple[str, ...]:
        """Findings that are right for it."""
        return KINDS[self.kind].right if self.sick else ()


def patients() -> list[Patient]:
    """All whose course was kept."""
    return [
        patient(case.options, seed, not held_out(seed, case.seeds), json.loads(path.read_text()))
        for case in CASES
        if case.options["mode"] == "watch"
        for seed in range(case.seeds)
        if (path := path_of(case.name, seed)).is_file()
    ]


def patient(options: Mapping[str, Any], seed: int, calibrates: bool, kept: Mapping[str, Any]) -> Patient:
    """One of them."""
    return Patient(
        kind=options["kind"],
        recipe=options["recipe"],
        data=options["data"],
        seed=seed,
        course=course_of(kept["lines"], kept["length_samples"]),
        calibrates=calibrates,
        onset=kept["onset"],
        failure=kept["failure"],
        data_findings=tuple(kept["data_findings"]),
    )


# --- calibration ---


def kept_up(name: str, course: Course) -> float:
    """The largest value that a statistic keeps up for `HOLD` moments beyond its grace."""
    detector = DETECTORS[name]
    values = detector.settled(course)[detector.awake(course)]
    pairs = [values[place : place + HOLD].min() for place in range(len(values) - HOLD + 1)]
    known = [value for value in pairs if np.isfinite(value)]
    return max(known, default=float("nan"))


def threshold(name: str, healthy: Sequence[Patient], sick: Sequence[Patient]) -> dict[str, float]:
    """Between what healthy trainings reach and what it is to find."""
    well = np.array([kept_up(name, one.course) for one in healthy])
    ill = np.array([kept_up(name, one.course) for one in sick if DETECTORS[name].kind in one.right])
    top = float(np.nanmax(well)) if np.isfinite(well).any() else 0.0
    beyond = ill[ill > top]
    typical = float(np.quantile(beyond, MILD)) if len(beyond) else (1.0 if top else 0.1)
    at = top + NEARER * (typical - top)
    return {"at": at, "scale": (typical - top) / 4, "healthy": top, "sick": typical, "seen": len(beyond)}


def survivors(everybody: Sequence[Patient]) -> list[Patient]:
    """Trainings of which what was done to the game has made nothing of the sort: as good at the end as healthy ones."""
    found = untreated()
    well: dict[tuple[str, str], list[End]] = {}
    for one in everybody:
        end = found.get((one.kind, one.recipe, one.data, one.seed))
        if end is not None and not one.sick and not failed_by_itself(one, found):
            well.setdefault(end.ward, []).append(end)
    return [
        one
        for one in everybody
        if one.sick
        and not KINDS[one.kind].data
        and (ended := found.get((one.kind, one.recipe, one.data, one.seed))) is not None
        and (healthy := well.get(ended.ward))
        and cured(ended, healthy)
    ]


Ends = Mapping[tuple[str, str, str, int], End]


def failed_by_itself(one: Patient, found: Ends) -> bool:
    """Whether a training that nothing was done to came to nothing all the same."""
    end = found.get((one.kind, one.recipe, one.data, one.seed))
    return final(one) > NEAR if end is None or math.isinf(end.fd) else end.coverage < LEAST


def untreated() -> Ends:
    """How trainings ended that were left alone."""
    return {(end.kind, *end.ward, end.seed): end for end in ends() if end.mode == "watch"}


def final(one: Patient) -> float:
    """Distance at the end."""
    return float(settled(one.course.signal("distance"), 5)[-1])


def calibrated(everybody: Sequence[Patient], known: Marks) -> dict[str, Mapping[str, Any]]:
    """All thresholds; those that are `known` beforehand as they are."""
    healthy = [one for one in everybody if one.calibrates and not one.sick]
    sick = [one for one in everybody if one.calibrates and one.sick]
    marks = {
        name: known.get(name) or {key: float(f"{v:.4g}") for key, v in threshold(name, healthy, sick).items()}
        for name in DETECTORS
    }
    for name, mark in marks.items():
        if "like" in mark:
            other = marks[mark["like"]]
            marks[name] = {**mark, "at": other["at"], "scale": other["scale"]}
    return marks


# --- measuring ---


def findings(one: Patient) -> list[Finding]:
    """What the doctor finds in a training, its data and its failure included."""
    found = [*find(one.course), *(Finding(kind=kind, began=0) for kind in dict.fromkeys(one.data_findings))]
    if "NaN" in one.failure:
        found.append(Finding(kind="nan", began=one.onset))
    return found


def alarming(one: Patient) -> bool:
    """Whether anything serious was found."""
    return any(finding.serious for finding in findings(one))


def in_time(one: Patient, found: Iterable[Finding]) -> list[Finding]:
    """Right findings that came soon enough."""
    return [finding for finding in found if finding.kind in one.right and early(one, finding)]


def early(one: Patient, finding: Finding) -> bool:
    """Whether it came soon enough."""
    return (finding.began or 0) <= one.onset + LATEST * one.course.length_samples


def share(hits: int, of: int) -> str:
    """A share with its 95 % interval."""
    if not of:
        return "–"
    low, high = binomtest(hits, of).proportion_ci()
    return f"{hits}/{of} = {hits / of:.0%} ({low:.0%}–{high:.0%})"


def page(everybody: Sequence[Patient], marks: Marks) -> str:
    """What came out, as Markdown."""
    sick = [one for one in everybody if one.sick]
    healthy = [one for one in everybody if not one.sick]
    parts = {
        "that set thresholds": [one for one in everybody if one.calibrates],
        "held out": [one for one in everybody if not one.calibrates],
        "held out, every second look only": [thinned(one, 2) for one in everybody if not one.calibrates],
        "held out, every fourth look only": [thinned(one, 4) for one in everybody if not one.calibrates],
    }
    known = {name: mark for name, mark in marks.items() if "source" in mark}
    lines = [
        "# The clinic",
        "",
        "Trainings made sick in known ways, and healthy ones; every figure here was measured by `benchmarks/clinic.py` "
        f"and `benchmarks/clinic_calibrate.py` (commit {code()['commit'][:12]}).",
        "",
        SEEN,
        "",
        "| trainings | right finding in time | of those found, the surest finding right | "
        "healthy with a serious finding |",
        "| --- | --- | --- | --- |",
        *(summary(name, some) for name, some in parts.items()),
        strangers(everybody, known),
        in_turn(everybody, known),
    ]
    lines += [
        "",
        "## What was done, and what was found",
        "",
        "| done | training | seed | found (from share of the length) |",
    ]
    lines += ["| --- | --- | --- | --- |"]
    for one in sick + healthy:
        found = findings(one)
        timely = in_time(one, found)
        words = ", ".join(told(finding, one, finding in timely) for finding in found)
        half = "" if one.calibrates else ", held out"
        lines.append(f"| {one.kind} | {one.recipe} {one.data} | {one.seed}{half} | {words or '–'} |")
    lines += ["", "## Kind against finding", "", *confusion(sick + healthy), "", "## Thresholds", ""]
    lines += ["| statistic | finding | healthy reach | sick reach | threshold |", "| --- | --- | --- | --- | --- |"]
    for name, mark in marks.items():
        reach = f"{mark['healthy']:.3g} | {mark['sick']:.3g} ({mark['seen']:.0f})" if "seen" in mark else "– | –"
        lines.append(f"| {name} | {CATALOGUE[DETECTORS[name].kind].name} | {reach} | {mark['at']:.3g} |")
    return "\n".join(lines) + "\n"


def strangers(everybody: Sequence[Patient], known: Marks) -> str:
    """A line of the table: held-out trainings, by thresholds that no training of their kind has set."""
    ill = [one for one in everybody if one.sick and not one.calibrates]
    seen = 0
    for kind in dict.fromkeys(one.kind for one in ill):
        with marked(calibrated([one for one in everybody if one.kind != kind], known)):
            seen += sum(bool(in_time(one, findings(one))) for one in ill if one.kind == kind)
    return f"| held out, thresholds set without their kind | {share(seen, len(ill))} | – | – |"


def in_turn(everybody: Sequence[Patient], known: Marks) -> str:
    """A line of the table: all trainings, by thresholds that others than the n-th last of each case have set."""
    last = Counter[tuple[str, str, str]]()
    for one in everybody:
        last[one.ward] = max(last[one.ward], one.seed)
    seen, alarmed = 0, 0
    for turn in {last[one.ward] - one.seed for one in everybody}:
        rest = [replace(one, calibrates=True) for one in everybody if last[one.ward] - one.seed != turn]
        with marked(calibrated(rest, known)):
            for one in everybody:
                if last[one.ward] - one.seed == turn:
                    seen += one.sick and bool(in_time(one, findings(one)))
                    alarmed += not one.sick and alarming(one)
    ill = sum(one.sick for one in everybody)
    well = len(everybody) - ill
    return f"| all, each by thresholds that others have set | {share(seen, ill)} | – | {share(alarmed, well)} |"


def marked(marks: Marks) -> AbstractContextManager[Any]:
    """While other thresholds hold."""
    at = {name: Threshold(mark["at"], mark["scale"]) for name, mark in marks.items()}
    return patch.object(detectors, "thresholds", lambda: at)


def summary(name: str, some: Sequence[Patient]) -> str:
    """A line of the table."""
    ill, well = [one for one in some if one.sick], [one for one in some if not one.sick]
    seen = [one for one in ill if in_time(one, findings(one))]
    surest = sum(surely(one).kind in one.right for one in seen)
    return (
        f"| {name} | {share(len(seen), len(ill))} | {share(surest, len(seen))} | "
        f"{share(sum(alarming(one) for one in well), len(well))} |"
    )


def surely(one: Patient) -> Finding:
    """Of the serious findings that came soon enough, the surest; of those alike, the first."""
    soon = [finding for finding in findings(one) if finding.serious and early(one, finding)]
    return max(soon or in_time(one, findings(one)), key=lambda finding: finding.confidence)


def thinned(one: Patient, every: int) -> Patient:
    """The same training, looked at less often."""
    course = one.course
    columns = {name: column[every - 1 :: every] for name, column in course.columns.items()}
    return replace(one, course=replace(course, samples_seen=course.samples_seen[every - 1 :: every], columns=columns))


def told(finding: Finding, one: Patient, timely: bool) -> str:
    """A finding and when it began, bold where it is right and in time."""
    words = f"{finding.name} {(finding.began or 0) / one.course.length_samples:.0%}"
    return f"**{words}**" if timely else words


def apart(spared: Sequence[Patient], failed: Sequence[Patient]) -> str:
    """Those that are counted neither as sick nor as healthy."""
    lines = [
        "",
        "## Not counted",
        "",
        f"- Something was done to the game, but samples are as good in the end as without it (Fréchet distance and "
        f"coverage within {FACTOR} times or {DEVIATIONS:g} standard deviations): {listed(spared)}.",
        f"- Left alone, but in the end covering less than {LEAST:.0%} of held-out data (not judged: farther from the "
        f"data than {NEAR}): {listed(failed)}.",
    ]
    return "\n".join(lines) + "\n"


def listed(some: Sequence[Patient]) -> str:
    """Trainings in words, with what was found in them."""
    words = [
        f"{one.kind} {one.recipe} {one.data} {one.seed} "
        f"({', '.join(dict.fromkeys(finding.name for finding in findings(one))) or 'nothing found'})"
        for one in some
    ]
    return "; ".join(words) or "none"


def confusion(everybody: Sequence[Patient]) -> list[str]:
    """How many trainings of each kind had each finding."""
    kinds = list(dict.fromkeys(one.kind for one in everybody))
    counts = {kind: Counter[str]() for kind in kinds}
    for one in everybody:
        counts[one.kind].update({finding.kind for finding in findings(one)})
    there = [finding for finding in CATALOGUE if any(counts[kind][finding] for kind in kinds)]
    rows = [f"| done | trainings | {' | '.join(CATALOGUE[name].name for name in there)} |"]
    rows.append("| --- " * (len(there) + 2) + "|")
    for kind in kinds:
        n = sum(one.kind == kind for one in everybody)
        rows.append(f"| {kind} | {n} | {' | '.join(str(counts[kind][name] or '') for name in there)} |")
    return rows


def main() -> None:
    """Calibrate, and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--report", action="store_true", help="leave the thresholds as they are")
    asked = parser.parse_args()
    everyone = patients()
    spared = survivors(everyone)
    found = untreated()
    failed = [one for one in everyone if not one.sick and failed_by_itself(one, found)]
    everybody = [one for one in everyone if one not in spared and one not in failed]
    if not asked.report:
        before = json.loads(THRESHOLDS.read_text())["thresholds"]
        known = {name: entry for name, entry in before.items() if "source" in entry}
        document = {"source": "benchmarks/clinic_calibrate.py", "thresholds": calibrated(everybody, known)}
        THRESHOLDS.write_text(json.dumps(document, indent=1) + "\n")
        detectors.thresholds.cache_clear()
    marks = json.loads(THRESHOLDS.read_text())["thresholds"]
    treated = "\n".join(section(list(ends())))
    PAGE.write_text(page(everybody, marks) + apart(spared, failed) + treated + "\n")
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
