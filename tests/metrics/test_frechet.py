"""The Fréchet distance against closed forms and plain transcriptions, at full rank and below."""

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
from zerosum.metrics.frechet import METRIC, distance, frechet_distance, less, of_few, of_moments
from zerosum.metrics.statistics import Moments, Statistics, moments
from zerosum.spaces import Points

SIZES = st.tuples(st.integers(2, 40), st.integers(2, 40), st.integers(1, 12), st.integers(0, 10_000))
"""Numbers of real and generated samples, features, and a seed: above and below full rank."""


def features(n: int, d: int, *key: int | str) -> Tensor:
    """Correlated ones, each of another scale and mean."""
    draw = Draw(*key)
    mix = Draw("mix", d).normal(d, d).double() * torch.logspace(0, -2, d, dtype=torch.float64)
    return draw.normal(n, d).double() @ mix + draw.normal(d).double()


def transcription(real: Moments, generated: Moments) -> float:
    """Heusel 2017, eq. 6, by eigenvalues of the product."""
    roots = torch.linalg.eigvals(real.covariance @ generated.covariance).sqrt().real.sum()
    means = (real.mean - generated.mean).square().sum()
    return float(means + real.covariance.trace() + generated.covariance.trace() - 2 * roots)


def spread(*sides: Moments) -> float:
    return sum(float(side.covariance.trace()) for side in sides)


def statistics(values: Tensor) -> Statistics:
    return Statistics(Points((values.shape[1],)), values.float(), values.float(), "test")


def question(real: Tensor, generated: Tensor, seed: int = 0) -> Question:
    return Question(statistics(real), statistics(generated), Draw(seed), features_of=lambda shown: shown)


def found(real: Tensor, generated: Tensor, seed: int = 0) -> Finding:
    return METRIC.compute(question(real, generated, seed))["fd"]


@pytest.mark.parametrize(("n", "d"), [(50, 3), (400, 30), (4_000, 64)])
def test_at_full_rank_as_the_formula_has_it(n: int, d: int) -> None:
    real, generated = moments(features(n, d, 1)), moments(1.5 * features(n, d, 2))
    assert frechet_distance(real, generated) == pytest.approx(transcription(real, generated), rel=1e-9)


@given(SIZES)
def test_below_full_rank_as_the_nuclear_norm_has_it(sizes: tuple[int, int, int, int]) -> None:
    m, n, d, seed = sizes
    a, b = features(m, d, seed, "real"), features(n, d, seed, "generated")
    A, B = ((side - side.mean(0)) / math.sqrt(len(side) - 1) for side in (a, b))
    common = torch.linalg.matrix_norm(A @ B.T, "nuc")
    expected = (a.mean(0) - b.mean(0)).square().sum() + A.square().sum() + B.square().sum() - 2 * common
    real, generated = moments(a), moments(b)
    allowed = 1e-9 * spread(real, generated)
    assert frechet_distance(real, generated) == pytest.approx(float(expected), rel=1e-9, abs=allowed)


@given(SIZES)
def test_features_and_their_moments_say_the_same(sizes: tuple[int, int, int, int]) -> None:
    m, n, d, seed = sizes
    a, b = features(m, d, seed, "real"), features(n, d, seed, "generated")
    real, generated = moments(a), moments(b)
    allowed = 1e-9 * spread(real, generated)
    by_features = distance(of_few(a), of_few(b))
    assert frechet_distance(real, generated) == pytest.approx(by_features, rel=1e-9, abs=allowed)
    assert distance(of_few(a), of_moments(generated)) == pytest.approx(by_features, rel=1e-9, abs=allowed)


@given(SIZES)
def test_of_equal_sets_it_is_zero(sizes: tuple[int, int, int, int]) -> None:
    n, _, d, seed = sizes
    same = moments(features(n, d, seed))
    assert 0 <= frechet_distance(same, same) <= 1e-12 * spread(same)


