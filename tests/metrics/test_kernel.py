"""The kernel distance against the estimator written out, and its intervals against how it varies."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics import kernel
from zerosum.metrics.core import Finding, Question
from zerosum.metrics.kernel import METRIC, kid, polynomial_mmd
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Points

SIZES = st.tuples(st.integers(2, 30), st.integers(2, 30), st.integers(1, 6), st.integers(0, 10_000))


def transcription(real: Tensor, generated: Tensor) -> float:
    """Binkowski 2018, section 4: means over pairs of different samples, the kernel (x·y / d + 1)³."""
    (m, d), n = real.shape, len(generated)
    x, y = real.double(), generated.double()
    xx, yy, xy = ((a @ b.T / d + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within = (xx.sum() - xx.trace()) / (m * (m - 1)) + (yy.sum() - yy.trace()) / (n * (n - 1))
    return float(within - 2 * xy.mean())


def features(n: int, d: int, *key: int | str) -> Tensor:
    return Draw(*key).normal(n, d)


def statistics(values: Tensor) -> Statistics:
    return Statistics(Points((values.shape[1],)), values, values, "test")


def question(real: Tensor, generated: Tensor, seed: int = 0) -> Question:
    return Question(statistics(real), statistics(generated), Draw(seed), features_of=lambda shown: shown)


def found(real: Tensor, generated: Tensor, seed: int = 0) -> Finding:
    return METRIC.compute(question(real, generated, seed))["kid"]


@given(SIZES)
def test_as_the_estimator_has_it(sizes: tuple[int, int, int, int]) -> None:
    m, n, d, seed = sizes
    real, generated = features(m, d, seed, "real"), 1.3 * features(n, d, seed, "generated") + 0.5
    expected = pytest.approx(transcription(real, generated), rel=1e-9, abs=1e-9)
    assert polynomial_mmd(real, generated) == expected
    assert found(real, generated, seed).value == expected


@given(SIZES)
def test_it_is_symmetric_and_blind_to_order(sizes: tuple[int, int, int, int]) -> None:
    m, n, d, seed = sizes
    real, generated = features(m, d, seed, "real"), features(n, d, seed, "generated")
    expected = pytest.approx(polynomial_mmd(real, generated), rel=1e-9, abs=1e-9)
    assert polynomial_mmd(generated, real) == expected
    assert polynomial_mmd(real.flip(0), generated.flip(0)) == expected


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = features(50, 3, 1), features(33, 3, 2)
    whole = polynomial_mmd(real, generated)
    monkeypatch.setattr(kernel, "ROWS", 7)
    assert polynomial_mmd(real, generated) == pytest.approx(whole, rel=1e-12)


def test_no_bias_with_few_samples_and_negative_half_the_time() -> None:
    values = torch.tensor([polynomial_mmd(features(5, 3, i, "a"), features(8, 3, i, "b")) for i in range(600)])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(600)
    assert 0.3 < (values < 0).double().mean() < 0.8


def test_known_discrepancy() -> None:
    """In one dimension E (x x′ + 1)³ is 1 + 3 s⁴ for two normal numbers, 1 for one of them and 0; s = 2 against 0."""
    value = polynomial_mmd(2 * features(4_000, 1, 1), torch.zeros(3, 1))
    assert value == pytest.approx(3 * 2**4, rel=0.1)


def test_the_jackknife_leaves_groups_out() -> None:
    real, generated = features(45, 3, 1), features(30, 3, 2) + 0.5
    result = kid(real, generated, Draw(7))
    a, b = (side[Draw(7, name).permutation(len(side))] for name, side in (("real", real), ("generated", generated)))
    parts = list(zip(a.tensor_split(20), b.tensor_split(20), strict=True))
    rest = [[torch.cat([part[side] for part in parts[:i] + parts[i + 1 :]]) for side in (0, 1)] for i in range(20)]
    left = torch.tensor([transcription(x, y) for x, y in rest], dtype=torch.float64)
    assert result.interval is not None
    error = math.sqrt(19 * left.var(correction=0).item())
    assert result.interval.high - result.value == pytest.approx(1.959963984540054 * error, rel=1e-9)
    assert result.settings["subset_size"] == {"real": 45, "generated": 30}


def test_many_samples_are_compared_in_disjoint_subsets() -> None:
    real, generated = features(135, 3, 1), features(120, 3, 2) + 0.5
    result = kid(real, generated, Draw(7), subset_size=12)
    a, b = (side[Draw(7, name).permutation(len(side))] for name, side in (("real", real), ("generated", generated)))
    values = [transcription(a[i : i + 12], b[i : i + 12]) for i in range(0, 120, 12)]
    assert result.value == pytest.approx(sum(values) / 10, rel=1e-9)
    assert result.interval is not None
    error = torch.tensor(values, dtype=torch.float64).std().item() / math.sqrt(10)
    assert result.interval.high - result.value == pytest.approx(1.959963984540054 * error, rel=1e-9)
    assert (result.settings["subsets"], result.settings["subset_size"]) == (10, 12)


def test_never_more_subsets_than_asked_for_nor_more_samples_than_ten_of_them() -> None:
    a, b = features(400, 2, 1), features(300, 2, 2)
    assert kid(a, b, Draw(0), subsets=11, subset_size=20).settings["subsets"] == 11
    sizes = kid(a, b, Draw(0), subset_size=35).settings["subset_size"]
    assert sizes == {"real": 350, "generated": 300}


@pytest.mark.parametrize("subset_size", [1_000, 20])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_interval_is_as_wide_as_the_distance_varies(subset_size: int, shift: float) -> None:
    """Over 100 pairs of sets; where both are of one distribution, the jackknife may be wider, never much narrower."""
    results = [
        kid(features(200, 3, i, "a"), features(240, 3, i, "b") + shift, Draw(i), subset_size=subset_size)
        for i in range(100)
    ]
    deviation = torch.tensor([result.value for result in results]).std().item()
    errors = [(result.interval.high - result.value) / 1.96 for result in results if result.interval]
    assert len(errors) == 100
    assert 0.8 * deviation <= sum(errors) / 100 <= (1.25 if shift or subset_size == 20 else 2) * deviation


def test_equal_draws_give_equal_findings() -> None:
    a, b = features(60, 4, 1), features(50, 4, 2)
    assert found(a, b) == found(a, b)
    assert found(a, b, seed=1).interval != found(a, b).interval


def test_no_interval_unless_asked_for() -> None:
    asked = question(features(60, 4, 1), features(50, 4, 2))
    left, subsets = METRIC.compute(replace(asked, confidence=False))["kid"], {"subset_size": 5, "confidence": False}
    assert left.interval is None
    assert left.value == METRIC.compute(asked)["kid"].value
    assert kid(asked.real.features, asked.generated.features, Draw(0), **subsets).interval is None


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_samples_are_told_of_and_do_not_crash(n: int) -> None:
    result = found(features(n, 8, 1), features(n, 8, 2))
    assert math.isfinite(result.value)
    assert (result.interval is None) == (n < 3)
    assert f"n = {n}" in result.warnings[0]
    assert not found(features(100, 8, 1), features(100, 8, 2)).warnings


@pytest.mark.parametrize(
    ("real", "generated", "said"),
    [
        (torch.ones(1, 2), torch.ones(5, 2), "not 1 real and 5 generated"),
        (torch.ones(5, 2), torch.ones(5, 3), "not 2 real with 3 generated"),
    ],
)
def test_mistakes_are_said(real: Tensor, generated: Tensor, said: str) -> None:
    with pytest.raises(UserError, match=said):
        polynomial_mmd(real, generated)
    with pytest.raises(UserError, match=said):
        kid(real, generated, Draw(0))


@pytest.mark.parametrize(("subsets", "subset_size"), [(1, 10), (10, 1)])
def test_subsets_that_give_no_interval_are_refused(subsets: int, subset_size: int) -> None:
    with pytest.raises(UserError, match=f"not {subsets} of {subset_size}"):
        kid(features(50, 2, 1), features(50, 2, 2), Draw(0), subsets=subsets, subset_size=subset_size)
