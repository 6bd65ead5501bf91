"""Beginning again: what the doctor's treatment changes when no control helps, and where the earlier attempt is kept.

An attempt that failed becomes a run of its own under `attempts/<n>/`, whole with its plan, log, pictures and
checkpoints, so that it can be shown and compared. The new one takes its place in the run, with the change on record in
`plan.json`.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zerosum import recipes
from zerosum.diagnosis.treatment import ENTRY, acts_of, again_because, entry, given_up
from zerosum.errors import NotFinite
from zerosum.games import Game
from zerosum.recipes.options import options
from zerosum.recipes.r3gan import critic_rate, first_gamma
from zerosum.runs.directory import read_plan
from zerosum.runs.setup import CADENCE, OWN, Setup
from zerosum.spaces import Points
from zerosum.training import checkpoints
from zerosum.training.checkpoints import write_atomically
from zerosum.training.journal import read_lines

FOLDER = "attempts"


@dataclass(frozen=True)
class Change:
    """Another way to begin.

    Attributes:
        name: of the kind of change; each kind is made once in a run.
        why: in words.
        setup: with which it begins.
    """

    name: str
    why: str
    setup: Setup


def next_change(setup: Setup, game: Game, tried: tuple[str, ...], *, switch: bool, because: str = "") -> Change | None:
    """What is changed at a new beginning, the nearest to what the user asked for first; None: nothing is left.

    Args:
        setup: of the attempt that failed.
        game: that it played.
        tried: names of the changes that were made before.
        switch: whether another recipe, and so another loss, may take its place.
        because: kind of the finding; packs of samples are shown to the critic only where variety is missing.
    """
    ways: dict[str, Callable[[], Change | None]] = {
        OWN_NUMBERS: lambda: None if tried else own_numbers(setup),  # later it would undo what was changed
        OTHER_RECIPE: lambda: other_recipe(setup, game) if switch else None,
        STEADIED: lambda: steadied(setup),
        PACKED: lambda: packed(setup, game) if because in OF_VARIETY else None,
    }
    changes = (way() for name, way in ways.items() if name not in tried)
    return next((change for change in changes if change is not None), None)


OWN_NUMBERS = "the recipe's own numbers"
OTHER_RECIPE = "another recipe"
STEADIED = "R1 and R2"
PACKED = "packing"
OF_VARIETY = ("collapse", "partial")
"""Kinds of findings that packing is against."""
PACK = 2
"""Samples that the critic is shown as one; two do most of what packing can (Lin 2018, section 4)."""
STEADY = "r3gan"
"""The recipe whose networks, rates and penalties steady the loss of another."""
OF_STEADY = ("batch_size", "lr", "betas", "lr_decay", "decay_begin")


def own_numbers(setup: Setup) -> Change | None:
    """The same recipe with the numbers it was published with, where the user gave others."""
    if setup.name not in recipes.names():
        return None
    usual = options(setup.recipe, setup.data.space.kind)
    changed = {name for name in usual if name in setup.given and setup.given[name] != usual[name].default}
    changed = (changed | {*OWN} & {*setup.given}) - {*CADENCE}
    if not changed:
        return None
    kept = {name: value for name, value in setup.given.items() if name not in changed}
    words = ", ".join(sorted(changed))
    return Change(OWN_NUMBERS, f"{setup.name} with its own {words}", with_given(setup, setup.name, kept))


def other_recipe(setup: Setup, game: Game) -> Change | None:
    """The recipe that zerosum takes for such data, where that is another one, or was changed."""
    given = next(iter(game.samplers.values())).given
    name = {"number": "r3gan", "label": "cgan"}.get(given)
    if name is None or (name == setup.name and not {*setup.given} - {*CADENCE}):
        return None
    kept = {option: value for option, value in setup.given.items() if option == "length_samples"}
    return Change(OTHER_RECIPE, f"{name} in the place of {setup.name}", with_given(setup, name, kept))


def steadied(setup: Setup) -> Change | None:
    """The same loss with R1 and R2, on the networks and at the rates that R3GAN has for such data (Huang 2024).

    The paper's claim is that its penalties do most of the work, and its pairing the rest; where pairing is out of the
    question, this much is left. Weights are R3GAN's: in units of the extent, and falling, for points.
    """
    space = setup.data.space
    calm, own = (options(recipe, space.kind) for recipe in (recipes.recipe(STEADY), setup.recipe))
    if "slope_begin" not in own or setup.given.get("r1"):
        return None
    unit = space.extent**2 if isinstance(space, Points) else 1.0
    gamma = calm["gamma"].default
    begin = first_gamma(space, gamma)
    given = {name: calm[name].default for name in OF_STEADY} | {
        "network": "points" if isinstance(space, Points) else "smooth",
        "r1": gamma / 2 * unit,
        "r2": gamma / 2 * unit,
        "slope_begin": begin / gamma,
        "anneal": calm["burn_in"].default,
        "critic_lr": critic_rate(space, calm["lr"].default),
    }
    words = f"{setup.name} with R1 and R2, and networks and rates of {STEADY}"
    kept = {name: value for name, value in setup.given.items() if name in ("length_samples", "loss")}
    return Change(STEADIED, words, with_given(setup, setup.name, kept | given))


def packed(setup: Setup, game: Game) -> Change | None:
    """The same with a critic that is shown two samples as one, and so sees when they are too alike (Lin 2018)."""
    usual = options(setup.recipe, setup.data.space.kind)
    if "pac" not in usual or next(iter(game.samplers.values())).given != "number" or "critic" in setup.given:
        return None
    batch_size = setup.given.get("batch_size", usual["batch_size"].default)
    if batch_size % PACK or setup.given.get("pac", usual["pac"].default) != 1:
        return None
    words = f"{setup.name} with a critic that is shown {PACK} samples as one"
    return Change(PACKED, words, with_given(setup, setup.name, {**setup.given, "pac": PACK}))


def with_given(setup: Setup, name: str, given: Mapping[str, Any]) -> Setup:
    """The same data, seed and devices, with a recipe that files can describe."""
    of_data = not isinstance(setup.source, str | Path)
    return replace(setup, recipe=recipes.recipe(name), name=name, given=dict(given), own=of_data, own_game=False)


# --- what comes after an attempt ---


@dataclass(frozen=True)
class Back:
    """Go back to the newest checkpoint, and on from there with controls multiplied, and slopes of penalties finer."""

    factors: Mapping[str, float]


@dataclass(frozen=True)
class Again:
    """Begin again because of a kind of finding, after so many samples."""

    because: str
    spent: int


BACK = 2
"""Times that an attempt goes back after a figure that was not finite."""
CALMER = {"D/lr_scale": 0.5, "G/lr_scale": 0.5}


def next_step(
    run: Path, failure: NotFinite | None, change: Callable[[str], Change | None], most: float
) -> Back | Again | None:
    """What the doctor has done with a training that stopped; what is decided here is put on record in its log.

    Args:
        run: the directory.
        failure: what stopped it; None: something else, or the doctor.
        change: with which it could begin again, because of a kind of finding.
        most: samples seen beyond which that is not worth while.
    """
    acts = [line for line in read_lines(run / "log.jsonl") if ENTRY in line]
    if failure is not None:
        found = checkpoints.names(run / "checkpoints")
        if found and sum(line[ENTRY]["act"] == "back" for line in acts) < BACK:
            record(run, int(found[-1]), entry(f"not finite: back to {int(found[-1]):,} samples, calmer", act="back"))
            return Back(CALMER)
        seen = max((int(line["samples_seen"]) for line in read_lines(run / "log.jsonl")), default=0)
        if change("nan") is None or seen + given_up(acts_of(acts)) > most:
            return None
        acts.append(record(run, seen, again_because("nan", "not finite: begins again with something changed")))
    if not acts or acts[-1][ENTRY]["act"] != "begin again" or change(acts[-1][ENTRY]["because"]) is None:
        return None
    return Again(acts[-1][ENTRY]["because"], int(acts[-1]["samples_seen"]) + given_up(acts_of(acts)))


def record(run: Path, samples_seen: int, line: Mapping[str, Any]) -> dict[str, Any]:
    """Append a line to the log; the line as it is read again."""
    whole = {"samples_seen": samples_seen, **line}
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps(whole) + "\n")
    return whole


def changes_made(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the changes that a run's plan has on record."""
    return tuple(entry["change"] for entry in document["revisions"] if "change" in entry)


def set_aside(run: Path) -> Path:
    """Move what an attempt left into a run of its own below; where it lies.

    A set-aside that was cut short by a kill is taken up where it was: whatever is left is moved there too.
    """
    kept = run / FOLDER / str(len(changes_made(read_plan(run))) + 1)
    kept.mkdir(parents=True, exist_ok=True)
    for left in run.iterdir():
        place = kept / left.name
        if left.name == "plan.json":
            write_atomically(place, left.read_text())
        elif left.name != FOLDER:
            if place.is_dir():
                shutil.rmtree(place)
            left.replace(place)
    return kept
