import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerosum.diagnosis.course import course_of, settled

LOG = [
    {"samples_seen": 8, "D/adversarial": 1.0, "seconds": 0.1},
    {"samples_seen": 16, "D/adversarial": 2.0, "signal/auc": 0.75},
    {"samples_seen": 16, "note": "went back"},
    {"samples_seen": 24, "D/adversarial": None, "metric/kid": 0.5},
    {"samples_seen": 32, "G/grad_norm": 3.0, "signal/auc": None, "signal/drift": 0.25},
]


def test_a_course_has_a_row_for_each_probe_with_the_latest_of_all_else():
    course = course_of(LOG, 64)
    assert len(course) == 2
    assert course.samples_seen.tolist() == [16, 32]
    assert course.share.tolist() == [0.25, 0.5]
    np.testing.assert_equal(course.signal("auc"), [0.75, np.nan])
    np.testing.assert_equal(course.signal("drift"), [np.nan, 0.25])
    np.testing.assert_equal(course["D/adversarial"], [2.0, np.nan])
    np.testing.assert_equal(course["G/grad_norm"], [np.nan, 3.0])
    np.testing.assert_equal(course["metric/kid"], [np.nan, 0.5])


def test_what_was_never_logged_is_unknown():
    assert np.isnan(course_of(LOG, 64)["nothing"]).all()
    assert len(course_of(LOG, 64)["nothing"]) == 2


@pytest.mark.parametrize("lines", [[], LOG[:1], LOG[2:4]])
def test_without_a_probe_there_is_no_course(lines):
    course = course_of(lines, 64)
    assert len(course) == 0
    assert course.share.tolist() == []
    assert course["D/adversarial"].tolist() == []


def test_one_odd_figure_is_no_course():
    assert settled(np.array([1.0, 1, 1, 9, 1, 1])).max() == 1.0
    assert settled(np.array([1.0, 1, 9, 9, 9])).tolist()[-2:] == [9, 9]


def test_what_is_unknown_is_left_out_of_a_median():
    values = settled(np.array([np.nan, 2.0, np.nan, np.inf, np.nan, np.nan, np.nan]))
    np.testing.assert_equal(values, [np.nan, 2, 2, 2, np.nan, np.nan, np.nan])


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20), st.integers(1, 5))
def test_settled_values_lie_between_those_they_come_from(values, width):
    found = settled(np.array(values), width)
    assert len(found) == len(values)
    for end, value in enumerate(found.tolist(), 1):
        window = [v for v in values[max(0, end - width) : end] if math.isfinite(v)]
        assert math.isnan(value) if not window else min(window) <= value <= max(window)
