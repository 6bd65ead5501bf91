"""The judging classifier on pictures that are easy to tell apart, and the declared groups of glyphs."""

import string

import pytest
import torch
from judges.classifier import Classifier, everything, train_classifier
from judges.glyphs import SAME, groups
from torch import Tensor

from zerosum.data import DataOptions, open_data
from zerosum.draw import Draw
from zerosum.spaces import Images

SPACE = Images((1, 8, 8))


def bars(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Upright (0) and lying (1) bars with noise, in [-1, 1]."""
    labels = torch.arange(n) % 2
    unit = 0.3 * Draw(seed).uniform(n, 1, 8, 8)
    unit[labels == 0, :, :, 3:5] += 0.7
    unit[labels == 1, :, 3:5, :] += 0.7
    return SPACE.encode(unit.clamp(0, 1)), labels


def trained(seed: int = 0) -> Classifier:
    return train_classifier(*bars(64, 1), SPACE, classes=2, seed=seed, steps=40, batch_size=32)


def test_it_tells_unseen_pictures_apart() -> None:
    images, labels = bars(64, 2)
    classifier = trained()
    assert classifier.accuracy(images, labels) >= 0.97
    assert classifier.accuracy(images, 1 - labels) <= 0.03
    assert torch.equal(classifier.predict(images[:2]), labels[:2])


def test_features_are_what_it_decides_by() -> None:
    images, _ = bars(16, 3)
    classifier = trained()
    features = classifier.features(images)
    assert features.shape == (16, 128)
    assert torch.equal(classifier.network.head(features).argmax(1), classifier.predict(images))


def test_equal_seeds_give_equal_classifiers_and_leave_other_randomness_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, other = trained(), trained()
    assert torch.equal(torch.rand(1), expected)
    images = bars(8, 4)[0]
    assert torch.equal(one.features(images), other.features(images))
    assert not torch.equal(one.features(images), trained(seed=1).features(images))


def test_judging_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    images, classifier = bars(10, 5)[0], trained()
    whole = classifier.features(images)
    monkeypatch.setattr("judges.classifier.AT_ONCE", 3)
    torch.testing.assert_close(classifier.features(images), whole)


def test_everything_visits_each_image_once_a_visit() -> None:
    data = open_data("digits", DataOptions(resolution="8"), progress=False)
    images, labels = everything(data.held_out, "a", "b")
    assert data.held_out.size is not None
    assert len(images) == len(labels) == 2 * data.held_out.size
    assert torch.equal(labels[: data.held_out.size], labels[data.held_out.size :])


def test_groups_merge_what_is_declared_and_nothing_else() -> None:
    classes = tuple(string.ascii_uppercase + string.ascii_lowercase + string.digits)
    group = dict(zip(classes, groups(classes).tolist(), strict=True))
    merged = {character for same in SAME for character in same}
    for same in SAME:
        assert len({group[character] for character in same}) == 1
    assert len(set(group.values())) == len(classes) - len(merged) + len(SAME)
    assert sorted(set(group.values())) == list(range(len(set(group.values()))))
