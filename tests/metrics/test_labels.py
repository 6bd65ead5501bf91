"""What classifiers say of generated samples, on samples whose classes are known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.core import Question
from zerosum.metrics.intervals import of_share
from zerosum.metrics.labels import (
    METRICS,
    accuracy,
    as_asked,
    class_balance,
    labels_of,
    learn,
    shares_of,
    total_variation,
    total_variation_of_equals,
    train_on_synthetic,
)
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Images, Points, Space

NAMES = ("a", "b", "c")
PLANE = Points((2,), classes=NAMES)
PICTURES = Images((1, 8, 8), classes=NAMES)


def blobs(n: int, seed: int = 0, std: float = 0.3) -> tuple[Tensor, Tensor]:
    """Points of three classes, well apart."""
    labels = torch.arange(n) % 3
    angle = labels * 2 * math.pi / 3
    return torch.stack([angle.cos(), angle.sin()], 1) * 2 + std * Draw(seed, "blobs").normal(n, 2), labels


def stripes(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noisy pictures of three classes: bright above, bright below, bright in the middle."""
    labels = torch.arange(n) % 3
    row = torch.arange(8).view(1, 1, 8, 1)
    bright = (row // 3 == labels.view(-1, 1, 1, 1)).float() * 120
    return (bright + 60 + 20 * Draw(seed, "stripes").normal(n, 1, 8, 8)).clamp(0, 255).to(torch.uint8), labels


def side(kept: Tensor, labels: Tensor | None, space: Space = PLANE, logits: Tensor | None = None) -> Statistics:
    return Statistics(space, kept.flatten(1).float(), kept, "", logits=logits, labels=labels)


def one_hot(classes: Tensor, count: int = 3) -> Tensor:
    return torch.nn.functional.one_hot(classes, count).float()


def question(real: Statistics, generated: Statistics, train: Statistics | None = None) -> Question:
    return Question(real, generated, Draw(0, "labels"), lambda shown: shown.flatten(1).float(), train=train)


def told(labels: Tensor, seen: Tensor, real_seen: Tensor | None = None) -> Question:
    """Generated samples asked for as `labels` and seen as `seen`; real ones seen as they are, or as `real_seen`."""
    real, classes = blobs(30)
    real_side = side(real, classes, logits=one_hot(classes if real_seen is None else real_seen))
    return question(real_side, side(torch.zeros(len(labels), 2), labels, logits=one_hot(seen)))


def test_accuracy_is_the_share_of_hits_by_class() -> None:
    share, each = accuracy(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 1]), 3)
    assert share == 0.5
    assert each == [1.0, pytest.approx(1 / 3), None]


@pytest.mark.parametrize("wrong", [0, 3, 30])
def test_samples_that_are_not_what_was_asked_for_cost_accuracy(wrong: int) -> None:
    asked = torch.arange(30) % 3
    seen = torch.where(torch.arange(30) < wrong, (asked + 1) % 3, asked)
    found = as_asked(told(asked, seen))["accuracy"]
    assert found.value == pytest.approx(1 - wrong / 30)
    expected = of_share(30 - wrong, 30)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))
    assert found.details["real"] == 1
    assert {name: each["generated"] for name, each in found.details["a class"].items()} == {
        name: pytest.approx(1 - wrong / 30) for name in NAMES
    }
    assert not found.warnings


def test_a_classifier_that_is_wrong_on_real_samples_is_not_trusted() -> None:
    asked = torch.arange(30) % 3
    found = as_asked(told(asked, asked, real_seen=torch.zeros(30, dtype=torch.int64)))["accuracy"]
    assert found.details["real"] == pytest.approx(1 / 3)
    assert any("33%" in text for text in found.warnings)


def test_a_network_of_other_classes_gives_no_figure() -> None:
    real, labels = blobs(30)
    some = side(real, labels, logits=one_hot(labels, 7))
    found = as_asked(question(some, some))["accuracy"]
    assert math.isnan(found.value)
    assert any("7 classes" in text and "3" in text for text in found.warnings)


@given(st.permutations(NAMES), st.lists(st.integers(0, 2), min_size=1, max_size=20))
def test_classes_are_matched_by_name(names: tuple[str, ...], labels: list[int]) -> None:
    real = side(torch.zeros(1, 2), torch.tensor([0]))
    given_ = side(torch.zeros(len(labels), 2), torch.tensor(labels), Points((2,), classes=tuple(names)))
    found = labels_of(given_, real)
    assert found is not None
    assert [NAMES[number] for number in found.tolist()] == [names[label] for label in labels]


def test_an_unknown_class_is_refused_only_where_it_occurs() -> None:
    real = side(torch.zeros(1, 2), torch.tensor([0]))
    space = Points((2,), classes=("a", "bb"))
    absent = labels_of(side(torch.zeros(2, 2), torch.tensor([0, 0]), space), real)
    assert absent is not None
    assert absent.tolist() == [0, 0]
    with pytest.raises(UserError, match=r"'bb'.*Did you mean 'b'\?.*a, b, c"):
        labels_of(side(torch.zeros(2, 2), torch.tensor([0, 1]), space), real)


