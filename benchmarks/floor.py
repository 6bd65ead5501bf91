"""The floor of every metric: real samples that nothing was trained on, scored as if a generator had made them.

`held-out`: the held-out split in two random halves, one the reference, the other scored. No generator can be expected
to do better at these numbers of samples. `train`: as many training samples as there are held-out ones, against the
whole held-out split: what a generator would get that does nothing but copy. A density has no training set; both halves
are drawn from it.

Feature networks are those of an evaluation: the classifier trained on the whole training split, `raw` for points. The
intervals are kept beside the records.
"""

import math
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

import curves
from curves import Curves, Point
from records import Case, Measured, parse, run
from zerosum.data import Data, open_data
from zerosum.draw import Draw
from zerosum.metrics import evaluation
from zerosum.metrics.networks import network
from zerosum.metrics.records import Record
from zerosum.metrics.statistics import Shown
from zerosum.runs.evaluating import modes_of, reference, trained_on

BENCHMARK = "floor"
POINTS = 2_500
"""Of each half, as VEEGAN and PacGAN have it."""
TRIAL_SAMPLES, TRIAL_METRICS = 60, ("fd", "kid", "precision", "recall")


def chosen(samples: Shown, rows: Tensor) -> Shown:
    """Some of them, in this order."""
    parts = list(samples.chunks())
    values = torch.cat([part for part, _ in parts])[rows]
    known = [labels for _, labels in parts if labels is not None]
    labels = torch.cat(known)[rows] if known else None

    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        yield values, labels

    return Shown(samples.space, len(rows), chunks, samples.about)


def sides(data: Data, scored: str, seed: int) -> tuple[Shown, Shown]:
    """What is scored, and the reference."""
    held_out, draw = reference(data, "held-out", n=2 * POINTS), Draw("floor", data.name, seed)
    if scored == "train":
        train = reference(data, "train")
        return chosen(train, draw.permutation(train.n)[: held_out.n]), held_out
    first, second = draw.permutation(held_out.n)[: held_out.n // 2 * 2].chunk(2)
    return chosen(held_out, first), chosen(held_out, second)


def scored_as_if_generated(data: Data, scored: str, seed: int, trial: bool) -> list[Record]:
    """Every metric that can be had; a trial asks for a few, of few samples."""
    generated, real = sides(data, scored, seed)
    if trial:
        generated, real = (chosen(side, torch.arange(TRIAL_SAMPLES)) for side in (generated, real))
    return evaluation.evaluate(
        generated,
        real,
        network=network("auto", data),
        metrics=TRIAL_METRICS if trial else None,
        train=trained_on(data, "held-out"),
        modes=modes_of(data),
        seed=seed,
    )


def points(records: list[Record]) -> Curves:
    """Results by their plain names, as curves of one point."""
    return {record.metric.partition("[")[0]: [point(record)] for record in records}


def point(record: Record) -> Point:
    """A result with its interval; what is not known is as wide as can be."""
    interval = record.interval
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return Point(
        strength=0.0,
        value=math.nan if record.value is None else record.value,
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
    )


def measure(seed: int, trial: bool, *, case: str, data: str, scored: str, keep: Path | None) -> Measured:
    """Score, and keep the intervals in the folder `keep`."""
    records = scored_as_if_generated(open_data(data, progress=False), scored, seed, trial)
    found = points(records)
    if keep is not None and not trial:
        curves.write(curves.path_of(keep, case, seed), found)
    return Measured(
        {"scored": records[0].n_generated, "reference": records[0].n_real}
        | {name: point.value for name, (point,) in found.items()}
    )


def case(data: str, scored: str, keep: Path | None) -> Case:
    """A data set and which of its samples are scored."""
    name = f"{data}-{scored}"
    return Case(
        name=name,
        measure=partial(measure, case=name, data=data, scored=scored, keep=keep),
        options={"data": data, "scored": scored, "points": POINTS},
    )


def cases(keep: Path | None = None) -> list[Case]:
    """All of them; intervals are kept in the folder `keep`, if one is given."""
    splits = {"held-out": ("digits", "glyphs", "ring", "grid"), "train": ("digits", "glyphs")}
    return [case(data, scored, keep) for scored, sets in splits.items() for data in sets]


if __name__ == "__main__":
    folder = parse(BENCHMARK, __doc__, cases(), sys.argv[1:]).results
    run(BENCHMARK, __doc__, cases(folder / BENCHMARK))
