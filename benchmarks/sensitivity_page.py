"""Writes `docs/metrics-sensitivity.md` and its plots from the records of `sensitivity.py` and `floor.py`.

What is declared stands in the page in any case; figures only where there are records.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import curves
import floor
import sensitivity
from curves import Curve, Curves, Point
from damage import FAULTS
from records import RESULTS, Record, number
from results import circumstances, grouped, load, reached
from sensitivity import DECLARED, LEFT_OUT, OVERLAP, PICTURES, SEEDS, SEEN
from zerosum.metrics import registry

DOCS = RESULTS.parents[1] / "docs"
PAGE = "metrics-sensitivity.md"
ARROWS = {"up": "↑", "down": "↓", "blind": "blind", "free": "free"}
LOGARITHMIC = ("fd", "support", "sharpness", "spectrum")
SIGNED_LOGARITHMIC = ("kid",)
"""Logarithmic beyond the interval that the value has without a fault."""
COLUMNS = 4
COLOURS = dict(zip(FAULTS, ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"), strict=True))
"""Of lines; told apart by those who see red and green alike (Okabe & Ito)."""

HEAD = """# What metrics see

Real pictures, made worse in known ways, are scored as if a generator had made them: does each metric see what it
should, and does it keep still otherwise? And what does it say of real samples without any fault?

Made by `python benchmarks/sensitivity_page.py` from the records of `benchmarks/sensitivity.py` and
`benchmarks/floor.py`. What the metrics are: [metrics](metrics.md).
"""

HOW = """## How it is measured

Three sets of real pictures are kept apart: the held-out split, which is the reference; one random half of the training
split, which the feature network `classifier` is trained on and which memorised pictures are copies of; and the other
half, to which faults are done. As many pictures are scored as the reference has: {pictures}.
Each fault has six strengths, the first of which is none:

{faults}

- *Sees*, ↑ or ↓: Spearman's rank correlation ρ between value and strength is at least {seen:g} in this direction.
- *Blind*: the 95 % interval of the value overlaps the one without a fault, at every strength. The figure is the largest
  change over the two half-widths that face each other: up to {overlap:g} they overlap.
- *Free*: neither is claimed, for the reason that stands beside it.

Rank correlations and changes are means over {seeds} seeds, each with halves and a network of its own; `tstr`, which
trains a classifier for each value, has one seed. Intervals take samples for independent, which repeated ones are not.

What must be seen was written down before it was measured, from what each metric is. It is not changed afterwards:
where the figures say otherwise, the cell says so.
"""

NONE_YET = """## Measured

