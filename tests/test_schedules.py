import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerosum.errors import UserError
from zerosum.schedules import Decay, Growth, Steps, counts, words

STARTS = st.lists(st.integers(1, 10**9), unique=True, max_size=5).map(sorted)


@given(STARTS, st.integers(0, 2 * 10**9))
def test_a_value_holds_from_its_start_to_the_next(starts, samples_seen):
    schedule = Steps(tuple(range(len(starts) + 1)), tuple(starts))
    assert schedule(samples_seen) == sum(start <= samples_seen for start in starts)


@given(STARTS, st.data())
def test_what_is_written_is_read(starts, data):
    values = data.draw(st.lists(st.integers(1, 1000), min_size=len(starts) + 1, max_size=len(starts) + 1))
    text = ", ".join([str(values[0]), *(f"{v}@{s:_}" for v, s in zip(values[1:], starts, strict=True))])
    assert counts(text) == Steps(tuple(values), tuple(starts))


def test_words_and_whole_numbers_are_taken_as_well():
    assert words(" critic-first ,simultaneous@ 1_000") == Steps(("critic-first", "simultaneous"), (1000,))
    assert counts(5) == Steps((5,))
    assert counts("0", low=0) == Steps((0,))


@pytest.mark.parametrize("text", ["", "5@100", "5, 6", "5, 6@", "5, 6@x", "5, 6@-1", "5,, 6@3", ", 5@3", "5, 6@1.5"])
def test_what_cannot_be_read_is_refused_with_an_example(text):
    with pytest.raises(UserError, match=r"Cannot read the schedule .*such as '100, 5@1600'"):
        words(text)


@pytest.mark.parametrize("text", ["1, 2@5, 3@5", "1, 2@5, 3@4", "1, 2@0"])
def test_starts_must_increase(text):
    with pytest.raises(UserError, match="must increase"):
        words(text)


@pytest.mark.parametrize("text", ["0", "1001", "five", "5, x@100", "5, @100", "-1", "2.5", "1, 0@100", "²"])
def test_counts_are_whole_numbers_in_their_range(text):
    with pytest.raises(UserError, match="whole numbers from 1 to 1000"):
        counts(text)


@pytest.mark.parametrize(
    ("name", "begin", "factors"),
    [
        ("none", 0.0, [1, 1, 1, 1, 1, 1]),
        ("linear", 0.5, [1, 1, 1, 0.5, 0, 0]),
        ("linear", 0.0, [1, 0.75, 0.5, 0.25, 0, 0]),
        ("cosine", 0.5, [1, 1, 1, 0.5, 0, 0]),
        ("cosine", 0.0, [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0, 0]),
        ("linear", 1.0, [1, 1, 1, 1, 1, 0]),
    ],
)
def test_a_decay_falls_from_1_to_0(name, begin, factors):
    decay = Decay(name, begin, 1000)
    assert [decay(seen) for seen in (0, 250, 500, 750, 1000, 2000)] == pytest.approx(factors)


@given(
    name=st.sampled_from(["none", "linear", "cosine"]),
    begin=st.floats(0, 1),
    length=st.integers(1, 10**9),
    seen=st.lists(st.integers(0, 2 * 10**9), min_size=2, max_size=2).map(sorted),
)
def test_a_decay_never_rises_and_stays_a_share(name, begin, length, seen):
    early, late = (Decay(name, begin, length)(s) for s in seen)
    assert 0 <= late <= early <= 1


@pytest.mark.parametrize("levels", range(1, 11))
def test_growth_holds_whole_levels_exactly(levels):
    """As a share times the levels it must be a whole number, for else a next level would be there."""
    growth = Growth(levels, 1000 * levels)
    for level in range(levels):
        held = [levels * growth(1000 * level + seen) for seen in (0, 250, 500)]
        assert held == [level] * 3
        assert levels * growth(1000 * level + 750) == pytest.approx(level + 0.5)
    assert levels * growth(1000 * levels) == levels


@given(
    levels=st.integers(1, 10),
    first=st.integers(0, 10),
    over=st.integers(1, 10**9),
    seen=st.lists(st.integers(0, 2 * 10**9), min_size=2, max_size=2).map(sorted),
)
def test_growth_never_falls_and_ends_whole(levels, first, over, seen):
    growth = Growth(levels, over, first=min(first, levels))
    early, late = (growth(s) for s in seen)
    assert min(first, levels) / levels <= early <= late <= 1
    assert growth(over) == 1
