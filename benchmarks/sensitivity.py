"""What each metric sees: real pictures under five known faults, each in six strengths, scored as if generated.

Three sets of real pictures are kept apart. The held-out split is the reference. The training split is halved at random
for each seed, variants of one glyph staying together: the feature network is trained on one half, which is also what
memorised pictures are copied from; faults are done to the other half, which neither the network nor the reference
knows. As many pictures as `PICTURES` says are the reference, and as many are scored.

What a metric is by definition says what it must do under a fault (`DECLARED`, which stood here before anything was
measured):

- it *sees* the fault where Spearman's rank correlation of its value with the strength is at least .9, in the direction
  declared: up or down;
- it is *blind* to it where the 95 % interval of its value overlaps that without a fault, whatever the strength. The
  figure is the largest change over what the two half-widths that face each other add up to: up to 1 they overlap. Of
  two independent values of equal error the differences that pass are those up to 2.8 standard errors, which is a level
  of about 99.4 % for each of the five strengths and 97 % for all.

Both hold for the mean over seeds. `tstr` trains a classifier for every strength, and is measured with one seed.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

import curves
from curves import Curve, Curves, Point
from damage import FAULTS, Material, Pictures
from records import Case, Measured, Target, parse, run
from zerosum.data import Data, open_data
from zerosum.data.core import Source
from zerosum.data.glyphs import WEIGHTS
from zerosum.data.packed import PackedSource
from zerosum.data.splits import split
from zerosum.draw import Draw
from zerosum.metrics import registry
from zerosum.metrics.core import Question
from zerosum.metrics.networks import train_classifier
from zerosum.metrics.statistics import FeatureNetwork, Shown, Statistics, look, show
from zerosum.runs.evaluating import in_order
from zerosum.spaces import Space

BENCHMARK = "sensitivity"
PICTURES = {"digits": 320, "glyphs": 740}
"""No more than are held out, nor than half of the classes still have different pictures of."""
VARIANTS = {"digits": 1, "glyphs": len(WEIGHTS)}
"""Samples in a row that show the same thing: weights of one character in one font."""
SEEDS = 3
STEPS = 300
"""In which the feature network is trained, as that of an evaluation is."""
TRIAL_PICTURES, TRIAL_STEPS, TRIAL_STRENGTHS = 120, 20, 3
SEEN, OVERLAP = 0.9, 1.0
APART = ("tstr",)
"""Results that cost as much as all others together: with one seed, in cases of their own."""

Expected = Literal["up", "down", "blind", "free"]


@dataclass(frozen=True)
class Declared:
    """What a metric does under each fault, by what it is.

    Attributes:
        blur, noise, dropped, duplicated, memorised: `up` or `down`: it sees the fault, and its value goes that way;
            `blind`; or `free` where `why` says that neither can be known beforehand.
        why: the reason, in words.
    """

    blur: Expected
    noise: Expected
    dropped: Expected
    duplicated: Expected
    memorised: Expected
    why: str

    def under(self, fault: str) -> Expected:
        """What is declared for a fault."""
        found: Expected = getattr(self, fault)
        return found


DECLARED: Mapping[str, Declared] = {
    "score": Declared(
        "down", "down", "down", "down", "up",
        "sure of less, and of fewer classes; few different samples hold classes unevenly; "
        "the classifier is surest of what it was trained on",
    ),
    "fd": Declared(
        "up", "up", "up", "up", "blind",
        "any change of mean or covariance counts; repeats narrow the covariance; it does not know the training set",
    ),
    "kid": Declared(
        "up", "up", "up", "up", "blind",
        "any change of distribution counts; pairs of a sample and its copy add to it; it knows no training set",
    ),
    "precision": Declared(
        "down", "down", "blind", "blind", "blind", "each sample is looked at by itself: is it among real ones?"
    ),
    "recall": Declared(
        "down", "down", "down", "down", "blind",
        "what is moved away or missing covers no real sample; balls around copies have no width",
    ),
    "density": Declared(
        "down", "down", "blind", "blind", "blind", "each sample is looked at by itself: how many real ones are around?"
    ),
    "coverage": Declared(
        "down", "down", "down", "down", "blind", "real samples whose ball holds nothing: moved away, missing, too few"
    ),
    "ms_ssim": Declared(
        "up", "down", "free", "up", "blind",
        "without detail pictures are more alike, with noise less; a copy is alike; pairs are of one class, so that a "
        "missing class does not count, but the mean is then over others, which are more alike or less",
    ),
    "ndb": Declared(
        "up", "up", "up", "up", "blind",
        "bins lose or gain samples; repeats make counts uneven; it does not know the training set",
    ),
    "jsd": Declared("up", "up", "up", "up", "blind", "as ndb, of which it is the size"),
    "support": Declared(
        "down", "blind", "blind", "down", "blind",
        "blurred samples come close to each other, copies are the same; no support beyond that of real samples can be "
        "seen; half of the classes halve it, which is within its interval at these numbers",
    ),
    "memorisation": Declared(
        "blind", "blind", "blind", "blind", "up", "only what lies at one training sample and at no other counts"
    ),
    "copying": Declared(
        "down", "down", "blind", "blind", "up", "the distance to the training set: farther with damage, 0 for copies"
    ),
    "accuracy": Declared(
        "down", "down", "blind", "blind", "up",
        "each sample is looked at by itself; the classifier knows its training images by heart",
    ),
    "tstr": Declared(
        "down", "down", "down", "down", "blind",
        "damaged, missing and too few samples teach less; training images teach as well as others",
    ),
    "class_balance": Declared(
        "up", "up", "up", "up", "blind",
        "damaged samples are taken for a few classes, missing ones lack; few different samples are uneven",
    ),
    "sharpness": Declared("down", "up", "blind", "blind", "blind", "fine detail, picture by picture"),
    "spectrum": Declared("up", "up", "blind", "blind", "blind", "detail at all scales, averaged over pictures"),
}  # fmt: skip
LEFT_OUT = {
    **dict.fromkeys(("path_length", "eq_t", "eq_t_frac", "eq_r"), "there is no generator"),
    **dict.fromkeys(("modes", "hq", "reverse_kl", "spread"), "for points with known modes"),
}


def halves(source: PackedSource, variants: int, draw: Draw) -> tuple[Tensor, Tensor]:
    """Positions in a source, in two random halves of every class, each in random order; variants stay together."""
    groups = source.rows // variants
    names = groups.unique()
    renamed = draw.permutation(len(names))[torch.searchsorted(names, groups)]
    labels = None if source.labels is None else source.labels[source.rows].numpy()
    parts = [torch.from_numpy(part) for part in split(len(groups), 0.5, labels, renamed.numpy())]
    first, second = (part[draw.permutation(len(part))] for part in parts)
    return first, second


def taken(source: Source, positions: Tensor, draw: Draw) -> Pictures:
    """Pictures of a source as a person would get them."""
    batch = source.batch(positions, draw)
    assert batch.label is not None
    return Pictures(show(source.space, batch.real), batch.label)


def shown(space: Space, pictures: Pictures) -> Shown:
    """Pictures that can be looked at."""

    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        yield pictures.images, pictures.labels

    return Shown(space, len(pictures), chunks)


def material_of(data: Data, seed: int) -> Material:
    """The halves of the training split."""
    assert isinstance(data.train, PackedSource)
    draw = Draw("sensitivity", data.name, seed)
    train, fresh = halves(data.train, VARIANTS[data.name], draw.sub("halves"))
    return Material(taken(data.train, fresh, draw.sub("fresh")), taken(data.train, train, draw.sub("train")))


@dataclass(frozen=True)
class Bench:
    """What does not change with the fault.

    Attributes:
        space: of the pictures.
        n: how many are scored.
        material: of the faults.
        network: that looks.
        question: with the reference and the training half as the network sees them; what is generated is to come.
    """

    space: Space
    n: int
    material: Material
    network: FeatureNetwork
    question: Question


@cache
def bench(name: str, seed: int, trial: bool) -> Bench:
    """One for all faults: the network is trained once."""
    data = open_data(name, progress=False)
    n, steps = (TRIAL_PICTURES, TRIAL_STEPS) if trial else (PICTURES[name], STEPS)
    material = material_of(data, seed)
    train, classes = material.train, len(data.space.classes)
    network = train_classifier(train.images, train.labels, classes=classes, seed=seed, steps=steps)
    size = data.held_out.size
    assert size is not None
    reference = taken(data.held_out, in_order(size)[:n], Draw("sensitivity", name, "reference"))
    real, known = (look(shown(data.space, pictures), network) for pictures in (reference, train))
    question = Question(real, real, Draw(seed, "metrics"), lambda images: network(images).features, train=known)
    return Bench(data.space, n, material, network, question)


def climbed(data: str, fault: str, names: Sequence[str], seed: int, trial: bool) -> Curves:
    """The results `names` along the ladder of a fault."""
    at, (damage, ladder, _) = bench(data, seed, trial), FAULTS[fault]
    found: dict[str, list[Point]] = {name: [] for name in names}
    for strength in ladder[:: len(ladder) // TRIAL_STRENGTHS] if trial else ladder:
        made = damage(at.material, strength, at.n, Draw("sensitivity", fault, seed))
        generated = look(shown(at.space, made), at.network)
        for name, point in answered(replace(at.question, generated=generated), names, strength):
            found[name].append(point)
    return found


def answered(question: Question, names: Sequence[str], strength: float) -> Iterator[tuple[str, Point]]:
    """The results `names`, each metric computed once and with a draw of its own."""
    for metric in registry.metrics():
        wanted = [name for name in metric.results if name in names]
        if wanted:
            asked = without_labels(question) if "tstr" in wanted else question
            findings = metric.compute(replace(asked, draw=question.draw.sub(*metric.results)))
            yield from ((name, Point.of(strength, findings[name].value, findings[name].interval)) for name in wanted)


def without_labels(question: Question) -> Question:
    """With a training set of unknown classes, so that `tstr` trains on generated samples only."""
    assert isinstance(question.train, Statistics)
    return replace(question, train=replace(question.train, labels=None))


def rank_correlation(curve: Curve) -> float:
    """Spearman's, of values with strengths; 0 where nothing changes."""
    from scipy.stats import spearmanr  # slow to import

    values = [point.value for point in curve]
    if len(set(values)) == 1:
        return 0.0
    return float(spearmanr([point.strength for point in curve], values).statistic)


