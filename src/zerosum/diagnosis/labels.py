"""Whether classes are balanced and large enough, and whether labels fit what samples look like.

Random mistakes among labels and classes that overlap everywhere to the same degree are one and the same thing, so no
test tells them apart. What does tell is where samples disagree with their neighbours: classes overlap along their
borders, where neighbourhoods are mixed; mistakes stand alone in neighbourhoods that are otherwise of one mind. Where
mistakes are many, no neighbourhood is; but in samples of many values most labels still tell its class, neighbours are
of one mind about that, and what contradicts it lies evenly everywhere, with no other class nearby.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from zerosum.diagnosis.figure import Figure, Names, judged, named
from zerosum.diagnosis.glance import Glance
from zerosum.draw import Draw
from zerosum.metrics.neighbours import nearest

K = 10
"""Neighbours that are asked."""
OF_ONE_MIND = 8
"""So many of them must have the same label."""
MOST_DOUBTFUL = 0.035
"""Sound labels of digits and glyphs: up to 0.0014; of normal distributions, at whatever distance: up to 0.030; with
30 % of them shuffled: 0.10 (digits), 0.04 to 0.06 (glyphs, 62 classes)."""
FEW_VALUES = 10
"""Samples of fewer values may have classes that overlap everywhere."""
SETTLED, MOST_UNEVEN = 0.35, 1.2
"""Share of samples about whose class neighbourhoods are of one mind, and how often neighbours have the label of one
that contradicts, over what is usual there. Sound: digits 8.8, normal distributions in 20 dimensions, where they are
settled at all, above 1.4; with a tenth to seven tenths of the labels shuffled: digits 0.7 to 0.8, normal distributions
up to 1.13."""
ORDERS, LEAST_DEVIATIONS = 20, 4.0
"""Random orders of the labels that tell what chance does; by how many deviations neighbours must agree beyond it."""
LARGEST_RATIO, LARGEST_SHARE = 9.0, 0.5
"""The largest class against the mean of the others (Alcalá-Fdez 2011, KEEL: high above 9), and against all samples."""
FEWEST = 100
"""Of fewer samples, neighbours are too far off to say anything of labels."""
FEWEST_OF_A_CLASS = 10
"""Digits have 139 of a class, a set of 60 images 5."""


def labels(seen: Glance, names: Names) -> Iterator[Figure]:
    """All tests of labels; none where there are no two classes."""
    if seen.labels is None:
        return
    numbers = seen.labels
    counts = numbers.bincount(minlength=len(seen.space.classes))
    if int((counts > 0).sum()) < 2:
        return
    yield balance(counts, seen)
    yield smallest(counts, seen)
    some = seen.thinned()
    if some.n >= FEWEST:
        yield from doubts(some, names)


def called(number: int, seen: Glance) -> str:
    """A class, by name if it has one."""
    return repr(seen.space.classes[number]) if number < len(seen.space.classes) else str(number)


def balance(counts: Tensor, seen: Glance) -> Figure:
    """The largest class against the mean of the others; a finding only where it has most of all samples."""
    largest, total = int(counts.amax()), int(counts.sum())
    ratio = largest * (len(counts) - 1) / (total - largest)
    share = largest / total
    name = "largest class / mean of the others"
    if share <= LARGEST_SHARE:
        return Figure(name=name, value=ratio, n=seen.n)
    detail = f"class {called(int(counts.argmax()), seen)} has {share:.0%} of the samples, the others {total - largest}"
    return judged(name, ratio, seen.n, "imbalance", most=LARGEST_RATIO, detail=detail, share=share)


def smallest(counts: Tensor, seen: Glance) -> Figure:
    """Samples of the smallest class; where not all samples were looked at, about so many."""
    about = counts * ((seen.size or seen.n) / seen.n)
    small = (about < FEWEST_OF_A_CLASS).nonzero().flatten().tolist()
    return judged(
        "samples of the smallest class",
        float(about.amin()),
        seen.n,
        "few",
        least=FEWEST_OF_A_CLASS,
        detail=f"{len(small)} of {len(counts)} classes have fewer than {FEWEST_OF_A_CLASS} samples",
        samples=tuple(called(number, seen) for number in small),
    )


def doubts(seen: Glance, names: Names) -> Iterator[Figure]:
    """Labels against those of the nearest neighbours."""
    assert seen.labels is not None
    near = others(seen.features)
    doubtful = against_all(seen.labels, seen.labels[near])
    value = float(doubtful.double().mean())
    alone = judged(
        "share of labels that all neighbours contradict",
        value,
        seen.n,
        "label noise",
        most=MOST_DOUBTFUL,
        detail=f"{int(doubtful.sum())} of {seen.n} samples stand alone among neighbours of one other class",
        samples=named(seen.positions[doubtful], names),
        confidence=value / (value + MOST_DOUBTFUL),
    )
    yield alone
    if alone.finding is None and seen.features.shape[1] >= FEW_VALUES:
        yield contradicted(seen.labels, near)
    yield agreement(seen.labels, near)


def others(features: Tensor) -> Tensor:
    """The K nearest others of each, `(n, K)`, int64."""
    found = nearest(features, features, K + 1).indices
    self = found == torch.arange(len(found))[:, None]
    self[:, -1] |= ~self.any(1)  # among many copies it may not be of the nearest
    return found[~self].view(len(found), K)


def against_all(own: Tensor, around: Tensor) -> Tensor:
    """Whose label none of the neighbours has, `(n,)`, while most of them have one other; own class above K samples.

    Args:
        own: labels `(n,)`.
        around: labels of the neighbours `(n, K)`.
    """
    usual = around.mode(dim=1).values[:, None]
    alone = (around != own[:, None]).all(1) & ((around == usual).sum(1) >= OF_ONE_MIND)
    return alone & (own.bincount()[own] > K)


def contradicted(own: Tensor, near: Tensor) -> Figure:
    """Share of labels that contradict the class of their neighbourhood; a finding where they do so evenly everywhere.

    Args:
        own: labels `(n,)`.
        near: the neighbours of each, `(n, K)`.
    """
    votes = functional.one_hot(own[near], int(own.amax()) + 1).sum(1).double() / K
    usual = votes.argmax(1)
    settled = (usual[near] == usual[:, None]).sum(1) > OF_ONE_MIND
    wrong = settled & (own != usual)
    value = float(wrong.double().mean())
    name = "share of labels that contradict their neighbourhood's"
    if float(settled.double().mean()) < SETTLED or uneven(own, usual, votes, settled, wrong) > MOST_UNEVEN:
        return Figure(name=name, value=value, n=len(own))
    detail = f"{int(wrong.sum())} of {int(settled.sum())} samples contradict most around them, everywhere alike"
    confidence = value / (value + MOST_DOUBTFUL)
    return judged(name, value, len(own), "label noise", most=MOST_DOUBTFUL, detail=detail, confidence=confidence)


def uneven(own: Tensor, usual: Tensor, votes: Tensor, settled: Tensor, wrong: Tensor) -> float:
    """How often neighbours of a label that contradicts have it too, over how often others' do that are usually alike.

    Mistakes do not gather; classes that reach into another one do. Infinite where nothing contradicts.
    """
    classes = votes.shape[1]
    of_usual = torch.zeros(classes, classes, dtype=votes.dtype).index_add_(0, usual[settled], votes[settled])
    of_usual /= usual[settled].bincount(minlength=classes).clamp_min(1)[:, None]
    together = float(votes[wrong, own[wrong]].sum())
    by_chance = float(of_usual[usual[wrong], own[wrong]].sum())
    return together / by_chance if by_chance else float("inf")


def agreement(numbers: Tensor, near: Tensor) -> Figure:
    """By how many standard deviations neighbours agree more than if labels were dealt out at random.

    Args:
        numbers: labels `(n,)`.
        near: the neighbours of each, `(n, K)`.
    """
    agree, n = same(numbers, near), len(numbers)
    draw = Draw("orders of labels")
    chance = torch.tensor([same(numbers[draw.permutation(n)], near) for _ in range(ORDERS)], dtype=torch.float64)
    value = (agree - float(chance.mean())) / max(float(chance.std()), 1e-9)
    return judged(
        "agreement of neighbours, in deviations from chance",
        value,
        n,
        "label noise",
        least=LEAST_DEVIATIONS,
        detail="labels follow what samples roughly look like no more than by chance; perhaps they are in another order",
        confidence=0.5,
        agreement=agree,
        by_chance=float(chance.mean()),
    )


def same(numbers: Tensor, near: Tensor) -> float:
    """Share of pairs of neighbours with one label."""
    return float((numbers[near] == numbers[:, None]).double().mean())
