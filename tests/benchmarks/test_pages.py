"""What pages say of records: the command that made a picture, what a trick is worth, what happens at a fade."""

from typing import Any

import pytest
from curves import Point
from gallery_page import command
from growing import fades, rise_within
from tricks_page import differences, mean_and_error, verdict


def of_seed(seed: int, **figures: float) -> dict[str, Any]:
    return {"seed": seed, "figures": figures}


def test_a_command_is_that_of_the_record() -> None:
    options = {"recipe": "progan", "data": "digits", "length": 640, "samples": 2_000, "grow_samples": 320}
    assert command({"options": options}) == "zerosum train progan --data digits --length-samples 640 --grow-samples 320"


def test_differences_are_of_seeds_that_both_have() -> None:
    tricked = [of_seed(0, modes=8.0), of_seed(2, modes=7.0), of_seed(3, modes=1.0)]
    plain = [of_seed(0, modes=6.0), of_seed(1, modes=5.0), of_seed(2, modes=8.0)]
    assert differences(tricked, plain, "modes") == [2.0, -1.0]


def test_a_mean_has_its_standard_error() -> None:
    assert mean_and_error([1.0, 2.0, 3.0]) == (2.0, pytest.approx(1 / 3**0.5))
    assert mean_and_error([4.0]) == (4.0, 0.0)


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        ({"modes": [2.0, 3.0, 2.0], "hq": [0.1, -0.1, 0.0]}, "modes better"),
        ({"modes": [-1.0, 1.0, 0.0], "reverse_kl": [0.5, 0.6, 0.5]}, "reverse KL worse"),
        ({"modes": [-1.0, 1.0, 0.0]}, "no difference"),
    ],
)
def test_a_difference_is_called_one_beyond_two_standard_errors(apart: dict[str, list[float]], said: str) -> None:
    assert verdict(apart) == said


def test_a_rise_is_the_largest_distance_in_a_fade_over_the_one_where_it_begins() -> None:
    course = [Point(seen, value, value, value) for seen, value in ((10, 9.0), (21, 4.0), (30, 5.0), (40, 3.0))]
    assert rise_within(course, 20, 35) == 1.25
    assert rise_within(course, 22, 35) == 1.25
    assert rise_within(course, 0, 5) is None
    assert fades(600) == [(100.0, 200.0), (300.0, 400.0), (500.0, 600.0)]
