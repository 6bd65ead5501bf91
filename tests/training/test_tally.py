import json

import pytest
import torch
from torch import Tensor

from zerosum.training.tally import Tally


def one(value: float) -> Tensor:
    return torch.tensor(value)


def test_means_are_over_the_moves_and_over_all_values_of_a_tensor():
    tally = Tally()
    for index in range(4):
        tally.add("D", index, {"D/loss": one(float(index)), "d_real": torch.tensor([[index, 2.0 * index]])})
    tally.add("G", 3, {"G/loss": torch.tensor(7, dtype=torch.bfloat16)})
    assert tally.means() == {"D/loss": 1.5, "d_real": 2.25, "G/loss": 7.0}


def test_a_cleared_tally_begins_anew():
    tally = Tally()
    tally.add("D", 0, {"a": one(5.0)})
    tally.clear()
    assert tally.means() == {}
    tally.add("D", 1, {"a": one(1.0)})
    assert tally.means() == {"a": 1.0}


def test_nothing_is_remembered_of_the_graph():
    tally, weight = Tally(), torch.ones((), requires_grad=True)
    tally.add("D", 0, {"a": weight * 2})
    assert not tally.tensors()["D"].requires_grad


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("when", [0, 1, 4])
def test_the_first_bad_value_is_found_however_many_follow(bad, when):
    tally = Tally()
    for index in range(6):
        tally.add("D", index, {"D/loss": one(1.0), "D/norm": one(bad if index == when else 1.0)})
        tally.add("G", index, {"G/loss": one(bad if index >= when else 1.0)})
    found = tally.first_bad()
    assert (found.round_index, found.name) == (when, "D/norm")


def test_infinities_of_both_signs_do_not_make_it_finite_again():
    tally = Tally()
    for index, value in enumerate((1.0, float("inf"), -float("inf"), 1.0)):
        tally.add("D", index, {"a": one(value)})
    assert tally.first_bad().round_index == 1


def test_all_well_is_said_so():
    tally = Tally()
    assert tally.first_bad() is None
    tally.add("D", 0, {"a": one(1e30)})
    assert tally.first_bad() is None


def test_a_lazy_phase_is_first_where_it_is_played_first():
    """It was not played in the round after the last report, and still comes before the generator in its own."""
    tally = Tally()
    for index, phases in enumerate((("D", "G"), ("D", "D_r1", "G"))):
        for phase in phases:
            tally.add(phase, index, {phase: one(float("nan") if index == 1 and phase != "D" else 0.0)})
    assert tally.first_bad().name == "D_r1"


def test_of_one_moves_values_the_term_is_named_before_the_gradient():
    tally = Tally()
    tally.add("D", 5, {"D/adversarial": one(float("nan")), "D/grad_norm": one(float("nan"))})
    assert tally.first_bad().name == "D/adversarial"


def test_what_is_under_way_resumes():
    whole, stopped, resumed = Tally(), Tally(), Tally()
    for tally in (whole, stopped):
        for index in range(3):
            tally.add("D", index, {"a": one(0.1 * index), "b": one(1.0)})
        tally.add("D_r1", 2, {"r1": one(3.0)})
    resumed.restore(json.loads(json.dumps(stopped.describe())), stopped.tensors())
    for tally in (whole, resumed):
        tally.add("G", 3, {"g": one(1.0)})
        tally.add("D", 3, {"a": one(2.0), "b": one(2.0)})
    assert resumed.means() == whole.means()
    for tally in (whole, resumed):
        tally.add("G", 4, {"g": one(float("nan"))})
        tally.add("D", 4, {"a": one(float("nan")), "b": one(2.0)})
    assert resumed.first_bad() == whole.first_bad()
    assert whole.first_bad()[2:] == (4, "g")


def test_a_term_that_comes_and_goes_counts_while_it_is_there():
    whole, stopped, resumed = Tally(), Tally(), Tally()
    moves = [{"a": 1.0}, {"a": 2.0, "b": 10.0}, {"a": 6.0, "b": 20.0}, {"a": 3.0}]
    for index, values in enumerate(moves):
        for tally in (whole, stopped) if index < 2 else (whole,):
            tally.add("D", index, {name: one(value) for name, value in values.items()})
    resumed.restore(json.loads(json.dumps(stopped.describe())), stopped.tensors())
    for index, values in enumerate(moves[2:], start=2):
        resumed.add("D", index, {name: one(value) for name, value in values.items()})
    assert whole.means() == resumed.means() == {"a": 3.0, "b": 15.0}
    whole.add("D", 4, {"a": one(1.0), "b": one(float("nan"))})
    assert whole.first_bad()[2:] == (4, "b")
