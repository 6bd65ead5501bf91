"""Copies are counted, new samples are not, and the figures are those of plain formulas."""

import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.core import Finding, Question
from zerosum.metrics.memorisation import LEVEL, METRIC, K, farther, memory, nearness, picture
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Images, Points, Space

D = 16


def normal(n: int, seed: int, d: int = D) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def copying(share: float, n: int, train: Tensor, noise: float = 0.0) -> Tensor:
    """Generated samples of which a share are training samples with a little noise."""
    samples = normal(n, 3, train.shape[1])
    many = round(share * n)
    samples[:many] = train[torch.arange(many) % len(train)] + noise * normal(many, 4, train.shape[1])
    return samples


def statistics(features: Tensor, space: Space | None = None, kept: Tensor | None = None) -> Statistics:
    return Statistics(space or Points((features.shape[1],)), features, features if kept is None else kept, "")


def findings(train: Tensor, held_out: Tensor, generated: Tensor, confidence: bool = True) -> dict[str, Finding]:
    sides = statistics(held_out), statistics(generated)
    question = Question(*sides, Draw(0), lambda shown: shown, train=statistics(train), confidence=confidence)
    return dict(METRIC.compute(question))


def test_nearness_is_that_of_the_formula() -> None:
    features, train = normal(60, 1), normal(80, 2)
    distances = (features.double()[:, None] - train.double()[None]).norm(dim=2)
    found = nearness(features, train)
    nearest = distances.sort(dim=1).values[:, :K]
    torch.testing.assert_close(found.distances, nearest[:, 0])
    torch.testing.assert_close(found.ratios, nearest[:, 0] / nearest[:, 1:].mean(1))
    assert torch.equal(found.indices, distances.argmin(1))


values = st.lists(st.integers(0, 8), min_size=1, max_size=30)


@given(values, values)
def test_copying_is_the_mann_whitney_statistic(generated: list[int], held_out: list[int]) -> None:
    from scipy.stats import mannwhitneyu

    a, b = (torch.tensor(side).double() for side in (generated, held_out))
    expected = mannwhitneyu(b, a).statistic / (len(a) * len(b))  # of pairs, those in which held-out is the farther one
    assert farther(a, b).mean().item() == pytest.approx(expected)


@pytest.mark.parametrize("d", [2, 16, 100])
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_memorisation_is_the_share_of_copies(d: int, share: float, noise: float) -> None:
    train, held_out = normal(500, 1, d), normal(500, 2, d)
    found = memory(train, held_out, copying(share, 400, train, noise))
    assert found.share == pytest.approx(share + (1 - share) * LEVEL, abs=0.02)
    assert found.near[: round(400 * share)].double().mean().item() > 0.98 or share == 0
    assert found.copying == pytest.approx(0.5 + share / 2, abs=0.06)


def test_a_duplicate_in_the_training_set_does_not_hide_a_copy() -> None:
    train = normal(200, 1).repeat(2, 1)
    assert memory(train, normal(300, 2), copying(1.0, 200, train, noise=1e-3)).share == 1.0


def test_samples_farther_off_than_real_ones_are_no_copies() -> None:
    found = memory(normal(400, 1), normal(400, 2), 5 * normal(400, 3))
    assert found.share <= LEVEL
    assert found.copying < 0.01


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        found = memory(normal(300, 3 * seed), normal(80, 3 * seed + 1), normal(120, 3 * seed + 2))
        held += found.copying_interval.low <= 0.5 <= found.copying_interval.high
    assert held >= 54


def test_the_interval_of_memorisation_knows_that_few_held_out_samples_say_what_is_small() -> None:
    held = 0
    for seed in range(60):
        found = memory(normal(300, 3 * seed), normal(150, 3 * seed + 1), normal(400, 3 * seed + 2))
        held += found.interval.low <= LEVEL <= found.interval.high
    assert held >= 54


def test_intervals_of_nothing_but_copies_claim_no_certainty() -> None:
    train = normal(100, 1)
    found = memory(train, normal(50, 2), train)
    assert found.copying == 1.0
    assert 0.8 < found.copying_interval.low < 0.99
    assert found.copying_interval.high == 1.0


def test_findings_explain_themselves() -> None:
    train = normal(200, 1)
    found = findings(train, normal(200, 2), copying(0.5, 100, train))
    assert set(found) == set(METRIC.results)
    assert found["memorisation"].details["exact_copies"] == 50
    for finding in found.values():
        json.dumps([finding.settings, finding.details], allow_nan=False)
        assert finding.settings == {"k": K, "level": LEVEL, "n_train": 200}
        assert finding.interval is not None
        assert finding.interval.low <= finding.value <= finding.interval.high
        assert not finding.pictures
        assert not finding.warnings
    bare = findings(train, normal(200, 2), normal(100, 3), confidence=False)
    assert all(finding.interval is None for finding in bare.values())


def test_held_out_samples_that_were_trained_on_are_told() -> None:
    train = normal(100, 1)
    found = findings(train, torch.cat([train[:20], normal(100, 2)]), train)
    assert found["memorisation"].value == 1.0
    assert any("20 of 120 held-out samples are in the training set" in text for text in found["copying"].warnings)


@pytest.mark.parametrize("n_train", [2, 5, 50])
def test_few_samples_do_with_a_warning(n_train: int) -> None:
    found = findings(normal(n_train, 1), normal(2, 2), normal(METRIC.fewest, 3))
    assert all(math.isfinite(finding.value) for finding in found.values())
    assert any("2 held-out samples" in text for text in found["memorisation"].warnings)


def test_unusable_features_are_refused() -> None:
    with pytest.raises(UserError, match="of 1 train samples"):
        memory(normal(1, 1), normal(9, 2), normal(9, 3))
    with pytest.raises(UserError, match="not finite"):
        memory(normal(9, 1), normal(9, 2), normal(9, 3) * math.nan)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_picture_shows_copies_beside_what_they_are_copies_of(channels: int) -> None:
    space = Images((channels, 4, 4))
    levels = torch.randint(256, (40, *space.shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    train = statistics(levels.flatten(1).float(), space, levels)
    generated = statistics(train.features[[7, 30]] + 0.1, space, levels[[7, 30]])
    held_out = torch.randint(256, (40, 16 * channels), generator=torch.Generator().manual_seed(1)).float()
    found = memory(train.features, held_out, generated.features)
    shown = picture(generated, train, found)
    assert shown is not None
    assert shown.size == (4 * 4 + 3 * 2, 4), "two pairs in a row with gaps"
    assert shown.crop((0, 0, 4, 4)).tobytes() == shown.crop((6, 0, 10, 4)).tobytes()
    assert shown.crop((0, 0, 4, 4)).tobytes() != shown.crop((12, 0, 16, 4)).tobytes()


def test_the_picture_shows_only_what_was_kept() -> None:
    space = Images((1, 4, 4))
    levels = torch.randint(256, (40, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    train = statistics(levels.flatten(1).float(), space, levels[:10])
    generated = statistics(train.features[[30, 5, 6]], space, levels[[30, 5]])
    found = memory(train.features, normal(40, 1) * 100, generated.features)
    shown = picture(generated, train, found)
    assert shown is not None
    assert shown.size == (10, 4), "of three copies one is kept on both sides"
    assert picture(generated, replace(train, kept=levels[:5]), found) is None
