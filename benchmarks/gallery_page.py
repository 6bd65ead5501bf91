"""Writes `docs/gallery.md` with its pictures and curves from the records of `gallery.py`."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

import curves
import gallery
from records import RESULTS, Record, number
from results import circumstances, grouped, load
from zerosum.recipes import names
from zerosum.runs.commands import flag

DOCS = RESULTS.parents[1] / "docs"
FOLDER = "gallery"

HEAD = """# Gallery

Every recipe on one protocol: trained on handwritten digits (glyphs, where it translates) of 32 x 32 pixels for some
minutes on a CPU, then scored. Formulas, sources and options: [recipes](recipes.md). Made by `python
benchmarks/gallery_page.py` from the records of `benchmarks/gallery.py`.

Scored are 2,000 samples against the held-out split, in the features of a classifier that was trained on the real
data: the Fréchet distance (lower is better), precision (do samples look real?), recall and coverage (are all kinds
there?). *Real* classes are those that samples were asked to be of (accuracy), and a classifier trained on samples
alone is tested on real pictures (train on synthetic, test on real). Minutes are of a whole run with its evaluations, at
the number of threads that is told at the end. What one seed and some minutes reach is no verdict on a method.
"""
FIGURES = {
    "fd": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "accuracy": "accuracy",
    "tstr": "synthetic → real",
    "minutes": "minutes",
    "gib": "GiB",
    "parameters": "parameters",
}


def main() -> None:
    """Write the page, its pictures and its curves."""
    records = {record["case"]: record for record in grouped(load(RESULTS), "benchmark").get(gallery.BENCHMARK, [])}
    shown = [records[name] for name in names() if name in records]
    (DOCS / "pictures" / FOLDER).mkdir(parents=True, exist_ok=True)
    parts = [HEAD, table(shown), *(section(record) for record in shown), "## Measured on", ""]
    parts += circumstances(gallery.BENCHMARK, shown) if shown else ["Nothing is on record yet."]
    (DOCS / "gallery.md").write_text("\n".join(parts) + "\n")
    print(DOCS / "gallery.md")


def table(records: Sequence[Record]) -> str:
    """All figures side by side."""
    head = ["recipe", *FIGURES.values()]
    rows = [[f"[`{record['case']}`](#{record['case']})", *figures(record)] for record in records]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]) + "\n"


def figures(record: Record) -> list[str]:
    """In the order of the columns; empty where there is none."""
    found = record["figures"]
    return [
        f"{found[name]:,.0f}" if name == "parameters" else number(found[name]) if name in found else ""
        for name in FIGURES
    ]


def section(record: Record) -> str:
    """A recipe: what it is, what it makes, and how it came there."""
    name, seed = record["case"], record["seed"]
    source = RESULTS / gallery.BENCHMARK / f"{name}-seed{seed}.png"
    with Image.open(source) as picture:
        picture.save(DOCS / "pictures" / FOLDER / f"{name}.png", optimize=True)
    lines = [
        f"## `{name}`",
        "",
        f"{names()[name]}; [formula and options](recipes.md#{name}).",
        "",
        f"`{command(record)}`",
    ]
    lines += ["", f"![samples of {name}](pictures/{FOLDER}/{name}.png)"]
    kept = curves.path_of(RESULTS / gallery.BENCHMARK, name, seed)
    if kept.is_file():
        plot(kept, DOCS / "pictures" / FOLDER / f"{name}-curve.png", name)
        lines[-1] += f" ![Fréchet distance of {name} in training](pictures/{FOLDER}/{name}-curve.png)"
    return "\n".join([*lines, ""])


def command(record: Record) -> str:
    """The command line that trains it so."""
    asked = dict(record["options"])
    recipe, data, length = (asked.pop(name) for name in ("recipe", "data", "length"))
    del asked["samples"]
    given = {"length_samples": length, **asked}.items()
    return shlex.join(["zerosum", "train", recipe, "--data", data, *(word for one in given for word in flag(*one))])


def plot(kept: Path, path: Path, name: str) -> None:
    """The Fréchet distance over samples seen."""
    from matplotlib.figure import Figure

    points = curves.read(kept)["fd"]
    figure = Figure(figsize=(4, 2.6), dpi=96, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([point.strength for point in points], [point.value for point in points], color="#0072b2")
    axes.set(xlabel="samples seen", ylabel="Fréchet distance", title=name, yscale="log")
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
