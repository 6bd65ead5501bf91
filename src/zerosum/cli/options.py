"""The options that commands share: of a training, of data, of a recipe."""

import math
import typing
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from zerosum.cli.flags import Flag
from zerosum.errors import UserError
from zerosum.runs import find_run, list_runs
from zerosum.runs.commands import as_declared

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]
Compile = Literal["auto", "on", "off"]
Doctor = Literal["off", "watch", "treat"]

DEVICE = Flag("device", Device, "auto", "Where to train; auto: the fastest there is.")
DEVICES = Flag("devices", int, 1, "How many of them; the batch is shared among them.")
SEED = Flag("seed", int, 0, "Of all randomness: the same seed gives the same run.")
PRECISION = Flag("precision", Precision, "auto", "Number format of the networks' work; auto: the fastest safe one.")
TRUNCATION = [
    Flag("psi", float, 1.0, "Truncation: share of the distance of latents, or styles, from their mean that is left."),
    Flag("threshold", float | None, None, "Truncation: normal latents are cut off beyond so many deviations."),
]
COMPILE = Flag("compile", Compile, "auto", "Compile the losses; auto: where the training is long enough for it to pay.")
MICROBATCH = Flag(
    "microbatch", int | None, None, "Samples of a batch that are worked on at a time; none: as many as memory holds."
)
RUN = Flag("run", str | None, None, "A name under runs/, or the path of a run directory.", "RUN", positional=True)
EVALUATION = [
    Flag(
        "evaluate",
        str,
        "auto",
        "Metrics to measure on the way, with commas between them (see zerosum evaluate --list), auto or off.",
        "auto|off|A,B",
    ),
    Flag("best", str | None, None, "The metric that tells the best checkpoint, which is kept; none: the first."),
    Flag("patience", int | None, None, "Stop after so many evaluations without a better one; none: never."),
    Flag("evaluate_every_samples", int | None, None, "Between two evaluations; none: as the time allows."),
    Flag("evaluate_n", int | None, None, "Generated samples that are measured; none: as many as the time allows."),
    Flag("evaluate_share", float, 0.05, "Share of the training's time that evaluations may take."),
]
"""What is measured while training; it does not shape the weights."""
DOCTOR = [
    Flag("doctor", Doctor, "watch", "watch: say what goes wrong and why; treat: and mend it; off: look at nothing."),
    Flag("doctor_switch", bool, True, "Whether treatment may take another recipe (and loss) for one that fails."),
    Flag("doctor_every_samples", int | None, None, "Between two looks; none: about fifty in all, as the time allows."),
]
"""Who looks after a training."""


def data_flags() -> list[Flag]:
    """The fields of `DataOptions`."""
    from zerosum.data import DataOptions

    hints = typing.get_type_hints(DataOptions, include_extras=True)
    parts = {field.name: get_args(hints[field.name]) for field in fields(DataOptions)}
    return [
        Flag(field.name, parts[field.name][0], field.default, parts[field.name][1].documentation)
        for field in fields(DataOptions)
    ]


def recipe_flags(recipe: str) -> list[Flag]:
    """The options of a recipe, with their ranges.

    Raises:
        UserError: there is no such recipe.
    """
    from zerosum.recipes import recipe as named

    return declared_flags(named(recipe))


def declared_flags(function: Any) -> list[Flag]:
    """The options that a function declares by its typed keywords, with their ranges."""
    from zerosum.recipes.options import options

    return [
        Flag(
            name, option.type, option.default, f"{option.help}{bounds(option.low, option.high)}{suits(function, name)}"
        )
        for name, option in options(function).items()
    ]


def suits(recipe: Any, name: str) -> str:
    """The defaults of an option that hold for some kinds of samples only, in words."""
    from zerosum.recipes.options import SUITED

    own = {kind: values[name] for kind, values in SUITED.get(recipe, {}).items() if name in values}
    return "".join(f" [{kind}: {value}]" for kind, value in own.items())


def with_defaults(flags: Iterable[Flag], values: Mapping[str, Any]) -> list[Flag]:
    """The same flags with other defaults, where `values` (as JSON has them) name some."""
    return [replace(flag, default=as_declared(values.get(flag.name, flag.default))) for flag in flags]


def bounds(low: float, high: float) -> str:
    """A range in a few characters.

    >>> bounds(0, 1), bounds(1, math.inf), bounds(-math.inf, math.inf)
    (' [0 to 1]', ' [at least 1]', '')
    """
    if math.isinf(high):
        return "" if math.isinf(low) else f" [at least {low:g}]"
    return f" [at most {high:g}]" if math.isinf(low) else f" [{low:g} to {high:g}]"


def run_named(name: str | None, command: str) -> Path:
    """The directory of the run that the user means.

    Raises:
        UserError: none was named, or there is no such run.
    """
    if name is not None:
        return find_run(name)
    names = ", ".join(path.name for path in list_runs()) or "none yet"
    raise UserError(f"Which run? zerosum {command} RUN, where RUN is a name under runs/ or a path. Runs: {names}.")
