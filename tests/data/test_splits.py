import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerosum.data import open_data
from zerosum.data.options import DataOptions
from zerosum.data.splits import LARGEST_HELD_OUT, split
from zerosum.errors import Notice

counts = st.integers(2, 300)
fractions = st.floats(0.01, 0.99)


@given(counts, fractions, st.integers(1, 12), st.integers(0, 99))
def test_every_class_gives_its_share(count: int, fraction: float, classes: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, count)
    train, held_out = split(count, fraction, labels)
    assert np.array_equal(np.sort(np.concatenate([train, held_out])), np.arange(count))
    for number in range(classes):
        size, held = (labels == number).sum(), (labels[held_out] == number).sum()
        if size > 1:
            assert 1 <= held < size
        assert abs(held - fraction * size) <= 1


@given(counts, fractions, st.integers(1, 5))
def test_groups_are_never_parted(count: int, fraction: float, members: int) -> None:
    groups = np.arange(count) // members
    train, held_out = split(count, fraction, groups=groups)
    assert not set(groups[train]) & set(groups[held_out])
    assert len(train) + len(held_out) == count


@given(counts, fractions)
def test_the_split_is_fixed(count: int, fraction: float) -> None:
    for first, again in zip(split(count, fraction), split(count, fraction), strict=True):
        assert np.array_equal(first, again)


def test_the_split_is_the_one_of_old_runs() -> None:
    assert split(20, 0.25)[1].tolist() == [2, 4, 6, 8, 18]


def test_the_split_is_scattered() -> None:
    held_out = split(10_000, 0.2)[1]
    assert np.histogram(held_out, bins=10, range=(0, 10_000))[0].min() > 150


def test_no_more_is_held_out_than_judges_need() -> None:
    assert len(split(200_000, 0.5)[1]) == LARGEST_HELD_OUT


def test_a_share_beyond_the_most_is_told_where_it_was_asked_for():
    points = np.random.default_rng(0).normal(size=(60_000, 2)).astype(np.float32)
    with pytest.warns(Notice, match=r"Held out are 10,000 of 60,000 .* not the share of 0\.5"):
        assert open_data(points, DataOptions(held_out=0.5)).held_out.size == LARGEST_HELD_OUT
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        assert open_data(points).held_out.size == LARGEST_HELD_OUT
        assert open_data(points, DataOptions(held_out=0.1)).held_out.size == 6_000
