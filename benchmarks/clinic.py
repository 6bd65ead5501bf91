"""The clinic: trainings made sick in known ways, and healthy ones; watched, and treated.

Of those that were watched the course is kept beside the record, so that thresholds can be calibrated
(`clinic_calibrate.py`) without training again. How good the samples are at the end is measured by metrics that the
doctor does not look at: the Fréchet distance and coverage against held-out data, in the features that
`zerosum evaluate` takes.
"""

import json
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import zerosum
from records import RESULTS, Case, Measured, run
from sicknesses import HEALTHY, KINDS, Sickness, onset
from zerosum import Run, recipes
from zerosum.diagnosis.beforehand import kept
from zerosum.diagnosis.treatment import ENTRY, acts_of, given_up
from zerosum.errors import TrainingFailed, UserError
from zerosum.recipes.options import Opt, Recipe, build, options
from zerosum.runs.setup import settle
from zerosum.spaces import Space
from zerosum.training.journal import read_lines
from zerosum.training.plan import Plan

BENCHMARK = "clinic"
LENGTH: Mapping[str, int] = {
    "r3gan ring": 768_000,
    "r3gan grid": 768_000,
    "wgan-gp ring": 100_000,
    "wgan-gp grid": 100_000,
    "wgan grid": 100_000,
    "gan ring": 300_000,
    "gan digits": 150_000,
    "gan glyphs": 150_000,
    "dcgan digits": 40_000,
    "dcgan glyphs": 40_000,
    "lsgan digits": 40_000,
    "lsgan glyphs": 40_000,
    "cgan digits": 40_000,
    "cgan glyphs": 40_000,
    "sngan digits": 8_000,
    "progan digits": 60_000,
    "stylegan digits": 50_000,
    "cyclegan glyphs:sans-serif": 200,
}
"""Samples seen; up to half a minute on one core."""
USUAL = 20_000
LOOKS = 50
"""Also of trainings that are too short to be looked at so often in earnest."""
DATA: Mapping[str, dict[str, Any]] = {
    "digits": {"resolution": "16"},
    "glyphs": {"resolution": "16"},
    "glyphs:sans-serif": {"resolution": "16"},
}
TRIAL_LENGTH = 3_000
JUDGED = 2_000
"""Generated samples that are judged at the end."""


def made(recipe: str, sickness: Sickness | None, space: Space, seed: int) -> tuple[str | Recipe, dict[str, Any]]:
    """What is trained: a recipe, which a user may have written, and the options that are given."""
    if sickness is None:
        return recipe, {}
    usual = {name: option.default for name, option in options(recipes.recipe(recipe), space.kind).items()}
    given = dict(sickness.options(usual) if callable(sickness.options) else sickness.options)
    if sickness.critic is not None:
        given["critic"] = sickness.critic(space)
    return (recipe if sickness.plan is None else rewritten(recipe, sickness, usual, seed)), given


def rewritten(recipe: str, sickness: Sickness, usual: Mapping[str, Any], seed: int) -> Recipe:
    """A recipe as somebody wrote it who made a mistake."""

    def sick(
        space: Space, *, length_samples: Annotated[int, Opt("Samples seen.", 1)] = usual["length_samples"]
    ) -> Plan:
        assert sickness.plan is not None
        plan = build(recipes.recipe(recipe), space, {"length_samples": length_samples})
        return sickness.plan(plan, space, seed)

    return sick


