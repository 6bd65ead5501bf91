"""The same samples more than once: within the training split, and in both splits."""

from collections.abc import Iterator

import torch
from torch import Tensor

from zerosum.diagnosis.figure import Concerned, Figure, Names, judged, named
from zerosum.diagnosis.glance import Glance
from zerosum.metrics.neighbours import nearest
from zerosum.spaces import Images

MOST_COPIES = 0.05
"""Share of training samples that may be copies of others."""
MOST_LEAKED, MOST_NEARLY = 0.01, 0.02
"""Shares of held-out samples that may be copies, and near copies, of training samples."""
NEAR = 0.1
"""A near copy is nearer than this share of the typical distance of a training sample to the nearest other."""
ASKED = 2_000
"""Samples that are asked for their nearest training sample."""


def duplicates(train: Glance, names: Names) -> Figure:
    """Training samples that are copies of one before them."""
    again = ~train.first
    count = int(again.sum())
    return judged(
        "share of training samples that are copies",
        count / train.n,
        train.n,
        "duplicates",
        most=MOST_COPIES,
        detail=f"{count} of {train.n} training samples are copies of others",
        samples=pairs(train, again, names),
        count=count,
    )


def pairs(train: Glance, again: Tensor, names: Names) -> Concerned:
    """Copies with what they are copies of."""
    copies, first = train.at(again), train.at(train.first)
    _, which = torch.unique(torch.cat([first.hashes, copies.hashes]), dim=0, return_inverse=True)
    original = first.positions[which[: first.n].argsort()][which[first.n :]]
    left, right = named(copies.positions, names), named(original, names)
    return Concerned(
        tuple(f"{copy} = {other}" for copy, other in zip(left.names, right.names, strict=True)),
        tuple((*copy, *other) for copy, other in zip(left.positions, right.positions, strict=True)),
    )


def leakage(train: Glance, held_out: Glance, names: Names) -> Iterator[Figure]:
    """Held-out samples that stand in the training split, too, value for value and nearly."""
    leaked = is_in(held_out.hashes, train.hashes)
    count = int(leaked.sum())
    yield judged(
        "share of held-out samples in training",
        count / held_out.n,
        held_out.n,
        "leakage",
        most=MOST_LEAKED,
        detail=f"{count} of {held_out.n} held-out samples are training samples, too",
        samples=named(held_out.positions[leaked], names),
        count=count,
    )
    different = train.at(train.first)
    others = held_out.at(~leaked).thinned(ASKED)
    if isinstance(train.space, Images) and different.n > 1 and others.n:
        yield near_copies(different, others, names)


def near_copies(different: Glance, held_out: Glance, names: Names) -> Figure:
    """Held-out images that are no copies but far nearer to a training image than training images are to each other."""
    asked = different.thinned(ASKED).features
    typical = nearest(asked, different.features, 2).squares[:, 1].sqrt().median()  # the first is the sample itself
    distance = nearest(held_out.features, different.features).squares[:, 0].sqrt()
    near = distance < NEAR * typical
    value = float(near.double().mean())
    return judged(
        "share of held-out samples nearly in training",
        value,
        held_out.n,
        "leakage",
        most=MOST_NEARLY,
        detail=f"{int(near.sum())} of {held_out.n} held-out images are near copies of training images",
        samples=named(held_out.positions[near], names),
        confidence=value / (value + MOST_NEARLY),
        typical_distance=float(typical),
    )


def is_in(some: Tensor, others: Tensor) -> Tensor:
    """Which rows `(n, d)` are rows of `(m, d)`, too, `(n,)`."""
    _, which = torch.unique(torch.cat([others, some]), dim=0, return_inverse=True)
    return torch.isin(which[len(others) :], which[: len(others)])
