"""A robust z-score is a z-score where nothing is odd, and does not heed what is."""

import numpy as np
import pytest

from zerosum.diagnosis.outliers import LEAST, WINDOW, largest_since, robust_z

NOISE = np.random.default_rng(3).normal(5.0, 0.5, 2_000)


def test_of_a_normal_series_it_is_standard_normal():
    z = robust_z(NOISE)[WINDOW:]
    assert np.median(z) == pytest.approx(0, abs=0.1)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.03)
    assert np.abs(z).max() < 6


@pytest.mark.parametrize("place", [LEAST, WINDOW, 999])
def test_it_is_that_of_its_formula(place):
    before = NOISE[max(0, place - WINDOW) : place]
    spread = 1.4826 * np.median(np.abs(before - np.median(before)))
    assert robust_z(NOISE)[place] == pytest.approx((NOISE[place] - np.median(before)) / spread)


def test_odd_values_before_count_for_nothing():
    odd = NOISE.copy()
    odd[1_000:1_010] = 1e6
    assert (robust_z(odd)[1_000:1_010] > 1e5).all()
    assert np.abs(robust_z(odd)[1_010:1_060]).max() < 8


def test_too_little_is_known_at_first_and_gaps_stay_gaps():
    values = NOISE[:100].copy()
    values[60] = np.nan
    z = robust_z(values)
    assert np.isnan(z[:LEAST]).all()
    assert np.flatnonzero(np.isnan(z[LEAST:])).tolist() == [60 - LEAST]


@pytest.mark.parametrize("level", [0.0, 1.0, -3.0])
def test_a_ripple_on_what_does_not_move_is_no_outlier(level):
    values = np.full(100, level)
    values[80] += 0.05 * abs(level)
    z = robust_z(values)[LEAST:]
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= 5 + 1e-9


@pytest.mark.parametrize("n", [0, 1, LEAST])
def test_short_series_tell_nothing(n):
    assert np.isnan(robust_z(np.ones(n))).all()
    assert len(robust_z(np.ones(n))) == n


def test_the_largest_since_the_moment_before():
    places, values = np.arange(1.0, 9.0), np.array([9.0, 1.0, np.nan, 4.0, np.nan, np.nan, 7.0, 2.0])
    np.testing.assert_equal(largest_since(values, places, np.array([2.0, 4.0, 6.0, 7.0])), [9.0, 4.0, np.nan, 7.0])
    assert len(largest_since(values, places, np.zeros(0))) == 0
