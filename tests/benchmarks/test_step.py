"""The tutorial's loops train copies of the plan's networks; turns are timed in pairs."""

import copy

import pytest
import step
import torch
from torch import Tensor, nn

from zerosum.games import Game
from zerosum.runs.setup import settle


@pytest.mark.parametrize("recipe", step.TUTORIALS)
def test_a_round_moves_both_copies_and_leaves_the_plan_alone(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"network": "mlp", "batch_size": 8, "latent_size": step.LATENT, "width": 16}
    setup = settle(recipe, "ring", given, precision="float32", progress=False)
    plan = setup.plan()
    before, copies = copy.deepcopy(plan.game.networks), {}
    original = step.TUTORIALS[recipe]

    def remembering(G: nn.Module, D: nn.Module, batches: list[Tensor], game: Game) -> step.Round:
        copies.update(G=G, D=D)
        return original(G, D, batches, game)

    monkeypatch.setitem(step.TUTORIALS, recipe, remembering)
    step.tutorial(setup, plan)()
    for name in "GD":
        same = unmoved(before[name], plan.game.networks[name])
        assert all(same)
        assert not any(unmoved(before[name], copies[name]))


def unmoved(before: nn.Module, after: nn.Module) -> list[bool]:
    """Which parameters are equal; the bias of a critic's score is left out: a Wasserstein loss does not move it."""
    pairs = zip(before.named_parameters(), after.parameters(), strict=True)
    return [torch.equal(a, b) for (name, a), b in pairs if not name.endswith("head.bias")]


def test_turns_alternate_who_begins() -> None:
    order: list[str] = []
    took = step.turns(lambda: order.append("ours"), lambda: order.append("theirs"), 3, 0.0)
    assert len(took) == 3
    assert all(ours >= 0 and theirs >= 0 for ours, theirs in took)
    assert order[-6:] == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
