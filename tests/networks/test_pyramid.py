"""Sizes that doublings can reach."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerosum.errors import UserError
from zerosum.networks.pyramid import LARGEST, SMALLEST, Pyramid, nearest_sizes, pyramid

SIDE = st.integers(1, 300)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 64), Pyramid((4, 4), 4)),
        ((32, 32), Pyramid((4, 4), 3)),
        ((28, 28), Pyramid((7, 7), 2)),
        ((48, 48), Pyramid((6, 6), 3)),
        ((64, 32), Pyramid((8, 4), 3)),
        ((96, 48), Pyramid((6, 3), 4)),
        ((6, 8), Pyramid((3, 4), 1)),
    ],
)
def test_bases(size, expected):
    assert pyramid(size, "dcgan") == expected


@given(height=SIDE, width=SIDE)
def test_a_pyramid_reaches_the_size_or_sizes_that_work_are_named(height, width):
    near = nearest_sizes(height, width)
    if near[0] != (height, width):
        with pytest.raises(UserError, match=" or ".join(f"{h}x{w}" for h, w in near)):
            pyramid((height, width), "dcgan")
    for size in near:
        found = pyramid(size, "dcgan")
        assert tuple(side << found.levels for side in found.base) == size
        assert all(SMALLEST <= side <= LARGEST for side in found.base)
        assert found.levels >= 1


@given(levels=st.integers(1, 8), width=st.integers(1, 100), cap=st.integers(1, 600))
def test_channels_double_up_to_the_cap(levels, width, cap):
    channels = Pyramid((4, 4), levels).channels(width, cap)
    assert len(channels) == levels
    assert channels[0] == min(width, cap)
    assert all(b == min(2 * a, cap) for a, b in pairwise(channels))