@given(SIZES)
def test_it_is_symmetric_and_never_negative(sizes: tuple[int, int, int, int]) -> None:
    m, n, d, seed = sizes
    real, generated = moments(features(m, d, seed)), moments(features(n, d, seed, "other"))
    there, back = frechet_distance(real, generated), frechet_distance(generated, real)
    assert there >= 0
    assert there == pytest.approx(back, rel=1e-9, abs=1e-9 * spread(real, generated))


@given(SIZES, st.floats(0.01, 100))
def test_turning_and_shifting_both_changes_nothing_and_scales_square(
    sizes: tuple[int, int, int, int], scale: float
) -> None:
    m, n, d, seed = sizes
    a, b = features(m, d, seed), features(n, d, seed, "other")
    turn = torch.linalg.qr(Draw(seed, "turn").normal(d, d).double()).Q
    moved = [moments(scale * (side @ turn + 3)) for side in (a, b)]
    real, generated = moments(a), moments(b)
    expected = scale**2 * frechet_distance(real, generated)
    assert frechet_distance(*moved) == pytest.approx(expected, rel=1e-8, abs=1e-8 * spread(*moved))


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9), st.floats(-9, 9)), min_size=1, max_size=8))
def test_closed_form_of_covariances_that_commute(entries: list[tuple[float, float, float]]) -> None:
    """Standard deviations may be 0 in one set or in both."""
    first, second, shift = torch.tensor(entries, dtype=torch.float64).T
    turn = torch.linalg.qr(Draw(len(entries)).normal(len(entries), len(entries)).double()).Q
    real = Moments(99, torch.zeros_like(shift), turn * first.square() @ turn.T)
    generated = Moments(99, turn @ shift, turn * second.square() @ turn.T)
    expected = float(shift.square().sum() + (first - second).square().sum())
    # rounding of a covariance, 1e-16 of its largest entry, is 1e-8 in a standard deviation that should be 0
    allowed = 1e-7 * float(first.square().max() + second.square().max())
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-9, abs=allowed)


@pytest.mark.parametrize("power", [0, 2, 4, 6, 8])
def test_steep_spectra_keep_their_digits(power: float) -> None:
    """Condition numbers up to 1e14; the closed form of S and 4 S is tr S."""
    deviation = torch.arange(1, 61, dtype=torch.float64) ** (-power / 2)
    turn = torch.linalg.qr(Draw("turn").normal(60, 60).double()).Q
    covariance = turn * deviation.square() @ turn.T
    covariance = (covariance + covariance.T) / 2
    near, far = (Moments(10_000, torch.zeros(60), scale * covariance) for scale in (1, 4))
    assert frechet_distance(near, far) == pytest.approx(float(covariance.trace()), rel=1e-9)


def test_features_that_are_copies_or_constant_do_no_harm() -> None:
    a, b = features(200, 5, 1), features(200, 5, 2)
    twice = [torch.cat([side, side, torch.ones(200, 3)], 1) for side in (a, b)]
    assert found(*twice).value == pytest.approx(2 * found(a, b).value, rel=1e-6)
    one = moments(torch.ones(10, 4))
    assert frechet_distance(one, moments(3 * torch.ones(20, 4))) == 16.0


