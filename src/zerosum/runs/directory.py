"""Runs on disk: make one, find one again, read its plan and its log.

A run is a directory with a `plan.json`. Nothing here changes what a training wrote.
"""

import contextlib
import itertools
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zerosum.errors import UserError, nearest

FORMAT = 1
"""Version of `plan.json` that is understood."""
PARTS = {"recipe": str, "options": dict, "data": dict, "training": dict, "resumable": bool}
OF_DATA = {"name": str, "kind": str, "shape": list, "fingerprint": str}
"""What a `plan.json` has at least, and its data."""

Plan = dict[str, Any]
Line = dict[str, float | None]


def list_runs(root: str | Path = "runs") -> list[Path]:
    """All runs directly under `root`, by name."""
    root = Path(root)
    return sorted(path.parent for path in root.glob("*/plan.json")) if root.is_dir() else []


def find_run(name_or_path: str | Path, root: str | Path = "runs") -> Path:
    """The directory of the run that is called or lies at `name_or_path`.

    Raises:
        UserError: there is none, with the nearest name; or the directory is no run.
    """
    found = run_at(name_or_path, root)
    if found is None and os.path.exists(name_or_path):
        raise UserError(f"{str(name_or_path)!r} is no run: it holds no plan.json. {_known(root)}")
    if found is None:
        raise nothing_there("run", name_or_path, root)
    return found


def run_at(name_or_path: str | Path, root: str | Path = "runs") -> Path | None:
    """The directory of the run that is called or lies at `name_or_path`; None where there is none."""
    for path in (Path(name_or_path), Path(root) / name_or_path):
        if os.path.isfile(path / "plan.json"):  # False for whatever cannot be a path
            return path
        if path.name == "plan.json" and os.path.isfile(path):
            return path.parent
    return None


def nothing_there(kind: str, name_or_path: str | Path, root: str | Path = "runs") -> UserError:
    """The error to raise where there is nothing at all; `kind` says what would have done."""
    hint = nearest(Path(name_or_path).name, [path.name for path in list_runs(root)])
    return UserError(f"There is no {kind} {str(name_or_path)!r}.{hint} {_known(root)}")


def new_run_directory(out: str | Path | None, recipe: str, data: str, root: str | Path = "runs") -> Path:
    """A new empty directory for a run: `out`, or the next free `root/<recipe>-<data>-<n>`.

    Raises:
        UserError: `out` holds something already (nothing is ever overwritten), or cannot be written.
    """
    try:
        path = _next_free(Path(root), f"{recipe}-{slug(data)}") if out is None else _empty(Path(out))
    except OSError as error:
        raise UserError(f"Cannot write to {str(out or root)!r}: {error.strerror}. Choose another --out.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"Cannot write to {str(path)!r}: permission denied. Choose another --out.")
    return path


def read_plan(run: Path) -> Plan:
    """What `plan.json` says.

    Raises:
        UserError: it cannot be read, or was written by a version of zerosum with another format.
    """
    path = run / "plan.json"
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        found = plan["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read as the plan of a run: {error}.") from error
    if found != FORMAT:
        raise UserError(f"{path} has format {found!r}; this version of zerosum reads format {FORMAT}.")
    missing = _missing(plan, PARTS) or [f"data.{name}" for name in _missing(plan["data"], OF_DATA)]
    if missing:
        raise UserError(
            f"{path} is not whole: {', '.join(missing)} missing. It was not written by zerosum, or changed."
        )
    return dict(plan)


def _missing(found: Plan, wanted: Mapping[str, type]) -> list[str]:
    return [name for name, kind in wanted.items() if not isinstance(found.get(name), kind)]


def read_log(run: Path) -> list[Line]:
    """The figures of `log.jsonl`, oldest first; NaN and infinity become None."""
    return [
        {name: _finite(value) for name, value in line.items() if value is None or isinstance(value, int | float)}
        for line in _lines(run)
        if "note" not in line
    ]


def read_notes(run: Path) -> list[tuple[int, str]]:
    """What happened on the way: (samples seen, text), oldest first."""
    return [(int(line["samples_seen"]), str(line["note"])) for line in _lines(run) if "note" in line]


def slug(data: str) -> str:
    """A short name for a folder from the name of the data, which may be a path.

    >>> slug("digits"), slug("/home/me/My cats.zip"), slug("hf:ylecun/mnist"), slug("../")
    ('digits', 'my-cats', 'mnist', 'data')
    """
    stem = Path(data.removeprefix("hf:")).stem
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40] or "data"


def _known(root: str | Path) -> str:
    names = [path.name for path in list_runs(root)]
    return f"Runs under {root}/: {', '.join(names)}." if names else f"There are no runs under {root}/ yet."


def _next_free(root: Path, stem: str) -> Path:
    """Claims a name by making its directory, so that two runs started at once never share one."""
    root.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = root / f"{stem}-{number}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise AssertionError("unreachable")


def refuse_taken(path: Path) -> None:
    """Raise a UserError for a place of a new run where there is something already."""
    if (path / "plan.json").exists():
        raise UserError(
            f"{str(path)!r} already holds a run. Go on with it by `zerosum resume {path}`, or choose another --out."
        )
    if path.is_file():
        raise UserError(f"{str(path)!r} is a file; a run is a directory. Choose another --out.")
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"{str(path)!r} already exists and is not empty. Choose another --out.")
    if (around := next((one for one in path.absolute().parents if (one / "plan.json").exists()), None)) is not None:
        raise UserError(f"{str(path)!r} lies within the run {str(around)!r}. Choose another --out.")


def _empty(path: Path) -> Path:
    refuse_taken(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _lines(run: Path) -> Iterator[dict[str, Any]]:
    """The lines of the log; one that is not complete is left out: a run may be killed, or go on, while it writes."""
    path = run / "log.jsonl"
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as texts:
        for text in texts:
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict) and isinstance(line.get("samples_seen"), int | float):
                    yield line


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
