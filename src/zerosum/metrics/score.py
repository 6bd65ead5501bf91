"""Classifier score (inception score where the classifier is Inception): sure of each sample, and of every class.

For class probabilities p(y|x) of generated samples the score (Salimans 2016, section 4) is

    exp E KL(p(y|x) ‖ p(y)) = exp(H(E p(y|x)) − E H(p(y|x))),

between 1 and the number of classes: high where the classifier is sure of each sample (small second entropy) and finds
all classes equally often (large first entropy). It never looks at real samples.

Papers report the mean over ten splits of 50,000 samples. A split knows p(y) less well than all samples do, and its
score is lower for it, so that the number of splits belongs to the figure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import jackknife, of_mean

SPLITS = 10
SPLIT_SIZE = 5_000
"""The splits of the paper; fewer samples than `SPLITS` of this size are not split."""
GROUPS = 20
ROWS = 4_096
"""Of logits that are turned to float64 at once."""
SENSIBLE = 10
"""Samples a class, below which p(y) is poorly known."""


@dataclass(frozen=True)
class Tally:
    """What the score needs of n samples, float64.

    Attributes:
        n: how many.
        probabilities: their sum, `(classes,)`.
        entropy: the sum of their entropies, in nats.
    """

    n: int
    probabilities: Tensor
    entropy: float

    def __add__(self, other: "Tally") -> "Tally":
        """Of both."""
        return Tally(self.n + other.n, self.probabilities + other.probabilities, self.entropy + other.entropy)

    def __sub__(self, part: "Tally") -> "Tally":
        """Without a part."""
        return Tally(self.n - part.n, self.probabilities - part.probabilities, self.entropy - part.entropy)

    @property
    def score(self) -> float:
        """Of these samples."""
        share = self.probabilities.clamp_min(0) / self.n  # a difference of tallies may round to below 0
        return math.exp(torch.special.entr(share).sum().item() - self.entropy / self.n)


def tally(logits: Tensor) -> Tally:
    """Of logits `(n, classes)`, in blocks."""
    parts = []
    for rows in torch.split(logits, ROWS):
        p = rows.double().softmax(1)
        parts.append(Tally(len(p), p.sum(0), torch.special.entr(p).sum().item()))
    return reduce(Tally.__add__, parts)


def classifier_score(logits: Tensor, splits: int = 1) -> float:
    """The score: the mean over equal splits, taken in the order of the samples (shuffle them first).

    Args:
        logits: `(n, classes)`, finite.
        splits: from 1 to n; they shape the value.

    Raises:
        UserError: logits are not a table, or there are not so many samples.

    >>> classifier_score(torch.tensor([[50.0, 0.0], [0.0, 50.0]]))  # sure of each, both equally often
    2.0
    """
    if logits.dim() != 2 or not 1 <= splits <= len(logits):
        raise UserError(
            f"The classifier score needs logits (n, classes) and from 1 to n splits, not {tuple(logits.shape)} "
            f"and {splits}."
        )
    scores = [tally(part).score for part in logits.tensor_split(splits)]
    return sum(scores) / splits


def score(logits: Tensor, draw: Draw, *, confidence: bool = True) -> Finding:
    """The score with its interval: over splits of 50,000 samples and more, by jackknife of fewer.

    Args:
        logits: `(n, classes)`, finite, n ≥ 2.
        draw: of splits or groups; it changes the value of splits a little.
        confidence: whether an interval is wanted.
    """
    split = len(logits) >= SPLITS * SPLIT_SIZE
    groups = draw.permutation(len(logits)).tensor_split(SPLITS if split else min(GROUPS, len(logits)))
    tallies = [tally(logits[group]) for group in groups]
    return of_splits(tallies, confidence) if split else of_whole(tallies, confidence)


def of_splits(tallies: Sequence[Tally], confidence: bool) -> Finding:
    """The mean over splits, which are independent."""
    scores = torch.tensor([part.score for part in tallies], dtype=torch.float64)
    return Finding(scores.mean().item(), of_mean(scores) if confidence else None, {"splits": len(tallies)})


def of_whole(groups: Sequence[Tally], confidence: bool) -> Finding:
    """Of all samples at once; leaving a group out takes its sums out of all."""
    whole = reduce(Tally.__add__, groups)
    interval = None
    if confidence:
        interval = jackknife(whole.score, lambda group: (whole - groups[group]).score, len(groups))
    return Finding(whole.score, interval, {"splits": 1})


def compute(question: Question) -> Mapping[str, Finding]:
    """Of the generated samples alone."""
    logits = question.generated.logits
    assert logits is not None, "the metric needs logits, as its `needs` say"
    found = score(logits, question.draw.sub("score"), confidence=question.confidence)
    return {"score": replace(found, details={"classes": logits.shape[1]}, warnings=warnings(*logits.shape))}


def warnings(n: int, classes: int) -> tuple[str, ...]:
    """What few samples do to the score."""
    if n >= SENSIBLE * classes:
        return ()
    few = f"n = {n} is below {SENSIBLE} times the {classes} classes"
    return (f"{few}: how often each class occurs is poorly known, and the score comes out too low.",)


METRIC = Metric(
    results={"score": "higher"},
    summary="classifier score: the classifier is sure of each generated sample and sees all classes equally often",
    source="Salimans 2016",
    compute=compute,
    needs=frozenset({"logits"}),
)
