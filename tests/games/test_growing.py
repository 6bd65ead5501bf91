"""A game that grows knows real samples only as finely as it can make them."""

import pytest
import torch

from zerosum import recipes
from zerosum.data.core import Batch
from zerosum.diagnosis.probe import known
from zerosum.draw import Draw
from zerosum.games.growing import GROWTH
from zerosum.networks.growing import Growing, enlarged, reduced
from zerosum.recipes.options import build
from zerosum.spaces import Images

SPACE = Images((1, 16, 16))


def parts(game):
    return [part for network in game.networks.values() for part in network.modules() if isinstance(part, Growing)]


@pytest.fixture(scope="module")
def game():
    return build(recipes.recipe("progan"), SPACE, {"width": 4}).game


@pytest.fixture(scope="module")
def real():
    return Draw("real").uniform(3, 1, 16, 16)


def test_a_game_that_does_not_grow_knows_samples_as_they_are(real):
    plain = build(recipes.recipe("gan"), SPACE, {}).game
    assert torch.equal(plain.view(real), real)


@pytest.mark.parametrize("growth", [0.0, 1.0, 2.0])
def test_samples_are_as_fine_as_they_can_be_made(growth, game, real):
    levels = round(game.controls[GROWTH])
    for part in parts(game):
        with part.at(growth):
            pass
    coarser = levels - int(growth)
    expected = enlarged(reduced(real, coarser), coarser)
    torch.testing.assert_close(known(game, Batch(real)).real, expected)


@pytest.mark.parametrize(("name", "levels"), [("progan", 2), ("stylegan", 1)])
def test_an_average_begins_anew_with_every_level(name, levels):
    """Else the first weights of what comes in are remembered while it is faded in."""
    grow = 800
    plan = build(recipes.recipe(name), Images((1, 16, 16)), {"grow_samples": grow, "width": 4})
    begins = [seen for seen in range(1, 2 * grow) if plan.age(seen) == 0]
    assert begins == [(2 * level + 1) * grow // (2 * levels) for level in range(levels)]
    for seen in begins:
        held, coming = (plan.pace[GROWTH](when) for when in (seen, seen + 1))
        assert held < coming
    assert plan.age(begins[0] - 1) == begins[0] - 1
    assert plan.age(2 * grow) == 2 * grow - begins[-1]
