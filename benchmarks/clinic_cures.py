"""What treatment made of the clinic's trainings: how good samples are at the end, beside healthy and untreated ones.

A training counts as cured when the Fréchet distance of its samples and their coverage of held-out data are within 1.2
times, or two standard deviations, of those of trainings of the same recipe on the same data that nothing was done to.
Where those cover less than a tenth of the data, they are no measure of health, and what `r3gan` makes of as many
samples stands for them; where that covers no more, nothing is measured. The attempts of a training together see at most
a quarter more samples than those.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from clinic import BENCHMARK, CASES, path_of
from records import RESULTS, read
from zerosum.diagnosis.treatment import ENTRY

FACTOR = 1.2
DEVIATIONS = 2.0
LEAST = 0.1
"""Coverage below which a training that nothing was done to has failed by itself."""


@dataclass(frozen=True)
class End:
    """How a training ended.

    Attributes:
        kind, recipe, data: what was played.
        mode: `watch`; `treat`, where the doctor treated it; `stand in`, where `r3gan` was played in its place.
        seed: its seed.
        fd: Fréchet distance of its samples; infinite where there was nothing to judge.
        coverage: of held-out data, in [0, 1].
        share: samples of all attempts over its length.
        acts: what the doctor did, in words.
    """

    kind: str
    recipe: str
    data: str
    mode: str
    seed: int
    fd: float
    coverage: float
    share: float
    acts: tuple[str, ...]

    @property
    def treated(self) -> bool:
        """Whether the doctor treated it."""
        return self.mode == "treat"

    @property
    def ward(self) -> tuple[str, str]:
        """Where it was played."""
        return self.recipe, self.data


def ends() -> Iterator[End]:
    """All that are on record."""
    for case in CASES:
        for seed in range(case.seeds):
            record = read(RESULTS / BENCHMARK / f"{case.name}-seed{seed}.json")
            if record is None or "samples" not in record["figures"] or case.options["data"].startswith("glyphs:"):
                continue  # records from before ends were judged have no such figures
            figures = {name.partition("[")[0]: value for name, value in record["figures"].items()}
            yield End(
                kind=case.options["kind"],
                recipe=case.options["recipe"],
                data=case.options["data"],
                mode=case.options["mode"],
                seed=seed,
                fd=number(figures.get("judged fd"), math.inf),
                coverage=number(figures.get("judged coverage"), 0.0),
                share=figures["samples"] / case.options["length"],
                acts=acts(case.name, seed) if case.options["mode"] == "treat" else (),
            )


def number(value: float | None, missing: float) -> float:
    """A figure, or what it is where there is none."""
    return missing if value is None else value


def acts(name: str, seed: int) -> tuple[str, ...]:
    """What the doctor did, from the course that was kept."""
    path = path_of(name, seed)
    lines = json.loads(path.read_text()).get("acts", []) if path.is_file() else []
    return tuple(told(line[ENTRY]) for line in lines)


def told(act: Mapping[str, str]) -> str:
    """What was done, and with what or why.

    >>> told({"act": "set", "remedy": "noise", "because": "collapse"}), told({"act": "back"})
    ('set: noise', 'back')
    """
    return ": ".join(filter(None, (act["act"], act.get("remedy") or act.get("because"))))


def cured(end: End, healthy: Sequence[End]) -> bool:
    """Whether it is as good as healthy ones."""
    return near(end.fd, [one.fd for one in healthy], lower=True) and near(
        end.coverage, [one.coverage for one in healthy], lower=False
    )


def near(value: float, healthy: Sequence[float], lower: bool) -> bool:
    """Whether a figure is within 1.2 times or two standard deviations of healthy ones, or better.

    >>> near(1.15, [1.0, 1.0], lower=True), near(1.4, [1.0, 1.0], lower=True), near(0.5, [1.0, 1.0], lower=True)
    (True, False, True)
    """
    mean, spread = fmean(healthy), stdev(healthy) if len(healthy) > 1 else 0.0
    if lower:
        return value <= max(FACTOR * mean, mean + DEVIATIONS * spread)
    return value >= min(mean / FACTOR, mean - DEVIATIONS * spread)


def healthy_wards(everyone: Sequence[End]) -> dict[tuple[str, str], list[End]]:
    """What treated trainings are held against, by recipe and data."""
    own, others = (by_ward(everyone, mode) for mode in ("watch", "stand in"))
    found = {ward: others.get(ward, ends) if covering(ends) < LEAST else ends for ward, ends in own.items()}
    return {ward: ends for ward, ends in found.items() if covering(ends) >= LEAST}


def covering(ends: Sequence[End]) -> float:
    """How much of the data they cover."""
    return fmean(end.coverage for end in ends)


def by_ward(everyone: Sequence[End], mode: str) -> dict[tuple[str, str], list[End]]:
    """Trainings that nothing was done to, by recipe and data."""
    wards: dict[tuple[str, str], list[End]] = {}
    for end in everyone:
        if end.kind == "healthy" and end.mode == mode:
            wards.setdefault(end.ward, []).append(end)
    return wards


def section(everyone: Sequence[End]) -> list[str]:
    """The part of the clinic's page."""
    wards = healthy_wards(everyone)
    untreated = {(e.kind, *e.ward, e.seed): e for e in everyone if e.mode == "watch"}
    treated = [e for e in everyone if e.treated and e.ward in wards]
    ill = [e for e in treated if e.kind != "healthy"]
    apart = sorted({f"{e.kind} {e.recipe} {e.data}" for e in everyone if e.treated and e.ward not in wards})
    count = Counter(e.kind for e in ill)
    well = Counter(e.kind for e in ill if cured(e, wards[e.ward]))
    before = [untreated[e.kind, *e.ward, e.seed] for e in ill if (e.kind, *e.ward, e.seed) in untreated]
    good = sum(cured(e, wards[e.ward]) for e in before)
    kinds = sum(2 * well[kind] > count[kind] for kind in count)
    return [
        "",
        "## Treated",
        "",
        "Trainings of curable kinds with `--doctor treat`, judged at the end by the Fréchet distance and by coverage "
        "of held-out data, which the doctor does not see: cured, that is "
        f"within {FACTOR} times or {DEVIATIONS:g} standard deviations "
        "of trainings that nothing was done to (of `r3gan` with as many samples, where those fail by themselves): "
        f"{sum(well.values())} of {len(ill)} ({good} of {len(before)} when left alone); "
        f"most of the trainings of a kind: {kinds} of {len(count)} kinds.",
        "",
        "| done | training | seed | healthy fd, coverage | left alone | treated | samples | cured | what was done |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(row(e, wards[e.ward], untreated.get((e.kind, *e.ward, e.seed))) for e in treated),
        *(
            ["", f"Too short for any recipe to cover a tenth of the data, and not counted: {', '.join(apart)}."]
            if apart
            else []
        ),
    ]


def row(end: End, healthy: Sequence[End], before: End | None) -> str:
    """A line of the table."""
    usual = f"{fmean(e.fd for e in healthy):.3g}, {fmean(e.coverage for e in healthy):.2f}"
    return (
        f"| {end.kind} | {end.recipe} {end.data} | {end.seed} | {usual} | {shown(before)} | {shown(end)} | "
        f"{end.share:.2f} | {'yes' if cured(end, healthy) else 'no'} | {'; '.join(end.acts) or '–'} |"
    )


def shown(end: End | None) -> str:
    """Its figures."""
    return "–" if end is None or math.isinf(end.fd) else f"{end.fd:.3g}, {end.coverage:.2f}"
