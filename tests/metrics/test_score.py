"""The classifier score against the formula written out, and its intervals against how it varies."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics import score as module
from zerosum.metrics.core import Finding, Question
from zerosum.metrics.score import METRIC, classifier_score, score
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Points

SIZES = st.tuples(st.integers(2, 60), st.integers(1, 12), st.floats(0.1, 30), st.integers(0, 10_000))
"""Numbers of samples and classes, how sure the classifier is, and a seed."""


def transcription(logits: Tensor) -> float:
    """Salimans 2016: exp of the mean of KL(p(y|x) ‖ p(y))."""
    logits = logits.double()
    p, log_p = logits.softmax(1), logits.log_softmax(1)
    return float((p * (log_p - p.mean(0).log())).sum(1).mean().exp())


def logits_of(n: int, classes: int, sure: float, *key: int | str) -> Tensor:
    return sure * Draw(*key).normal(n, classes)


def question(logits: Tensor, seed: int = 0) -> Question:
    side = Statistics(Points((2,)), torch.zeros(len(logits), 2), torch.zeros(0, 2), "test", logits=logits)
    return Question(side, side, Draw(seed), features_of=lambda shown: shown)


def found(logits: Tensor, seed: int = 0) -> Finding:
    return METRIC.compute(question(logits, seed))["score"]


@given(SIZES)
def test_as_the_formula_has_it(sizes: tuple[int, int, float, int]) -> None:
    n, classes, sure, seed = sizes
    logits = logits_of(n, classes, sure, seed)
    expected = pytest.approx(transcription(logits), rel=1e-9)
    assert classifier_score(logits) == expected
    assert found(logits, seed).value == expected


@given(SIZES)
def test_between_one_and_the_number_of_classes(sizes: tuple[int, int, float, int]) -> None:
    n, classes, sure, seed = sizes
    assert 1 - 1e-9 <= classifier_score(logits_of(n, classes, sure, seed)) <= min(n, classes) + 1e-9


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_known_scores(classes: int) -> None:
    sure = 1_000 * torch.eye(classes).repeat(5, 1)
    assert classifier_score(sure) == pytest.approx(classes)
    assert classifier_score(sure[:1].repeat(30, 1)) == pytest.approx(1)
    assert classifier_score(torch.zeros(30, classes)) == pytest.approx(1)


def test_a_dropped_class_is_seen() -> None:
    sure = 20 * torch.eye(10).repeat(50, 1)
    assert classifier_score(sure[sure[:, 0] == 0]) == pytest.approx(9, rel=1e-4)


def test_splits_are_scored_apart() -> None:
    logits = logits_of(60, 5, 3, 1)
    expected = sum(transcription(part) for part in logits.split(20)) / 3
    assert classifier_score(logits, splits=3) == pytest.approx(expected, rel=1e-9)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = logits_of(50, 4, 3, 1)
    whole = classifier_score(logits)
    monkeypatch.setattr(module, "ROWS", 7)
    assert classifier_score(logits) == pytest.approx(whole, rel=1e-12)


def test_the_jackknife_leaves_groups_out() -> None:
    logits = logits_of(90, 5, 3, 1)
    result = score(logits, Draw(7))
    parts = logits[Draw(7).permutation(90)].tensor_split(20)
    left = [transcription(torch.cat(parts[:i] + parts[i + 1 :])) for i in range(20)]
    error = math.sqrt(19 * torch.tensor(left, dtype=torch.float64).var(correction=0).item())
    assert result.interval is not None
    assert result.interval.high - result.value == pytest.approx(1.959963984540054 * error, rel=1e-9)
    assert result.settings == {"splits": 1}


def test_as_many_samples_as_in_papers_are_split_as_in_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SPLIT_SIZE", 9)
    logits = logits_of(95, 5, 3, 1)
    result = score(logits, Draw(7))
    parts = logits[Draw(7).permutation(95)].tensor_split(10)
    values = torch.tensor([transcription(part) for part in parts], dtype=torch.float64)
    assert result.value == pytest.approx(values.mean().item(), rel=1e-9)
    assert result.interval is not None
    error = values.std().item() / math.sqrt(10)
    assert result.interval.high - result.value == pytest.approx(1.959963984540054 * error, rel=1e-9)
    assert result.settings == {"splits": 10}
    assert score(logits[:89], Draw(7)).settings == {"splits": 1}


def test_fifty_thousand_samples_have_ten_splits() -> None:
    assert score(torch.zeros(50_000, 2), Draw(0)).settings == {"splits": 10}
    assert score(torch.zeros(49_999, 2), Draw(0)).settings == {"splits": 1}


def test_the_interval_is_as_wide_as_the_score_varies() -> None:
    """Over 200 sets the mean standard error is the standard deviation of the scores within a quarter."""
    results = [found(logits_of(300, 4, 2, i)) for i in range(200)]
    deviation = torch.tensor([result.value for result in results]).std().item()
    errors = [(result.interval.high - result.value) / 1.96 for result in results if result.interval]
    assert len(errors) == 200
    assert sum(errors) / 200 == pytest.approx(deviation, rel=0.25)


def test_equal_draws_give_equal_findings_and_no_interval_unless_asked_for() -> None:
    asked = question(logits_of(60, 4, 2, 1))
    result, left = (METRIC.compute(replace(asked, confidence=wanted))["score"] for wanted in (True, False))
    assert METRIC.compute(asked)["score"] == result
    assert left.interval is None
    assert left.value == result.value


@pytest.mark.parametrize("n", [2, 3, 39])
def test_few_samples_are_told_of_and_do_not_crash(n: int) -> None:
    result = found(logits_of(n, 4, 2, 1))
    assert math.isfinite(result.value)
    assert result.interval is not None
    assert f"n = {n} is below 10 times the 4 classes" in result.warnings[0]
    assert not found(logits_of(40, 4, 2, 1)).warnings


def test_it_needs_logits_and_nothing_else() -> None:
    assert METRIC.needs == {"logits"}
    assert METRIC.featured


@pytest.mark.parametrize(("shape", "splits"), [((5,), 1), ((5, 3), 0), ((5, 3), 6), ((0, 3), 1)])
def test_mistakes_are_said(shape: tuple[int, ...], splits: int) -> None:
    with pytest.raises(UserError, match=f"and {splits}"):
        classifier_score(torch.zeros(shape), splits=splits)
