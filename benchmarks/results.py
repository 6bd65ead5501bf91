"""Writes `benchmarks/RESULTS.md` from the records: a table a benchmark, with what it was measured on."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from provenance import present
from records import RESULTS, Record, number, read

HEAD = """# Measured figures

Made by `python benchmarks/results.py` from the records in `benchmarks/results/`, where pictures lie beside them; how to
measure again: [README](README.md). Figures are means over seeds ± standard deviation. A target holds for the mean, or
for every seed where it says so; a figure without a target is there for comparison.
"""


def main() -> None:
    """Write the page."""
    page = RESULTS.parent / "RESULTS.md"
    page.write_text(text(load(RESULTS)))
    print(page)


def load(folder: Path) -> list[Record]:
    """All records, in the order of benchmarks, cases and seeds."""
    records = [record for path in folder.glob("*/*.json") if (record := read(path))]
    return sorted(records, key=lambda r: (r["benchmark"], r["place"], r["case"], r["seed"]))


def text(records: Sequence[Record]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(name, rows) for name, rows in grouped(records, "benchmark").items())])


def section(benchmark: str, records: Sequence[Record]) -> str:
    """One benchmark: how it was measured, and its table."""
    rows = grouped(records, "case").values()
    names = list(dict.fromkeys(name for record in records for name in record["figures"]))
    head = ["case", "seeds", *(name.replace("_", " ") for name in names), "target", "result"]
    body = [[*row(cases, names), *judged(cases)] for cases in rows]
    table = [head, ["---"] * len(head), *body]
    lines = [f"## {benchmark}", "", *circumstances(benchmark, records), ""]
    return "\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in table), ""])


def circumstances(benchmark: str, records: Sequence[Record]) -> list[str]:
    """The command, the code and the machine."""
    commits = {f"{r['code']['commit']}{'' if r['code']['committed'] else ' with changes'}" for r in records}
    machines = {
        "{processor}, {cores} cores, {threads} threads, torch {torch}, Python {python}".format(**r["machine"])
        for r in records
    }
    return [
        f"- `python benchmarks/{benchmark}.py`, in all {sum(r['took_seconds'] for r in records) / 60:.1f} minutes",
        f"- commit {', '.join(sorted(commits))}",
        *(f"- {machine}" for machine in sorted(machines)),
    ]


def row(records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """A case's name, its seeds and its figures."""
    return [records[0]["case"], str(len(records)), *(cell([r["figures"].get(name) for r in records]) for name in names)]


def cell(values: Sequence[float | None]) -> str:
    """Mean and spread of a figure; nothing where a case has not got it."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    mean = number(statistics.fmean(known))
    spread = f" ± {statistics.stdev(known):.2g}" if len(known) > 1 else ""
    return mean + spread + (f" ({len(values) - len(known)} not finite)" if len(known) < len(values) else "")


def judged(records: Sequence[Record]) -> list[str]:
    """The targets of a case, and whether they are reached."""
    targets: Mapping[str, Mapping[str, Any]] = records[-1]["targets"]
    short = [name for name, target in targets.items() if not reached([r["figures"].get(name) for r in records], target)]
    said = "; ".join(f"{name.replace('_', ' ')} {worded(target)}" for name, target in targets.items())
    result = f"short: {', '.join(short).replace('_', ' ')}" if short else "pass" if targets else ""
    earlier = not all(present(record["code"]) for record in records)
    return [said, f"{result} (earlier sources)" if earlier else result]


def reached(values: Sequence[float | None], target: Mapping[str, Any]) -> bool:
    """Whether the mean of `values`, or each of them, lies within the target; what is not finite never does."""
    finite = [math.nan if value is None else value for value in values]
    held = finite if target["every"] else [statistics.fmean(finite)]
    low = -math.inf if target["low"] is None else target["low"]
    high = math.inf if target["high"] is None else target["high"]
    return all(low <= value <= high for value in held)


def worded(target: Mapping[str, Any]) -> str:
    """A target in words.

    >>> worded({"low": 0.85, "high": 1.15, "every": False}), worded({"low": 8, "high": None, "every": True})
    ('0.85 to 1.15', '≥ 8 each')
    """
    low, high = target["low"], target["high"]
    if low is not None and high is not None:
        bounds = f"{low:g} to {high:g}"
    else:
        bounds = f"≥ {low:g}" if high is None else f"≤ {high:g}"
    return bounds + (" each" if target["every"] else "")


def grouped(records: Sequence[Record], name: str) -> dict[str, list[Record]]:
    """Records by one of their entries."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record[name], []).append(record)
    return found


if __name__ == "__main__":
    main()
