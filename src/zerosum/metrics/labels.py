"""Classes of generated samples: are they what was asked for, are they of use, are they as frequent as real ones.

`accuracy`: share of samples to which a classifier that is trained on real ones gives the class they were asked for
(GAN-test of Shmelkov 2018). `tstr`: a classifier is trained on generated samples with the classes they were asked for,
and tested on real ones (Esteban 2017; GAN-train of Shmelkov 2018). `class_balance`: total variation distance
½ Σ |p - q| between the shares p and q of classes that a classifier finds in generated and in real samples; it errs
alike on both.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zerosum.draw import fold
from zerosum.errors import UserError, nearest
from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import around, of_share
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Images, Space

TRUSTED = 0.8
"""A classifier that is right on fewer real samples says little of generated ones."""
FEW_A_CLASS = 20
"""Fewer training samples of a class teach little."""


def labels_of(side: Statistics, real: Statistics) -> Tensor | None:
    """Class numbers `(n,)` as the real samples count classes: by name where both have names, else by number.

    Raises:
        UserError: samples are of a class that real samples do not have.
    """
    names, known = side.space.classes, real.space.classes
    if side.labels is None:
        return None
    used, numbers = torch.unique(side.labels, return_inverse=True)
    if names and known and names != known:
        return torch.tensor([_position(names[number], known) for number in used.tolist()])[numbers]
    beyond = [number for number in used.tolist() if number < 0 or (known and number >= len(known))]
    if beyond:
        allowed = f"0 to {len(known) - 1}" if known else "0 and above"
        raise UserError(f"Samples have the class number {beyond[0]}; the data has {allowed}.")
    return side.labels


def _position(name: str, known: tuple[str, ...]) -> int:
    if name not in known:
        raise UserError(f"Samples have the class {name!r}.{nearest(name, known)} The data has: {', '.join(known)}.")
    return known.index(name)


def shares_of(classes: Tensor, count: int) -> Tensor:
    """Share of each of `count` classes among class numbers `(n,)`, n ≥ 1: `(count,)`, float64."""
    return torch.bincount(classes, minlength=count).double() / len(classes)


def total_variation(first: Tensor, second: Tensor) -> tuple[float, float]:
    """Total variation distance between the distributions of two samples of class numbers, and its standard error.

    The distance is a difference of means, of sign(p - q) / 2 over the one and over the other sample; the error is that
    of the means, with the signs as they are.

    Args:
        first, second: class numbers, `(n,)` and `(m,)`, at least one each.

    >>> total_variation(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 0]))[0]
    0.5
    """
    count = int(max(first.max(), second.max())) + 1
    p, q = shares_of(first, count), shares_of(second, count)
    half = (p - q).sign() / 2
    variance = [(half[side].var(correction=0) / len(side)).item() for side in (first, second)]
    return ((p - q) @ half).item(), math.sqrt(sum(variance))


def total_variation_of_equals(shares: Tensor, n: int, m: int) -> float:
    """The distance that samples of n and of m have on average if both are of one distribution, `(classes,)`.

    The difference of two shares is taken as normal; its mean size is √(2 / π) standard deviations.
    """
    return (0.5 * (2 / math.pi * shares * (1 - shares) * (1 / n + 1 / m)).sqrt()).sum().item()


def accuracy(predicted: Tensor, labels: Tensor, count: int) -> tuple[float, list[float | None]]:
    """Share of hits among class numbers `(n,)`, and within each of `count` classes; None where it has no sample."""
    hits = (predicted == labels).double()
    of_class = torch.bincount(labels, minlength=count)
    hit = torch.bincount(labels, hits, minlength=count)
    each = [h / n if n else None for h, n in zip(hit.tolist(), of_class.tolist(), strict=True)]
    return hits.mean().item(), each


def learn(samples: Tensor, labels: Tensor, space: Space, count: int, seed: int) -> Callable[[Tensor], Tensor]:
    """Train a classifier on shown samples `(n, *shape)` with class numbers `(n,)`: samples -> class numbers.

    Images train a small convolutional network, everything else gradient-boosted trees on the flattened values. Samples
    of one class teach that there is no other.
    """
    if bool((labels == labels[0]).all()):
        return lambda tested: labels[:1].expand(len(tested))
    if isinstance(space, Images):
        from zerosum.metrics.networks.classifier import train_classifier

        return train_classifier(samples, labels, classes=count, seed=seed).predict
    return _trees(samples, labels, seed)


def _trees(samples: Tensor, labels: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    from sklearn.ensemble import HistGradientBoostingClassifier  # slow to import

    trees = HistGradientBoostingClassifier(early_stopping=False, random_state=seed % 2**32)
    trees.fit(samples.flatten(1).numpy(), labels.numpy())
    return lambda tested: torch.as_tensor(trees.predict(tested.flatten(1).numpy()))


def as_asked(question: Question) -> Mapping[str, Finding]:
    """Share of generated samples of the class that was asked for; NaN where the network knows other classes."""
    labels, asked = labels_of(question.real, question.real), labels_of(question.generated, question.real)
    logits, real_logits = question.generated.logits, question.real.logits
    assert labels is not None
    assert asked is not None
    assert logits is not None
    assert real_logits is not None
    names = _names(question.real, labels, asked)
    if logits.shape[1] != len(names):
        other = f"The feature network knows {logits.shape[1]} classes and the data has {len(names)}. Use 'classifier'."
        return {"accuracy": Finding(math.nan, warnings=(other,))}
    share, each = accuracy(logits.argmax(1), asked, len(names))
    real_share, real_each = accuracy(real_logits.argmax(1), labels, len(names))
    details = {"real": real_share, "a class": _by_class(names, generated=each, real=real_each)}
    warnings = (
        () if real_share >= TRUSTED else (f"The classifier is right on {real_share:.0%} of the real samples only.",)
    )
    return {"accuracy": Finding(share, of_share(share * len(asked), len(asked)), {}, details, warnings)}


def train_on_synthetic(question: Question) -> Mapping[str, Finding]:
    """Share of real samples that are given their class by a classifier which saw generated ones only.

    Where the training split is known with its labels, the details hold the same of as many real training samples.
    """
    labels, asked = labels_of(question.real, question.real), labels_of(question.generated, question.real)
    assert labels is not None
    assert asked is not None
    names = _names(question.real, labels, asked)
    tested, labels = question.real.kept, labels[: len(question.real.kept)]
    asked = asked[: len(question.generated.kept)]
    seed = fold(*question.draw.key, "tstr")

    def trained_on(samples: Tensor, classes: Tensor) -> tuple[float, list[float | None]]:
        predict = learn(samples, classes, question.real.space, len(names), seed)
        return accuracy(predict(tested), labels, len(names))

    share, each = trained_on(question.generated.kept, asked)
    details: dict[str, Any] = {"a class": _by_class(names, tstr=each)}
    if question.train is not None and question.train.labels is not None:
        details = _compared(question, question.train, len(asked), trained_on, names, each)
    interval = of_share(share * len(labels), len(labels))
    settings = {"trained on": len(asked), "tested on": len(labels)}
    return {"tstr": Finding(share, interval, settings, details, _few(asked, names))}


def _compared(
    question: Question,
    train: Statistics,
    n: int,
    trained_on: Callable[[Tensor, Tensor], tuple[float, list[float | None]]],
    names: tuple[str, ...],
    tstr: list[float | None],
) -> dict[str, Any]:
    """Details with what n real training samples teach, or all if there are fewer."""
    labels = labels_of(train, question.real)
    assert labels is not None
    rows = question.draw.sub("trtr").permutation(len(train.kept))[:n]
    share, each = trained_on(train.kept[rows], labels[rows])
    return {"trtr": share, "trtr trained on": len(rows), "a class": _by_class(names, tstr=tstr, trtr=each)}


def class_balance(question: Question) -> Mapping[str, Finding]:
    """Total variation distance between shares of classes as the network sees them."""
    assert question.generated.logits is not None
    assert question.real.logits is not None
    generated, real = question.generated.logits.argmax(1), question.real.logits.argmax(1)
    value, error = total_variation(generated, real)
    count = question.real.logits.shape[1]
    names = question.real.space.classes
    if len(names) != count:
        names = tuple(map(str, range(count)))
    p, q = shares_of(generated, count), shares_of(real, count)
    details = {
        "floor": total_variation_of_equals(q, len(generated), len(real)),
        "a class": _by_class(names, generated=p.tolist(), real=q.tolist()),
    }
    return {"class_balance": Finding(value, around(value, error), {}, details)}


def _names(real: Statistics, *labels: Tensor) -> tuple[str, ...]:
    """Names of the classes; numbers where they have none."""
    return real.space.classes or tuple(map(str, range(int(torch.cat(labels).max()) + 1)))


def _by_class(names: tuple[str, ...], **figures: list[float | None] | list[float]) -> dict[str, dict[str, Any]]:
    return {name: {of: each[index] for of, each in figures.items()} for index, name in enumerate(names)}


def _few(labels: Tensor, names: tuple[str, ...]) -> tuple[str, ...]:
    counts = torch.bincount(labels, minlength=len(names)).tolist()
    few = [name for name, count in zip(names, counts, strict=True) if count < FEW_A_CLASS]
    if not few:
        return ()
    return (f"Fewer than {FEW_A_CLASS} generated samples to train on for {len(few)} of {len(names)} classes.",)


METRICS = (
    Metric(
        results={"accuracy": "higher"},
        summary="share of samples in which a classifier sees the class they were asked for",
        source="Shmelkov 2018",
        compute=as_asked,
        needs=frozenset({"logits", "labels", "asked"}),
    ),
    Metric(
        results={"tstr": "higher"},
        summary="train on synthetic, test on real: accuracy on real samples of a classifier trained on generated ones",
        source="Esteban 2017",
        compute=train_on_synthetic,
        needs=frozenset({"labels", "asked"}),
    ),
    Metric(
        results={"class_balance": "lower"},
        summary="total variation distance between the classes seen in generated and in real samples",
        source="Santurkar 2018",
        compute=class_balance,
        needs=frozenset({"logits"}),
    ),
)