def train(
    path: Path, recipe: str, data: str, seed: int, sickness: Sickness | None, length: int, mode: str
) -> tuple[Run | None, dict[str, Any]]:
    """Train under the doctor's eyes; the run, where it came to its end, and the course."""
    of_data = DATA.get(data, {})
    opened = settle(recipe, data, of_data, progress=False).data
    trained, given = made(recipe, sickness, opened.space, seed)
    changed = sickness is not None and sickness.data is not None
    source = sickness.data(opened, seed) if sickness and sickness.data else data
    finished: Run | None = None
    failure = ""
    try:
        finished = zerosum.train(
            trained,
            data=source,
            out=path,
            seed=seed,
            length_samples=length,
            evaluate="off",
            doctor=mode,
            doctor_every_samples=max(1, length // LOOKS),
            progress=False,
            **given,
            **({} if changed else of_data),
        )
    except TrainingFailed as error:
        failure = str(error)
    lines = read_lines(path / "log.jsonl")
    late = sickness is not None and sickness.late
    return finished, {
        "length_samples": length,
        "onset": onset(length, seed) if late else 0,
        "failure": failure,
        "data_findings": [finding.kind for finding in kept(path)],
        "lines": [rounded(line) for line in lines],
    }


def rounded(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the log in five digits."""
    return {name: float(f"{v:.5g}") if isinstance(v, float) else v for name, v in line.items()}


def judged(run: Run | None, data: str) -> dict[str, float]:
    """How good the samples are at the end; nothing where there is no end or nothing to judge."""
    if run is None or data not in ("ring", "grid", "digits", "glyphs"):
        return {}
    try:
        records = zerosum.evaluate(run, metrics=["fd", "coverage"], n=JUDGED, confidence=False, progress=False)
    except UserError:  # samples that are not finite
        return {}
    return {f"judged {record.metric}": float(record.value) for record in records}


def measure(
    seed: int, trial: bool, *, name: str, recipe: str, data: str, sickness: Sickness | None, mode: str, length: int
) -> Measured:
    """Play, and keep the course."""
    length = TRIAL_LENGTH if trial else length
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run")
        run, course = train(path, recipe, data, seed, sickness, length, mode)
        seconds = time.perf_counter() - begin
        ends = judged(run, data)
        attempts = [*sorted((path / "attempts").glob("*")), path]
        seen = [int(lines[-1]["samples_seen"]) for one in attempts if (lines := read_lines(one / "log.jsonl"))]
        acts = [line for one in attempts for line in read_lines(one / "log.jsonl") if ENTRY in line]
        seen.append(given_up(acts_of(acts)))
    if not trial:
        keep(name, seed, course if mode == "watch" else course | {"lines": [], "acts": acts})
    figures = {"seconds": seconds, "samples": float(sum(seen)), "attempts": float(len(attempts)), **ends}
    return Measured(figures)


def keep(name: str, seed: int, course: Mapping[str, Any]) -> None:
    """Keep a course beside the records."""
    path = path_of(name, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(course) + "\n")


def path_of(name: str, seed: int) -> Path:
    """Where a course is kept."""
    return RESULTS / BENCHMARK / "courses" / f"{name}-seed{seed}.json"


PREFIX = {"watch": "", "treat": "treated-", "stand in": "stand_in-"}


def case(kind: str, recipe: str, data: str, sickness: Sickness | None, seeds: int, mode: str = "watch") -> Case:
    """A training."""
    name = f"{PREFIX[mode]}{kind.replace(' ', '_')}-{recipe}-{data.partition(':')[0]}"
    length = LENGTH.get(f"{recipe} {data}", USUAL)
    played = STAND_IN if mode == "stand in" else recipe
    doctor = "watch" if mode == "stand in" else mode
    return Case(
        name=name,
        measure=partial(measure, name=name, recipe=played, data=data, sickness=sickness, mode=doctor, length=length),
        options={"kind": kind, "recipe": recipe, "data": data, "length": length, "mode": mode},
        seeds=seeds,
    )


def wards(kind: str, sick: Sickness, seeds: tuple[int, int]) -> list[tuple[str, str, str, Sickness, int]]:
    """Where a kind is played, and with how many seeds."""
    return [(kind, *ward, sick, count) for ward, count in zip(sick.wards, seeds, strict=True)]


SEEDS = (7, 6)
"""Of a kind's first ward and of its second."""
TREATED_SEEDS = (3, 2)
"""Of those that are treated."""
HEALTHY_SEEDS = 7
"""Of what nothing is done to."""
MEASURING = 2
"""Of a case's seeds, the last ones, which measure what the others have calibrated."""


def held_out(seed: int, seeds: int) -> bool:
    """Whether a training measures what others have calibrated."""
    return seed >= seeds - MEASURING


STAND_IN = "r3gan"
FAILING = (("gan", "ring"), ("gan", "digits"), ("gan", "glyphs"), ("wgan", "grid"), ("wgan-gp", "ring"))
"""Wards where trainings fail by themselves; what `STAND_IN` makes of as many samples is what health means there."""

TREATED_WELL = (("r3gan", "ring"), ("r3gan", "digits"), ("dcgan", "digits"), ("cgan", "digits"), ("wgan-gp", "glyphs"))
"""Healthy trainings that are treated all the same."""

CASES = [
    *(case("healthy", recipe, data, None, HEALTHY_SEEDS) for recipe, data in HEALTHY),
    *(case(*ward) for kind, sick in KINDS.items() for ward in wards(kind, sick, SEEDS)),
    *(case("healthy", recipe, data, None, 3, "stand in") for recipe, data in FAILING),
    *(case("healthy", recipe, data, None, 2, "treat") for recipe, data in TREATED_WELL),
    *(
        case(*ward, "treat")
        for kind, sick in KINDS.items()
        if sick.curable
        for ward in wards(kind, sick, TREATED_SEEDS)
    ),
]

if __name__ == "__main__":
    run(BENCHMARK, __doc__, CASES)