Nothing is on record yet.
"""


def main() -> None:
    """Write the page and the plots that there are figures for."""
    (DOCS / PAGE).write_text(page(RESULTS, DOCS / "pictures"))
    print(DOCS / PAGE)


def page(results: Path, pictures: Path) -> str:
    """The whole page; plots are put into the folder `pictures`."""
    records = grouped(load(results), "benchmark")
    seen = Seen(records.get(sensitivity.BENCHMARK, []), results / sensitivity.BENCHMARK)
    scored = records.get(floor.BENCHMARK, [])
    parts = [HEAD, how(), declared()]
    parts += [measured(data, seen, pictures) for data in PICTURES if seen.of(data)]
    parts += [missed(seen)] if seen.records else []
    parts += [of_floor(scored, results / floor.BENCHMARK)] if scored else []
    parts += [measured_on(seen.records, scored)] if seen.records or scored else [NONE_YET]
    return "\n".join(parts)


class Seen:
    """Records of the ladder, by cell.

    Args:
        records: of all cases.
        folder: where they are, with their curves.
    """

    def __init__(self, records: Sequence[Record], folder: Path) -> None:
        self.records = records
        self.folder = folder

    def of(self, data: str) -> list[Record]:
        """Those of a data set."""
        return [record for record in self.records if record["options"]["data"] == data]

    def figure(self, data: str, fault: str, name: str) -> list[float | None]:
        """A figure of every seed; none where it was not measured."""
        rows = [record for record in self.of(data) if record["options"]["fault"] == fault]
        return [record["figures"][name] for record in rows if name in record["figures"]]

    def curves(self, data: str, fault: str, name: str) -> list[Curve]:
        """The curve of every seed."""
        rows = [record for record in self.of(data) if record["options"]["fault"] == fault]
        found = [curves.read(curves.path_of(self.folder, record["case"], record["seed"])) for record in rows]
        return [each[name] for each in found if name in each]

    def holds(self, data: str, fault: str, name: str) -> bool | None:
        """Whether a cell is as declared; None where nothing was declared or measured."""
        for figure, bounds in sensitivity.target(name, DECLARED[name].under(fault)).items():
            values = self.figure(data, fault, figure)
            return reached(values, vars(bounds)) if values else None
        return None


def how() -> str:
    """The protocol."""
    counts = " and ".join(f"{n} of {data}" for data, n in PICTURES.items())
    rows = [
        [name, meaning, ", ".join(f"{strength:g}" for strength in ladder)]
        for name, (_, ladder, meaning) in FAULTS.items()
    ]
    return HOW.format(
        pictures=counts,
        faults=table(["fault", "strength", "ladder"], rows),
        seen=SEEN,
        overlap=OVERLAP,
        seeds=SEEDS,
    )


def declared() -> str:
    """What each metric must do, and why."""
    rows = [
        [f"`{name}`", *(ARROWS[each.under(fault)] for fault in FAULTS), each.why] for name, each in DECLARED.items()
    ]
    left_out = "; ".join(
        f"{', '.join(f'`{name}`' for name, why in LEFT_OUT.items() if why == reason)}: {reason}"
        for reason in dict.fromkeys(LEFT_OUT.values())
    )
    lines = ["## Declared", "", table(["metric", *FAULTS, "because"], rows), "", f"Not on the ladder: {left_out}.", ""]
    return "\n".join(lines)


def measured(data: str, seen: Seen, pictures: Path) -> str:
    """The table and the plots of a data set."""
    rows = [[f"`{name}`", *(cell(seen, data, fault, name) for fault in FAULTS)] for name in DECLARED]
    verdicts = [seen.holds(data, fault, name) for name in DECLARED for fault in FAULTS]
    known = [verdict for verdict in verdicts if verdict is not None]
    path = pictures / f"sensitivity-{data}.png"
    plot(data, seen).save(path, optimize=True)
    lines = [
        f"## Measured: {data}",
        "",
        f"{sum(known)} of {len(known)} cells are as declared; those that are not are **bold**.",
        "",
        table(["metric", *FAULTS], rows),
        "",
        f"![Every metric under every fault on {data}](pictures/{path.name})",
        "",
        "Lines are means over seeds, bands the mean 95 % intervals, the dashed line the value without a fault: the "
        "floor at these numbers of samples.",
        "",
    ]
    return "\n".join(lines)


def cell(seen: Seen, data: str, fault: str, name: str) -> str:
    """What was declared and measured; empty where nothing was measured."""
    rho, moved = (mean(seen.figure(data, fault, f"{figure}_{name}")) for figure in ("rho", "change"))
    if rho is None and moved is None:
        return ""
    expected = DECLARED[name].under(fault)
    figures = {"blind": change_of(moved), "free": f"{rho_of(rho)}, {change_of(moved)}"}
    text = f"{ARROWS[expected]} {figures.get(expected, rho_of(rho))}"
    if seen.holds(data, fault, name) is not False:
        return text
    other = f", {rho_of(rho)}" if expected == "blind" else f", {change_of(moved)}"
    return f"**declared {text}{other}**"


def rho_of(value: float | None) -> str:
    """A rank correlation."""
    return "ρ none" if value is None else f"ρ {value:.2f}"


def change_of(value: float | None) -> str:
    """A change in units of the intervals."""
    return "without bound" if value is None else f"{value:.2f} ×"


def mean(values: Sequence[float | None]) -> float | None:
    """Of values that are all finite; None otherwise."""
    finite = [value for value in values if value is not None]
    return statistics.fmean(finite) if finite and len(finite) == len(values) else None


def missed(seen: Seen) -> str:
    """Cells that are not as declared, in words."""
    lines = [
        f"- `{name}` under {fault} on {data}: {cell(seen, data, fault, name).strip('*')}"
        for name in DECLARED
        for fault in FAULTS
        for data in PICTURES
        if seen.holds(data, fault, name) is False
    ]
    return "\n".join(["## Not as declared", "", *(lines or ["None."]), ""])


def of_floor(records: Sequence[Record], folder: Path) -> str:
    """What metrics say of real samples."""
    rows = grouped(records, "case")
    found = {
        case: [curves.read(curves.path_of(folder, case, record["seed"])) for record in of_case]
        for case, of_case in rows.items()
    }
    names = [name for name in registry.results() if any(name in each for some in found.values() for each in some)]
    body = [[f"`{name}`", better(name), *(bounded(some, name) for some in found.values())] for name in names]
    numbers = [
        f"{number(of_case[0]['figures']['scored'])} against {number(of_case[0]['figures']['reference'])}"
        for of_case in rows.values()
    ]
    lines = [
        "## The floor",
        "",
        "Real samples scored as if generated. `held-out`: one random half of the held-out split against the other; no "
        "generator can be expected to do better at these numbers of samples. `train`: training samples against the "
        "held-out split; what a generator gets that only copies. Means over seeds, with the means of the bounds of "
        "the 95 % interval where a metric has one.",
        "",
        table(["metric", "better", *rows], [["samples", "", *numbers], *body]),
        "",
    ]
    return "\n".join(lines)


def better(name: str) -> str:
    """Which way a result should go."""
    return {"lower": "↓", "higher": "↑", "as-real": "≈"}[registry.results()[name].results[name]]


def bounded(found: Sequence[Curves], name: str) -> str:
    """Mean value, and mean bounds where they are finite; empty where a case has not got the metric."""
    here = [each[name][0] for each in found if name in each]
    if not here:
        return ""
    point = averaged(here)
    sides = [number(point.low), number(point.high)] if math.isfinite(point.low + point.high) else []
    return number(point.value if math.isfinite(point.value) else None) + (f" ({' to '.join(sides)})" if sides else "")


def averaged(same: Sequence[Point]) -> Point:
    """The mean of points of one strength."""
    keys = ("strength", "value", "low", "high")
    return Point(**{key: statistics.fmean(getattr(point, key) for point in same) for key in keys})


def measured_on(*of_benchmarks: Sequence[Record]) -> str:
    """Commands, code and machines."""
    lines = [line for records in of_benchmarks if records for line in circumstances(records[0]["benchmark"], records)]
    return "\n".join(["## Measured on", "", *lines, ""])


def table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    head = list(head)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def plot(data: str, seen: Seen) -> Image.Image:
    """A panel a metric: its value over the rungs of every fault's ladder."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = math.ceil((len(DECLARED) + 1) / COLUMNS)
    figure = Figure(figsize=(3.1 * COLUMNS, 2.3 * panels), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = list(figure.subplots(panels, COLUMNS).flat)
    for name, axis in zip(DECLARED, axes, strict=False):
        panel(axis, name, {fault: seen.curves(data, fault, name) for fault in FAULTS})
    legend(axes[len(DECLARED) :])
    canvas.draw()
    width, height = canvas.get_width_height()
    drawn = Image.frombuffer("RGBA", (width, height), bytes(canvas.buffer_rgba()), "raw", "RGBA", 0, 1)
    return drawn.convert("RGB").quantize(128)


def panel(axis: Any, name: str, found: Mapping[str, Sequence[Curve]]) -> None:
    """A metric: a line and a band a fault, and what it is without one."""
    axis.set_title(f"{name}  {better(name)}", fontsize=10)
    axis.tick_params(labelsize=8)
    axis.set_xticks(range(6))
    firsts = [curve[0] for of_seeds in found.values() for curve in of_seeds]
    if name in LOGARITHMIC:
        axis.set_yscale("log")
    elif name in SIGNED_LOGARITHMIC and firsts:
        axis.set_yscale("symlog", linthresh=max(abs(point.high) for point in firsts))
    for fault, of_seeds in found.items():
        if of_seeds:
            line = [averaged(same) for same in zip(*of_seeds, strict=True)]
            values, low, high = ([getattr(point, key) for point in line] for key in ("value", "low", "high"))
            rungs = range(len(line))
            bounded = [high if math.isfinite(high) else value for value, high in zip(values, high, strict=True)]
            axis.plot(rungs, values, color=COLOURS[fault], marker="o", markersize=3, linewidth=1.4)
            axis.fill_between(rungs, low, bounded, color=COLOURS[fault], alpha=0.15, linewidth=0)
    if firsts:
        axis.axhline(averaged(firsts).value, color="#444444", linestyle="--", linewidth=0.9)


def legend(axes: Sequence[Any]) -> None:
    """What the colours mean, in the first of the empty panels."""
    from matplotlib.lines import Line2D

    for axis in axes:
        axis.axis("off")
    lines = [Line2D([], [], color=colour, marker="o", markersize=3) for colour in COLOURS.values()]
    without = Line2D([], [], color="#444444", linestyle="--", linewidth=0.9)
    named = [*FAULTS, "no fault"]
    axes[0].legend([*lines, without], named, loc="center", fontsize=9, title="rung of the ladder", frameon=False)


if __name__ == "__main__":
    main()