@pytest.mark.parametrize("number", [3, -1])
def test_numbers_beyond_the_classes_are_refused(number: int) -> None:
    real = side(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(UserError, match=f"class number {number}.*0 to 2"):
        labels_of(side(torch.zeros(1, 2), torch.tensor([number]), Points((2,))), real)


def test_unlabelled_samples_have_no_classes() -> None:
    real = side(torch.zeros(1, 2), torch.tensor([0]))
    assert labels_of(side(torch.zeros(1, 2), None), real) is None


def test_points_that_are_like_real_ones_teach_as_much() -> None:
    real, generated, train = (side(*blobs(n, seed)) for n, seed in ((150, 0), (240, 1), (300, 2)))
    found = train_on_synthetic(question(real, generated, train))["tstr"]
    assert found.value > 0.95
    assert found.details["trtr"] > 0.95
    assert found.details["trtr trained on"] == 240
    assert found.settings == {"trained on": 240, "tested on": 150}
    assert found.interval is not None
    assert found.interval.low <= found.value <= found.interval.high


def test_swapped_labels_teach_the_wrong_thing() -> None:
    points, labels = blobs(240, 1)
    found = train_on_synthetic(question(side(*blobs(150)), side(points, (labels + 1) % 3)))["tstr"]
    assert found.value < 0.05
    assert "trtr" not in found.details


def test_a_class_that_is_never_made_is_never_recognised() -> None:
    points, labels = blobs(240, 1)
    found = train_on_synthetic(question(side(*blobs(150)), side(points[labels < 2], labels[labels < 2])))["tstr"]
    each = [found.details["a class"][name]["tstr"] for name in NAMES]
    assert each[2] == 0
    assert min(each[:2]) > 0.9
    assert any("1 of 3 classes" in text for text in found.warnings)


def test_pictures_teach_a_network() -> None:
    real, generated = side(*stripes(60), PICTURES), side(*stripes(90, 1), PICTURES)
    found = train_on_synthetic(question(real, generated))["tstr"]
    assert found.value > 0.95
    assert found == train_on_synthetic(question(real, generated))["tstr"]


@pytest.mark.parametrize(("space", "make"), [(PLANE, blobs), (PICTURES, stripes)])
def test_samples_of_one_class_teach_that_there_is_no_other(space: Space, make: type) -> None:
    samples, _ = make(6)
    predict = learn(samples, torch.full((6,), 2), space, 3, 0)
    assert predict(samples).tolist() == [2] * 6


@pytest.mark.parametrize("n", [2, 3])
def test_few_samples_warn(n: int) -> None:
    found = train_on_synthetic(question(side(*blobs(9)), side(*blobs(n))))["tstr"]
    assert 0 <= found.value <= 1
    assert any("Fewer than 20" in text for text in found.warnings)


def test_only_what_was_kept_is_learnt_from_and_tested_on() -> None:
    points, labels = blobs(90)
    whole = side(points, labels)
    part = Statistics(PLANE, whole.features, points[:60], "", labels=labels)
    found = train_on_synthetic(question(part, part, part))["tstr"]
    assert found.settings == {"trained on": 60, "tested on": 60}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_total_variation_equals_its_definition(first: list[int], second: list[int]) -> None:
    expected = 0.5 * sum(abs(first.count(c) / len(first) - second.count(c) / len(second)) for c in range(7))
    value, error = total_variation(torch.tensor(first), torch.tensor(second))
    assert value == pytest.approx(expected)
    assert 0 <= error <= 1


def test_the_error_of_total_variation_is_how_much_it_varies() -> None:
    found = []
    for seed in range(400):
        first, second = Draw(seed, "a").uniform(200), Draw(seed, "b").uniform(300)
        found.append(total_variation((first > 0.6).long() + (first > 0.9), (second > 0.2).long() + (second > 0.5)))
    values, errors = torch.tensor(found).unbind(1)
    assert values.std().item() == pytest.approx(errors.mean().item(), rel=0.15)


def test_the_floor_is_what_equals_have() -> None:
    pairs = [(Draw(seed, "a").integers(5, 100), Draw(seed, "b").integers(5, 200)) for seed in range(300)]
    mean = sum(total_variation(*pair)[0] for pair in pairs) / len(pairs)
    assert total_variation_of_equals(torch.full((5,), 0.2), 100, 200) == pytest.approx(mean, rel=0.08)


def test_balance_names_classes_and_holds_shares() -> None:
    seen = torch.tensor([0, 0, 0, 1])
    found = class_balance(told(seen, seen))["class_balance"]
    assert found.value == pytest.approx(0.5 * (abs(0.75 - 1 / 3) + abs(0.25 - 1 / 3) + 1 / 3))
    assert found.details["a class"]["a"] == {"generated": 0.75, "real": pytest.approx(1 / 3)}
    assert found.interval is not None


def test_balance_needs_no_labels_and_no_names() -> None:
    seen = torch.arange(20) % 4
    some = side(torch.zeros(20, 2), None, Points((2,)), one_hot(seen, 4))
    found = class_balance(question(some, some))["class_balance"]
    assert found.value == 0
    assert set(found.details["a class"]) == {"0", "1", "2", "3"}
    assert shares_of(seen, 4).tolist() == [0.25] * 4


def test_every_metric_gives_its_results() -> None:
    real, labels = blobs(60)
    some = side(real, labels, logits=one_hot(labels))
    for metric in METRICS:
        assert metric.compute(question(some, some, some)).keys() == metric.results.keys()
