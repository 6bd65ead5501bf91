"""The tutorial's loops train copies of the plan's networks; turns are timed in pairs; FLOP are counted."""

import copy
from typing import Any

import pytest
import speed
import torch
from torch import Tensor, nn
from tutorials import TUTORIALS, Loop, Round

from zerosum.runs.setup import settle
from zerosum.training.devices import threads

POINTS = {"data": "ring", "network": "mlp", "batch_size": 8, "width": 16}
SMALL: dict[str, dict[str, Any]] = {
    **dict.fromkeys(TUTORIALS, POINTS),
    "dcgan": {"data": "16x16x3", "batch_size": 8, "width": 4},
    "cyclegan": {"data": "glyphs:sans-serif", "resolution": "16", "width": 4, "blocks": 1, "batch_size": 8},
}


@pytest.mark.parametrize("recipe", TUTORIALS)
def test_a_round_moves_all_copies_and_leaves_the_plan_alone(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(SMALL[recipe])
    setup = settle(recipe, speed.material(given.pop("data")), given, precision="float32", progress=False)
    plan = setup.plan()
    before, copies = copy.deepcopy(plan.game.networks), dict[str, nn.Module]()
    original = TUTORIALS[recipe]

    def remembering(loop: Loop) -> Round:
        copies.update(loop.networks)
        return original(loop)

    monkeypatch.setitem(TUTORIALS, recipe, remembering)
    speed.tutorial(setup, plan)()
    for name, network in before.items():
        assert all(unmoved(network, plan.game.networks[name]))
        assert not any(unmoved(network, copies[name]))


def unmoved(before: nn.Module, after: nn.Module) -> list[bool]:
    """Which parameters are equal; the bias of a critic's score is left out: some losses do not move it."""
    pairs = zip(before.named_parameters(), after.parameters(), strict=True)
    return [torch.equal(a, b) for (name, a), b in pairs if not name.endswith("head.bias")]


def test_a_loader_gives_whole_batches_of_values_from_minus_one_to_one() -> None:
    setup = settle("dcgan", speed.material("16x16x3"), {"batch_size": 8}, precision="float32", progress=False)
    real, condition = speed.loaded(setup, 8)()
    assert condition is None
    assert real.shape == (8, 3, 16, 16)
    assert -1 <= real.min() < -0.9
    assert 0.9 < real.max() <= 1


def test_figures_are_medians_of_turns_and_the_ceiling_is_a_round_at_the_peak() -> None:
    took = [speed.Turn(ours, 4.0, 0.5) for ours in (1.0, 2.0, 4.0)]
    found = speed.figures(took, {"ours": 50.0, "theirs": 60.0}, 100.0, 8)
    assert found["ratio"] == 2
    assert found["peak_share"] == 50 / 2 / (100 / 0.5)
    assert found["ceiling"] == found["ratio"] / found["peak_share"]
    assert found["samples_per_second"] == 4


def test_the_peak_and_the_ratio_of_a_case_are_targets_of_their_own() -> None:
    targets = {case.name: {name: target.low for name, target in case.targets.items()} for case in speed.CASES}
    if not torch.cuda.is_available():
        assert targets["dcgan-64"] == {"ratio": 1.9, "peak_share": 0.75}
        assert targets["dcgan-64-compiled"] == {"ratio": 2.2, "peak_share": 0.75}
    assert targets["dcgan-32-loader"] == {}


def test_turns_alternate_who_begins() -> None:
    order: list[str] = []
    players = [lambda name=name: order.append(name) for name in ("ours", "theirs", "product")]
    took = speed.turns(*players, 1, 3, 0.0)
    assert len(took) == 3
    assert all(min(turn) >= 0 for turn in took)
    rounds = [name for name in order if name != "product"]
    assert rounds[-12::2] == rounds[-11::2] == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]


def test_only_our_rounds_have_the_threads_that_the_engine_chose() -> None:
    seen: dict[str, set[int]] = {"ours": set(), "theirs": set(), "product": set()}
    players = [lambda name=name: seen[name].add(torch.get_num_threads()) for name in seen]
    with threads(3):
        speed.turns(*players, 1, 2, 0.0, own_threads=2)
        assert torch.get_num_threads() == 3
    assert seen == {"ours": {2}, "theirs": {3}, "product": {3}}


def test_flop_are_those_of_products_forwards_and_backwards() -> None:
    """2 m n k for a product of `(m, k)` and `(k, n)`, and as much again for each gradient."""
    layer, x = nn.Linear(5, 7, bias=False), torch.randn(3, 5)

    def one_round() -> None:
        (slope,) = torch.autograd.grad(layer(x).sum(), layer.weight)
        assert isinstance(slope, Tensor)

    assert speed.counted(one_round, 2) == 2 * (2 * 3 * 5 * 7)
