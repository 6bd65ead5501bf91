"""How to do it again: the commands and the Python lines that repeat, continue and use a run."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from zerosum.runs.directory import Plan

TRAINING = ("length_samples", "seed", "device", "devices", "precision", "compile", "microbatch")
"""What of `plan["training"]` is given on the command line; the rest belongs to the recipe."""
EVALUATION = ("evaluate", "best", "patience", "evaluate_every_samples", "evaluate_n", "evaluate_share")
"""What of `plan["evaluation"]` is given: the rest came of it."""
DOCTOR = ("doctor", "doctor_switch", "doctor_every_samples")
"""What of `plan["doctor"]` is given."""


def options(plan: Plan) -> dict[str, Any]:
    """Every option of a run as `zerosum.train` takes them: training, data, recipe, evaluation, doctor."""
    said = plan["training"]
    training: dict[str, Any] = {name: said[name] for name in TRAINING if said.get(name) is not None}
    evaluation = {name: plan["evaluation"][name] for name in EVALUATION if name in plan.get("evaluation", {})}
    doctor = {name: plan["doctor"][name] for name in DOCTOR if name in plan.get("doctor", {})}
    return {**training, **plan["data"].get("options", {}), **plan["options"], **evaluation, **doctor}


def defaults(plan: Plan) -> dict[str, Any]:
    """What data and recipe take when nothing is said."""
    from zerosum.data import DataOptions
    from zerosum.recipes import names, recipe
    from zerosum.recipes.options import options as options_of
    from zerosum.runs.doctoring import Doctoring
    from zerosum.runs.judging import Wishes

    data: dict[str, Any] = {field.name: field.default for field in fields(DataOptions)}
    own = options_of(recipe(plan["recipe"]), plan["data"].get("kind")) if plan["recipe"] in names() else {}
    usual = {name: option.default for name, option in own.items() if name not in TRAINING}
    return data | usual | asdict(Wishes()) | {name: getattr(Doctoring(), name) for name in DOCTOR}


def train_command(plan: Plan) -> str:
    """The command line that trains the same again; what is as by default is left out."""
    words = ["zerosum", "train", plan["recipe"], "--data", plan["data"]["name"]]
    usual = defaults(plan)
    for name, value in options(plan).items():
        if name not in usual or as_declared(value) != usual[name]:
            words += flag(name, value)
    return shlex.join(words)


def train_call(plan: Plan) -> str:
    """The same in Python, with every option spelled out."""
    given = "".join(f"    {name}={as_declared(value)!r},\n" for name, value in options(plan).items())
    return (
        f"import zerosum\n\nrun = zerosum.train(\n    {plan['recipe']!r},\n    data={plan['data']['name']!r},\n{given})"
    )


def resume_command(run: Path, length_samples: int | None = None) -> str:
    """The command line that goes on with a run, to another length where one is given."""
    longer = [] if length_samples is None else flag("length_samples", length_samples)
    return shlex.join(["zerosum", "resume", str(run), *longer])


def sample_command(run: Path, n: int = 64) -> str:
    """The command line that draws samples from a run."""
    return shlex.join(["zerosum", "sample", str(run), "--n", str(n), "--out", "samples.png"])


def evaluate_command(run: Path) -> str:
    """The command line that measures a run."""
    return shlex.join(["zerosum", "evaluate", str(run)])


def flag(name: str, value: Any) -> list[str]:
    """An option as words of a command line.

    >>> flag("learning_rate", 2e-4), flag("flip", False), flag("betas", [0.5, 0.9]), flag("clip", None)
    (['--learning-rate', '0.0002'], ['--no-flip'], ['--betas', '0.5', '0.9'], ['--clip', 'None'])
    """
    dashed = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{dashed}" if value else f"--no-{dashed}"]
    values = value if isinstance(value, list | tuple) else [value]
    return [f"--{dashed}", *map(str, values)]


def short(value: Any) -> str:
    """A value as a person reads it in a table.

    >>> short([0.5, 0.999]), short(None), short(True), short(200_000), short({"a": 1})
    ('0.5, 0.999', '–', 'yes', '200,000', 'a = 1')
    """
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {short(entry)}" for name, entry in value.items())
    return ", ".join(map(short, value)) if isinstance(value, list | tuple) else str(value)


def as_declared(value: Any) -> Any:
    """JSON has lists where options are tuples."""
    return tuple(value) if isinstance(value, list) else value
