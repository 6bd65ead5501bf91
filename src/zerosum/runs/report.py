"""One page that shows a run: pictures over time, curves, options, and how to do it again.

The page holds everything it needs (pictures as data URIs, style and script inline), asks no server for anything, and
opens from a file.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zerosum.diagnosis.beforehand import illustrated
from zerosum.metrics.observer import NAME
from zerosum.runs.commands import evaluate_command, resume_command, sample_command, train_call, train_command
from zerosum.runs.curves import charts
from zerosum.runs.diagnosing import Diagnosis, of_run
from zerosum.runs.evaluations import latest
from zerosum.runs.figures import features, figure, interval
from zerosum.runs.findings import bands
from zerosum.runs.findings_page import view
from zerosum.runs.norms import Norms
from zerosum.runs.pages import data_of_picture, fill, write_page
from zerosum.runs.pictures import data_uri, evenly, size
from zerosum.runs.rounds import round_times, told
from zerosum.runs.state import State, duration, read_state
from zerosum.runs.summary import evaluation
from zerosum.runs.treatments import attempts

PIXELATED_BELOW = 700
"""Grids narrower than this are enlarged without smoothing: a reader wants to see the samples' own pixels."""


def write_report(run: Path, norms: Norms | None = None) -> Path:
    """Write `report.html` into a run directory and return its path. An older page is replaced in one step.

    Args:
        run: the directory.
        norms: spectral norms of its networks, to be shown among the findings.

    Raises:
        UserError: the plan cannot be read, or the page cannot be written.
    """
    return write_page(run / "report.html", render(read_state(run), norms))


def render(state: State, norms: Norms | None = None) -> str:
    """The page as text."""
    found = of_run(state)
    return fill(
        "report.html",
        state=state,
        plan=state.plan,
        facts=_facts(state),
        tables=_tables(state),
        findings=_findings(state, found),
        attempts=attempts(state),
        norms=norms,
        pictures=_pictures(state),
        metrics=_metrics(state),
        curves=_curves(state, found),
        commands=_commands(state),
    )


def _facts(state: State) -> dict[str, str]:
    """The few figures that stand at the head of the page."""
    training, seconds = state.plan["training"], state.last("seconds")
    speed = state.samples_seen / seconds if seconds else None
    return {
        "samples seen": f"{state.samples_seen:,}",
        "of the plan": f"{state.share:.0%}",
        "time": duration(seconds) if seconds is not None else "–",
        "samples/s": f"{speed:,.0f}" if speed else "–",
        "device": f"{training.get('device', '–')} · {training.get('precision', '–')}",
    }


def _tables(state: State) -> dict[str, dict[str, Any]]:
    plan = state.plan
    data = _without(plan["data"], "options") | plan["data"].get("options", {})
    revisions = {
        f"at {entry['samples_seen']:,}": _without(entry, "samples_seen") for entry in plan.get("revisions", [])
    }
    found = {
        "Options": plan["options"],
        "Data": {name: value for name, value in data.items() if value != []},
        "Training": plan["training"],
        "Evaluation on the way": _evaluation(state),
        "Time of a round": told(round_times(state.log, plan["training"].get("batch_size", 1))),
        "Versions": plan.get("versions", {}),
        "Changes of plan": revisions,
    }
    return {title: rows for title, rows in found.items() if rows}


def _evaluation(state: State) -> dict[str, Any]:
    """What was measured while training, and what the figures depend on."""
    try:
        record = json.loads((state.path / NAME).read_text())
        pace = record["pace"]
    except (OSError, ValueError, KeyError, TypeError):
        return evaluation(state.plan)
    conditions = pace.get("conditions", {})
    facts = {name: pace.get(name) for name in ("n", "every_samples", "why", "seconds")}
    return evaluation(state.plan) | facts | {name: value for name, value in conditions.items() if value}


def _findings(state: State, found: Diagnosis) -> dict[str, Any]:
    """What the doctor finds in the log and found in the data."""
    watched = state.plan.get("doctor", {}).get("doctor", "off") != "off"
    pictures = [(one, None if path is None else data_of_picture(path)) for one, path in illustrated(state.path)]
    return view(
        found.findings,
        course=found.course,
        until=state.samples_seen,
        snapshots=state.snapshots,
        illustrated=pictures,
        notes=found.notes if watched else (),
    )


def _pictures(state: State) -> dict[str, Any]:
    """Snapshots over time and the real grid, as data URIs; empty where there are none."""
    chosen = {seen: state.snapshots[seen] for seen in evenly(list(state.snapshots))}
    sizes = {path: size(path) for path in [*chosen.values(), *([state.real] if state.real else [])]}
    whole = [found for found in sizes.values() if found is not None]
    return {
        "steps": [{"samples_seen": seen, "src": data_uri(path)} for seen, path in chosen.items() if sizes[path]],
        "real": data_uri(state.real) if state.real and sizes[state.real] else None,
        "pixelated": state.plan["data"].get("kind") == "images" and any(width < PIXELATED_BELOW for width, _ in whole),
    }


def _metrics(state: State) -> list[dict[str, Any]]:
    """The latest record of each metric, with its pictures as data URIs."""
    return [
        {
            "record": record,
            "value": figure(record.value),
            "interval": interval(record),
            "features": features(record),
            "seen": record.generated.get("samples_seen"),
            "pictures": {
                name: source
                for name, path in record.pictures.items()
                if (source := data_of_picture(state.path / path)) is not None
            },
        }
        for record in latest(state.records)
    ]


def _curves(state: State, found: Diagnosis) -> dict[str, Any]:
    samples_seen, drawn = charts(state.log, state.best)
    shaded = bands(found.findings, state.samples_seen)
    key = list({band["letter"]: band for band in shaded}.values())
    return {"x": samples_seen, "charts": [asdict(chart) for chart in drawn], "bands": shaded, "key": key}


def _commands(state: State) -> dict[str, str]:
    """How to repeat, resume and sample; nothing where a run has parts that only its author's Python knows."""
    if not state.plan.get("resumable", True):
        return {}
    if "imported" in state.plan:
        return {"Draw new samples": sample_command(state.path)}
    return {
        "Train the same again": train_command(state.plan),
        "The same in Python, every option spelled out": train_call(state.plan),
        "Go on with this run": resume_command(state.path, state.longer),
        "Draw new samples": sample_command(state.path),
        "Measure how good they are": evaluate_command(state.path),
    }


def _without(entry: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != name}
