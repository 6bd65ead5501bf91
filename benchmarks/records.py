"""Cases that are measured, and the records that are kept of them: one JSON file a case and seed.

A record is kept for as long as the case's options and those sources of zerosum that were used stay what they were, so
that a benchmark can be run in pieces. A change of a benchmark's or a judge's own code asks for `--force`.
"""

import argparse
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from PIL import Image

from provenance import code, files, machine, present

RESULTS = Path(__file__).resolve().parent / "results"
Record = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """What a figure must reach.

    Args:
        low, high: bounds, both allowed; None where there is none.
        every: whether every seed must reach it, or their mean.
    """

    low: float | None = None
    high: float | None = None
    every: bool = False


@dataclass(frozen=True)
class Measured:
    """What came out of one case with one seed: figures by name, and a picture to look at."""

    figures: Mapping[str, float]
    picture: Image.Image | None = None


@dataclass(frozen=True)
class Case:
    """A row of a benchmark's table.

    Args:
        name: of the row and, with the seed, of its files.
        measure: `(seed, trial) -> Measured`; a trial takes seconds, and its figures mean nothing.
        options: what the figures depend on beside the code, as JSON.
        targets: by name of the figure.
        seeds: how many are played unless the command line says otherwise.
    """

    name: str
    measure: Callable[[int, bool], Measured]
    options: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    seeds: int = 3

    def key(self, seed: int) -> str:
        """Changes when the case does."""
        content = json.dumps([self.name, seed, self.options], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def run(benchmark: str, about: str, cases: Sequence[Case], words: Sequence[str] | None = None) -> None:
    """Measure what is missing, as the command line asks, and print every figure."""
    asked = parse(benchmark, about, cases, words)
    files()  # as they are imported now, whatever is edited meanwhile
    for place, case in enumerate(cases):
        if not any(fnmatchcase(case.name, pattern) for pattern in asked.only):
            continue
        for seed in range(asked.seeds or case.seeds)[asked.first :]:
            path = asked.results / benchmark / f"{case.name}-seed{seed}.json"
            if asked.trial:
                print(line(case, seed, case.measure(seed, True).figures), "(a trial, not recorded)", flush=True)
            elif not asked.force and (kept := read(path)) and valid(kept, case, seed):
                print(line(case, seed, kept["figures"]), "(on record)", flush=True)
            else:
                print(line(case, seed, measure(benchmark, place, case, seed, path)["figures"]), flush=True)


def parse(benchmark: str, about: str, cases: Sequence[Case], words: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog=f"python benchmarks/{benchmark}.py", description=about.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, help="how many, from 0 up; by default what each case asks for")
    parser.add_argument("--first", type=int, default=0, help="seed to begin with; -1 is the last")
    names = [case.name for case in cases]
    parser.add_argument(
        "--only", nargs="+", default=["*"], metavar="CASE", help=f"names or patterns of {', '.join(names)}"
    )
    parser.add_argument("--force", action="store_true", help="measure again what is on record")
    parser.add_argument("--trial", action="store_true", help="a few seconds a case, to see that it runs; no record")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where records are kept")
    asked = parser.parse_args(words)
    for pattern in asked.only:
        if not any(fnmatchcase(name, pattern) for name in names):
            parser.error(f"no case is called {pattern!r}; there are {', '.join(names)}")
    return asked


def measure(benchmark: str, place: int, case: Case, seed: int, path: Path) -> Record:
    """Measure a case and write its record, and its picture beside it."""
    began = time.perf_counter()
    measured = case.measure(seed, False)
    record = {
        "benchmark": benchmark,
        "case": case.name,
        "place": place,
        "seed": seed,
        "key": case.key(seed),
        "options": dict(case.options),
        "figures": {name: value if math.isfinite(value) else None for name, value in measured.figures.items()},
        "targets": {name: asdict(target) for name, target in case.targets.items()},
        "code": code(),
        "machine": machine(),
        "took_seconds": round(time.perf_counter() - began, 1),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    if measured.picture is not None:
        measured.picture.save(path.with_suffix(".png"))
    path.write_text(json.dumps(record, indent=1) + "\n")
    return record


def read(path: Path) -> Record | None:
    """A record, if there is one."""
    return json.loads(path.read_text()) if path.is_file() else None


def valid(record: Record, case: Case, seed: int) -> bool:
    """Whether measuring again would be for nothing."""
    return bool(record["key"] == case.key(seed)) and present(record["code"])


def line(case: Case, seed: int, figures: Mapping[str, float | None]) -> str:
    """Figures on one line."""
    return f"{case.name} seed {seed}: " + ", ".join(f"{name} {number(value)}" for name, value in figures.items())


def number(value: float | None) -> str:
    """A figure in four digits.

    >>> number(0.98765), number(25000.0), number(None), number(8)
    ('0.9877', '25000', 'none', '8')
    """
    if value is None:
        return "none"
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
