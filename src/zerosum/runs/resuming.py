"""Settling a run once more from its `plan.json`, for it to go on: nothing that shapes it may be another than it was."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zerosum.errors import UserError, nearest
from zerosum.games import Game
from zerosum.recipes.options import Recipe
from zerosum.runs.setup import OWN, Setup, parted, settle
from zerosum.runs.whereabouts import INSTEAD, as_recorded, one_place, refuse_gone, refuse_other_name
from zerosum.training.plan import Plan
from zerosum.training.position import refuse_other

SETTLED = ("precision", "compile")
"""Options whose `auto` was decided when the run began: then it asks for what was decided."""


def settle_again(
    run: Path,
    document: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    recipe: Recipe | Plan | Game | None = None,
    data: Any = None,
    device: str | None = None,
    devices: int | None = None,
    length_samples: int | None = None,
    progress: bool = True,
) -> Setup:
    """Settle once more what a run is made from.

    Args:
        run: its directory.
        document: its `plan.json`.
        given: options, which must be the run's own, and its networks that came from Python.
        recipe, data: those of the run, where they came from Python.
        device, devices, length_samples: others than the run's.
        progress: whether packing shows a bar.

    Raises:
        UserError: parts that came from Python are not given again, or an option is another than the run's.
    """
    refuse_imported(run, document)
    own, options = parted(given, OWN)
    if recipe is None and data is None and not own:
        refuse_made_in_python(run, document)
    training, of_data = document["training"], document["data"]
    recorded = training | of_data["options"] | document["options"] | {"out": str(run), "seeds": None}
    for name in options.keys() - recorded.keys():
        raise UserError(f"Unknown option {name!r}.{nearest(name, recorded)} Known: {', '.join(sorted(recorded))}.")
    refuse_changed(options, recorded)
    refuse_other_name(data, of_data["name"])
    if data is None:
        refuse_gone(of_data["name"], f"zerosum resume {run} --data PATH")
    setup = settle(
        recipe or document["recipe"],
        of_data["name"] if data is None else data,
        of_data["options"] | document["options"] | own,
        length_samples=length_samples,
        seed=training["seed"],
        device=training["device"] if device is None else device,
        devices=training["devices"] if devices is None else devices,
        precision=training["precision"],
        threads=training["threads"],
        compile=training.get("compile", "off"),
        microbatch=training.get("microbatch"),
        progress=progress,
    )
    return setup if data is None else replace(setup, data=as_recorded(setup.data, of_data))


def refuse_made_in_python(run: Path, document: Mapping[str, Any]) -> None:
    """Raise a UserError for a run with networks, a game or data that no file describes."""
    if not document["resumable"]:
        raise UserError(f"{run} was trained with parts made in Python; resume it from Python with the same parts.")


def refuse_imported(run: Path, document: Mapping[str, Any]) -> None:
    """Raise a UserError for a run whose networks come from a file, which has neither data nor optimizers."""
    if "imported" in document:
        raise UserError(
            f"{run} was imported from {document['imported']['file']}, which holds networks alone: it can be sampled "
            "and explored, but there is no training to go on with."
        )


def refuse_changed(given: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
    """Raise a UserError for options that are others than those of `plan.json`, where a tuple has become a list."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    other = {name: value for name, value in plain.items() if not _means(name, value, recorded.get(name))}
    refuse_other({name: recorded.get(name) for name in other}, other, INSTEAD)


def _means(name: str, given: Any, recorded: Any) -> bool:
    """Whether an option is what `plan.json` holds, which has paths as they were written."""
    if given == "auto" and name in SETTLED:
        return True
    if isinstance(given, int) and isinstance(recorded, str):
        return str(given) == recorded
    if isinstance(given, str | Path) and isinstance(recorded, str):
        return one_place(given, recorded)
    return bool(given == recorded)
