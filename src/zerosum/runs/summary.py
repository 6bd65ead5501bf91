"""A run on one screen: what is trained on what, how far it is, where its pictures are, how to go on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from zerosum.metrics.observer import PREFIX, SECONDS, plain
from zerosum.runs.commands import evaluate_command, resume_command, sample_command, short
from zerosum.runs.curves import BESIDES, apart, is_setting
from zerosum.runs.directory import Line, Plan
from zerosum.runs.evaluations import latest
from zerosum.runs.figures import figure, records_table
from zerosum.runs.state import State, duration, read_state

HIDDEN = {"samples_seen", "seconds", "samples_per_second", *BESIDES, SECONDS}


def summary(run: Path) -> RenderableType:
    """What `zerosum show RUN` prints.

    Raises:
        UserError: the plan cannot be read.
    """
    state = read_state(run)
    return Group(plan_tables(state.plan), _progress(state), _figures(state), _metrics(state), _places(state))


def plan_tables(plan: Plan) -> RenderableType:
    """A plan as tables: recipe and data, how it is trained, the recipe's options."""
    data = plan["data"]
    title = Text.assemble((plan["recipe"], "bold"), " on ", (data["name"], "bold"))
    return Group(
        title,
        table("imported", flat(plan.get("imported", {}))),
        table("data", {name: value for name, value in data.items() if name not in ("name", "options") and value != []}),
        table("data options", data.get("options", {})),
        table("training", plan["training"]),
        table("options", plan["options"]),
        table("evaluation", evaluation(plan)),
        table("doctor", plan.get("doctor", {})),
    )


def flat(imported: Mapping[str, Any]) -> dict[str, Any]:
    """Where imported networks come from, a line each."""
    return {name: value for name, value in imported.items() if name != "networks"} | dict(imported.get("networks", {}))


def evaluation(plan: Plan) -> dict[str, Any]:
    """What is measured on the way."""
    said = plan.get("evaluation", {})
    settled = said.get("settled")
    if not settled:
        return {"evaluate": "off"} if said else {}
    own = {name: value for name, value in said.items() if name not in ("settled", "best", "evaluate")}
    return {**settled, **own}


def table(title: str, rows: Mapping[str, Any]) -> RenderableType:
    """Names and values under a title; nothing where there are no rows. Lines are not folded, so paths can be copied."""
    if not rows:
        return Group()
    width = max(map(len, rows))
    lines = [Text.assemble("  ", (name.ljust(width), "cyan"), "  ", short(value)) for name, value in rows.items()]
    return Group("", Text(title, style="bold"), *lines)


def places(run: Path) -> RenderableType:
    """Where a run's pictures and report are, how to go on with it and how to use it."""
    return _places(read_state(run))


def _progress(state: State) -> RenderableType:
    return table(
        "progress",
        {
            "samples seen": f"{state.samples_seen:,} of {state.length_samples:,} ({state.share:.0%})",
            "time": duration(state.last("seconds") or 0.0),
            "samples/s": short(state.last("samples_per_second")),
            "checkpoints": ", ".join(path.name.lstrip("0") or "0" for path in state.checkpoints) or "none",
        }
        | _best(state),
    )


def _best(state: State) -> dict[str, str]:
    """The best checkpoint with the metric that tells it, where one was kept."""
    if state.best is None:
        return {}
    named = ((state.plan.get("evaluation") or {}).get("settled") or {}).get("best")
    figures = [
        f"{name.removeprefix(PREFIX)} {figure(value)}"
        for name, value in state.at(state.best).items()
        if plain(name) == named
    ]
    return {"best": " · ".join([f"{state.best:,}", *figures])}


def _figures(state: State) -> RenderableType:
    latest: Line = {}
    for part in apart(state.log):
        latest |= part[-1] if part else {}
    figures = {name: value for name, value in latest.items() if name not in HIDDEN and not is_setting(name)}
    return table("last figures", {n: "not finite" if value is None else f"{value:.4g}" for n, value in figures.items()})


def _metrics(state: State) -> RenderableType:
    found = latest(state.records)
    return Group("", Text("metrics", style="bold"), records_table(found)) if found else Group()


def _places(state: State) -> RenderableType:
    rows: dict[str, str] = {}
    if state.snapshots:
        rows["samples"] = str(next(reversed(state.snapshots.values())))
    if (state.path / "report.html").is_file():
        rows["report"] = str(state.path / "report.html")
    if state.plan.get("resumable", True):
        rows["sample"] = sample_command(state.path)
        if "imported" not in state.plan:  # which has neither data nor a training
            rows["evaluate"] = evaluate_command(state.path)
            rows["resume"] = resume_command(state.path, state.longer)
    else:
        rows["resume"] = "from Python only: the run has networks, data or a game of the user's own"
    return table("use", rows)
