"""Writes `docs/tricks-measured.md` from the records of `tricks.py`: tricks against mode collapse, seed by seed."""

import math
import statistics
from collections.abc import Mapping, Sequence

import tricks
from records import RESULTS, Record, number
from results import circumstances, grouped, load

PAGE = RESULTS.parents[1] / "docs" / "tricks-measured.md"
FIGURES = {"modes": "modes", "hq": "HQ", "reverse_kl": "reverse KL"}
HIGHER = {"modes": 1, "hq": 1, "reverse_kl": -1}
"""Which way is better."""
CLEAR = 2.0
"""Standard errors that a mean difference must be away from 0 to be called one."""

HEAD = """# Tricks, measured

Plain `gan` on the ring (8 modes) and the grid (25 modes), and with one [trick](tricks.md) at a time, each with
{seeds} seeds that were trained side by side. The protocol of judging is that of VEEGAN and PacGAN: 2,500 samples,
those within three standard deviations of a mode are of high quality (HQ), modes that have one are found; the reverse
KL divergence is over modes, of seeds that have any. Means ± standard errors.

Seed by seed, generators begin with the same weights and see the same samples in the same order (but for `pac-3`, whose
batches have 126 samples and not 128), so what a trick is
worth is the mean of the differences to plain; *better* and *worse* count seeds. A difference of less than two
standard errors is called none. Networks, rates and length are those of `benchmarks/tricks.py`, the same for all
tricks; another length or learning rate may tell another story, as may a trick's own strength.

Minibatch discrimination, which compares all pairs of a batch, is not among them: ten seeds of it take too long.

Made by `python benchmarks/tricks_page.py`.
"""


def main() -> None:
    """Write the page."""
    records = grouped(load(RESULTS), "benchmark").get(tricks.BENCHMARK, [])
    by_case = grouped(records, "case")
    seeds = max((len(same) for same in by_case.values()), default=0)
    parts = [HEAD.format(seeds=seeds), *(section(data, by_case) for data in tricks.DATA), "## Measured on", ""]
    parts += circumstances(tricks.BENCHMARK, records) if records else ["Nothing is on record yet."]
    PAGE.write_text("\n".join(parts) + "\n")
    print(PAGE)


def section(data: str, by_case: Mapping[str, Sequence[Record]]) -> str:
    """One mixture: figures, and differences to plain."""
    plain = by_case.get(f"{tricks.PLAIN}-{data}", [])
    known = [name for name in tricks.TRICKS if f"{name}-{data}" in by_case]
    head = ["trick", *FIGURES.values(), *(f"Δ {said}" for said in FIGURES.values()), "better / worse", "verdict"]
    rows = [row(name, by_case[f"{name}-{data}"], plain) for name in known]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])
    return f"## {data}\n\n{table}\n"


def row(name: str, records: Sequence[Record], plain: Sequence[Record]) -> list[str]:
    """A trick's figures, and what it is worth."""
    absolute = [mean_and_error(list(of_seeds(records, figure).values())) for figure in FIGURES]
    cells = [f"`{name}`", *(shown(*found) for found in absolute)]
    if name == tricks.PLAIN:
        return [*cells, *[""] * (len(FIGURES) + 2)]
    apart = {figure: differences(records, plain, figure) for figure in FIGURES}
    modes = apart["modes"]
    counts = f"{sum(d > 0 for d in modes)} / {sum(d < 0 for d in modes)}"
    return [*cells, *(shown(*mean_and_error(d), sign="+") for d in apart.values()), counts, verdict(apart)]


def differences(records: Sequence[Record], plain: Sequence[Record], figure: str) -> list[float]:
    """With the trick less without, of each seed that both have."""
    found, without = (of_seeds(some, figure) for some in (records, plain))
    return [value - without[seed] for seed, value in found.items() if seed in without]


def of_seeds(records: Sequence[Record], figure: str) -> dict[int, float]:
    """A figure by seed, of those that have it: without a single good sample there is no divergence over modes."""
    found = {record["seed"]: record["figures"][figure] for record in records}
    return {seed: value for seed, value in found.items() if value is not None}


def verdict(apart: Mapping[str, Sequence[float]]) -> str:
    """What is clearly better, and what clearly worse."""
    said = []
    for figure, values in apart.items():
        mean, error = mean_and_error(values)
        if abs(mean) > CLEAR * error:
            better = mean * HIGHER[figure] > 0
            said.append(f"{FIGURES[figure]} {'better' if better else 'worse'}")
    return ", ".join(said) or "no difference"


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return statistics.fmean(values) if values else math.nan, error


def shown(mean: float, error: float, sign: str = "") -> str:
    """In words: `7.5 ± 0.3`."""
    if math.isnan(mean):
        return "none"
    return f"{'+' if sign and mean > 0 else ''}{number(mean)} ± {error:.2g}"


if __name__ == "__main__":
    main()