def change(curve: Curve) -> float:
    """The largest change from the first point, over the half-widths of both intervals that face each other."""
    first = curve[0]
    return max((moved(first, point) for point in curve[1:]), default=0.0)


def moved(first: Point, second: Point) -> float:
    """How far apart two values are in units of the room that their intervals have between them; up to 1 they meet."""
    below, above = sorted((first, second), key=lambda point: point.value)
    distance, room = above.value - below.value, (below.high - below.value) + (above.value - above.low)
    return 0.0 if distance == 0 else distance / room if room else float("inf")


def figures(found: Curves) -> dict[str, float]:
    """Rank correlation and change of every result."""
    return {
        **{f"rho_{name}": rank_correlation(curve) for name, curve in found.items()},
        **{f"change_{name}": change(curve) for name, curve in found.items()},
    }


def target(name: str, expected: Expected) -> dict[str, Target]:
    """What is declared, as a target of one of the figures."""
    return {
        "up": {f"rho_{name}": Target(low=SEEN)},
        "down": {f"rho_{name}": Target(high=-SEEN)},
        "blind": {f"change_{name}": Target(high=OVERLAP)},
        "free": {},
    }[expected]


Keep = Path | None
"""The folder of the records, or none."""


def measure(seed: int, trial: bool, *, case: str, data: str, fault: str, names: Sequence[str], keep: Keep) -> Measured:
    """Climb the ladder, and keep the curves in the folder `keep`."""
    found = climbed(data, fault, names, seed, trial)
    if keep is not None and not trial:
        curves.write(curves.path_of(keep, case, seed), found)
    return Measured(figures(found))


def case(data: str, fault: str, apart: bool, keep: Keep) -> Case:
    """A fault on a data set; with `apart` those results that cost much, else the others."""
    names = tuple(name for name in DECLARED if (name in APART) == apart)
    title = f"{data}-{fault}" + ("-tstr" if apart else "")
    expected = {name: DECLARED[name].under(fault) for name in names}
    return Case(
        name=title,
        measure=partial(measure, case=title, data=data, fault=fault, names=names, keep=keep),
        options={
            "data": data,
            "fault": fault,
            "strengths": FAULTS[fault][1],
            "pictures": PICTURES[data],
            "steps": STEPS,
        },
        targets={key: value for name, said in expected.items() for key, value in target(name, said).items()},
        seeds=1 if apart else SEEDS,
    )


def cases(keep: Keep = None) -> list[Case]:
    """All of them; curves are kept in the folder `keep`, if one is given."""
    return [case(data, fault, apart, keep) for apart in (False, True) for data in PICTURES for fault in FAULTS]


if __name__ == "__main__":
    folder = parse(BENCHMARK, __doc__, cases(), sys.argv[1:]).results
    run(BENCHMARK, __doc__, cases(folder / BENCHMARK))
