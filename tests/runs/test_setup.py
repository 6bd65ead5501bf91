"""What a run is made from: options told apart, and changes of plan."""

import pytest

from zerosum.errors import UserError
from zerosum.runs.resuming import refuse_changed
from zerosum.runs.setup import revised, split

PLAN = {
    "training": {"seed": 3, "length_samples": 4000},
    "options": {"width": 8, "length_samples": 4000},
    "revisions": [{"samples_seen": 1000, "length_samples": 4000}],
}


def test_options_of_the_data_and_of_the_recipe_are_told_apart():
    of_data, rest = split({"resolution": "16", "width": 8, "flip": True})
    assert (of_data.resolution, of_data.flip, rest) == ("16", True, {"width": 8})


def test_the_same_length_is_no_revision():
    assert revised(PLAN, 4000, 4000) == PLAN


def test_another_length_is_put_on_record_and_the_plan_at_hand_stays():
    found = revised(PLAN, 4000, 9000)
    assert found["revisions"] == [*PLAN["revisions"], {"samples_seen": 4000, "length_samples": 9000}]
    assert found["training"] == {"seed": 3, "length_samples": 9000}
    assert found["options"] == {"width": 8, "length_samples": 9000}
    assert PLAN["training"]["length_samples"] == 4000
    assert len(PLAN["revisions"]) == 1


def test_a_recipe_whose_length_is_no_option_gets_none():
    assert revised(PLAN | {"options": {"width": 8}}, 4000, 9000)["options"] == {"width": 8}


def test_options_are_compared_as_the_plan_holds_them():
    refuse_changed({"betas": (0.5, 0.9)}, {"betas": [0.5, 0.9], "width": 8})
    refuse_changed({"critic_steps": 2}, {"critic_steps": "2"})
    with pytest.raises(UserError, match="width: 8 in the run, 9 given"):
        refuse_changed({"width": 9}, {"width": 8})
    with pytest.raises(UserError, match="widht: None in the run, 9 given"):
        refuse_changed({"widht": 9}, {"width": 8})
