"""The support that is found is the one there is, where it is known."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.birthday import METRIC, Collisions, collisions, pairs, set_apart, support, threshold
from zerosum.metrics.core import Finding, Question
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Points

D = 40


def normal(n: int, seed: int) -> Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed))


def of(size: int, n: int, seed: int) -> Tensor:
    """n samples of a generator that knows `size` things, each as likely, and shows them with a little noise."""
    things = normal(size, 77)
    chosen = torch.randint(size, (n,), generator=torch.Generator().manual_seed(seed))
    return things[chosen] + 1e-3 * normal(n, seed + 1)


def finding(real: Tensor, generated: Tensor, confidence: bool = True) -> Finding:
    sides = [Statistics(Points((D,)), features, features, "") for features in (real, generated)]
    return METRIC.compute(Question(*sides, Draw(0), lambda shown: shown, confidence=confidence))["support"]


def holds(found: Collisions, truth: float) -> bool:
    assert found.interval is not None
    return found.interval.low <= truth <= found.interval.high


@pytest.mark.parametrize("size", [50, 500, 2000])
def test_the_size_of_the_support_is_found(size: int) -> None:
    found = [collisions(of(size, 400, 10 * seed), 0.1) for seed in range(40)]
    assert sum(each.pairs for each in found) / sum(each.count for each in found) == pytest.approx(size, rel=0.15)
    assert sum(holds(each, size) for each in found) >= 36


def test_unequal_shares_count_by_how_often_two_are_the_same() -> None:
    """Pairs of the most frequent things share samples, hence the dispersion; a Poisson interval would miss half."""
    weights = 1 / torch.arange(1, 201).double()
    truth = 1 / (weights / weights.sum()).square().sum().item()
    found = []
    for seed in range(60):
        chosen = torch.multinomial(weights, 300, replacement=True, generator=torch.Generator().manual_seed(seed))
        found.append(collisions(normal(200, 77)[chosen], 1e-6))
    assert min(each.dispersion for each in found) > 2
    assert sum(holds(each, truth) for each in found) / 60 >= 0.85


def test_degrees_are_those_of_a_plain_count() -> None:
    samples = of(100, 300, 3)
    distances = (samples.double()[:, None] - samples.double()[None]).square().sum(2).fill_diagonal_(math.inf)
    for square in (1e-4, 0.1, 40.0):
        found = collisions(samples, square)
        assert found.degrees.tolist() == (distances <= square).sum(1).tolist()
        assert found.count == int((distances <= square).sum()) // 2
        assert found.pairs == 300 * 299 / 2


@given(st.integers(5, 80), st.floats(1e-5, 0.5), st.integers(0, 100))
def test_the_threshold_sets_apart_as_many_real_pairs_as_it_says(n: int, rate: float, seed: int) -> None:
    real = normal(n, seed)
    assert collisions(real, threshold(real, rate=rate)).count == set_apart(n, rate)
    assert min(10, pairs(n)) <= set_apart(n, rate) <= pairs(n)


def test_real_samples_as_generated_have_the_real_support() -> None:
    real = normal(400, 1)
    found = finding(real, normal(400, 2))
    reference = found.details["if_equal"]
    assert found.interval is not None
    assert found.interval.low <= reference <= found.interval.high
    assert reference == pairs(400) / 10
    assert any(f"{reference:.0f}" in warning for warning in found.warnings)


def test_smaller_supports_are_seen_as_smaller() -> None:
    real = normal(300, 1)
    values = [finding(real, of(size, 300, 5)).value for size in (1000, 300, 100, 30, 1)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 1.0


def test_without_two_of_the_same_the_support_is_a_lower_bound() -> None:
    found = finding(normal(200, 1), 100 * normal(200, 2))
    assert found.details["bound"] == "lower"
    assert found.interval is None
    assert found.value == pytest.approx(pairs(200) / -math.log(0.05))
    assert any("at least this" in warning for warning in found.warnings)


@pytest.mark.parametrize("n", [2, 20, 200])
def test_copies_of_one_sample_have_a_support_of_1(n: int) -> None:
    found = collisions(torch.ones(n, D), 0.0)
    assert (found.support, found.dispersion) == (1.0, 1.0)
    assert holds(found, 1.0)


def test_copies_among_real_samples_leave_only_copies() -> None:
    real = normal(50, 1).repeat(2, 1)
    found = finding(real, torch.cat([real[:1], real[:1] + 1e-3, normal(98, 2), real[:1]]))
    assert found.details["same"] == 1
    assert any("copies among the real samples" in warning for warning in found.warnings)


def test_the_finding_is_json_and_says_what_it_depends_on() -> None:
    for generated in (of(20, 100, 1), 100 * normal(100, 2)):
        found = finding(normal(100, 1), generated)
        assert json.loads(json.dumps([found.value, found.settings, found.details], allow_nan=False))
        assert found.settings == {"rate": 1e-5, "real_pairs": 10}
    assert finding(normal(100, 1), of(20, 100, 1), confidence=False).interval is None


def test_the_fewest_samples_do_and_fewer_are_refused() -> None:
    assert math.isfinite(finding(normal(METRIC.fewest, 1), normal(METRIC.fewest, 2)).value)
    assert support(normal(2, 1), normal(2, 2)).pairs == 1
    with pytest.raises(UserError, match="of 1 generated samples"):
        support(normal(9, 1), normal(1, 2))
    with pytest.raises(UserError, match="not finite"):
        support(normal(9, 1), normal(9, 2) * math.nan)