@given(st.integers(3, 30), st.integers(1, 6), st.integers(0, 10_000))
def test_moments_of_what_is_left(n: int, d: int, seed: int) -> None:
    values = features(n, d, seed)
    out = Draw(seed, "out").permutation(n)[: max(1, n // 3)]
    kept = torch.ones(n, dtype=torch.bool)
    kept[out] = False
    left, expected = less(moments(values), values[out]), moments(values[kept])
    assert left.n == expected.n
    torch.testing.assert_close(left.mean, expected.mean)
    torch.testing.assert_close(left.covariance, expected.covariance, rtol=1e-9, atol=1e-9)


def remaining(values: Tensor, draw: Draw, groups: int) -> list[Tensor]:
    """What is left of samples without each of random groups."""
    parts = draw.permutation(len(values)).tensor_split(groups)
    return [torch.stack([row for place, row in enumerate(values) if place not in part.tolist()]) for part in parts]


@pytest.mark.parametrize(("n", "d"), [(40, 3), (21, 20), (20, 20), (12, 20)])
def test_the_jackknife_leaves_groups_out(n: int, d: int) -> None:
    """The interval is that of distances computed anew without each group, around, at and below full rank."""
    a, b = features(n, d, "a").float(), features(n + 3, d, "b").float()
    result = found(a, b, seed=7)
    draw, groups = Draw(7).sub("fd"), min(20, n)
    sets = [remaining(side, draw.sub(name), groups) for name, side in (("real", a), ("generated", b))]
    left = [frechet_distance(moments(x), moments(y)) for x, y in zip(*sets, strict=True)]
    error = math.sqrt((groups - 1) * torch.tensor(left, dtype=torch.float64).var(correction=0).item())
    assert result.interval is not None
    assert result.interval.high - result.value == pytest.approx(1.959963984540054 * error, rel=1e-6)
    assert result.details["bias"] == pytest.approx((groups - 1) * (sum(left) / groups - result.value), rel=1e-5)


def test_the_interval_is_as_wide_as_the_distance_varies() -> None:
    """Over 200 pairs of sets the mean standard error is the standard deviation of the distances within a quarter."""
    results = [found(Draw(i, "a").normal(200, 4), 0.7 + Draw(i, "b").normal(300, 4)) for i in range(200)]
    deviation = torch.tensor([result.value for result in results]).std().item()
    widths = [result.interval.high - result.value for result in results if result.interval]
    assert len(widths) == 200
    assert sum(widths) / 200 / 1.96 == pytest.approx(deviation, rel=0.25)


def test_the_bias_is_what_samples_of_one_distribution_lie_apart() -> None:
    results = [found(Draw(i, "a").normal(200, 6), Draw(i, "b").normal(200, 6)) for i in range(20)]
    mean = sum(result.value for result in results) / 20
    bias = sum(result.details["bias"] for result in results) / 20
    assert mean > 0
    assert abs(mean - bias) < 0.2 * mean


def test_equal_draws_give_equal_findings_and_others_the_same_value() -> None:
    a, b = features(60, 4, 1), features(50, 4, 2)
    assert found(a, b) == found(a, b)
    assert found(a, b, seed=1).value == found(a, b).value
    assert found(a, b, seed=1).interval != found(a, b).interval


def test_no_interval_unless_asked_for() -> None:
    asked = question(features(60, 4, 1), features(50, 4, 2))
    left = METRIC.compute(replace(asked, confidence=False))["fd"]
    assert left.interval is None
    assert "bias" not in left.details
    assert left.value == METRIC.compute(asked)["fd"].value


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_few_samples_are_told_of_and_do_not_crash(n: int) -> None:
    result = found(features(n, 8, 1), features(n, 8, 2))
    assert math.isfinite(result.value)
    assert (result.interval is None) == (n < 3)
    assert "kid" in result.warnings[0]
    assert f"n = {n} is not above the feature dimension 8" in result.warnings[0]


def test_warnings_end_with_ten_samples_a_feature() -> None:
    assert found(features(200, 5, 1), features(49, 5, 2)).warnings
    assert not found(features(200, 5, 1), features(50, 5, 2)).warnings


def test_few_samples_of_one_distribution_lie_further_apart_than_many() -> None:
    few, many = (found(Draw("a").normal(n, 16), Draw("b").normal(n, 16)).value for n in (16, 1_600))
    assert few > 20 * many


@pytest.mark.parametrize(
    ("real", "generated", "said"),
    [
        (Moments(9, torch.zeros(2), torch.eye(2)), Moments(9, torch.zeros(3), torch.eye(3)), "not 2 real with 3"),
        (Moments(9, torch.zeros(2), torch.eye(2)), Moments(9, torch.full((2,), math.nan), torch.eye(2)), "not finite"),
        (Moments(9, torch.zeros(2), torch.eye(2)), Moments(9, torch.zeros(2), math.inf * torch.eye(2)), "not finite"),
    ],
)
def test_mistakes_are_said(real: Moments, generated: Moments, said: str) -> None:
    with pytest.raises(UserError, match=said):
        frechet_distance(real, generated)
