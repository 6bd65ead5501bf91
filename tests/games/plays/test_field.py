"""The field of a game and products with its Jacobian, against the whole Jacobian; what steps are made of them."""

import pytest
import torch
from torch import nn

from zerosum.games import CONSENSUS, PLAYS, Game, Phase, Player, Result
from zerosum.games.known import number
from zerosum.games.plays.field import Field, dot, plus
from zerosum.games.plays.orders import turns
from zerosum.optimizers import Optimizer
from zerosum.training.moves import EngineMove


def three_players(rate: float = 0.1) -> Game:
    """Losses of all; c lowers one that is linear in its own weight, and has a weight that nobody looks at."""
    a, b, c = number(0.3), number(-0.7), number(1.1)
    c["idle"] = nn.Parameter(torch.tensor(5.0, dtype=torch.float64))
    losses = {
        "a": lambda: a["w"] ** 3 * b["w"] + c["w"] ** 2 * a["w"],
        "b": lambda: torch.sin(a["w"] * b["w"]) + b["w"] ** 2,
        "c": lambda: 2 * c["w"],
    }
    networks = {"a": a, "b": b, "c": c}

    def phase(name: str) -> Phase:
        return Phase(name, (name,), lambda batch, draw, controls: Result({"value": losses[name]()}))

    sgd = Optimizer(name="sgd", lr=rate)
    players = {name: Player(nn.ModuleDict({name: network}), sgd) for name, network in networks.items()}
    return Game(players=players, phases=tuple(phase(name) for name in losses), samplers={})


def slope(w: torch.Tensor) -> torch.Tensor:
    """ξ of the game above."""
    a, b, c = w
    along = torch.cos(a * b) * a
    return torch.stack([3 * a**2 * b + c**2, along + 2 * b, 2 * torch.ones_like(c)])


@pytest.fixture
def turn(make_table):
    game = three_players()
    table = make_table(game)
    return [EngineMove(table, phase, 0, 0) for phase in game.phases]


@pytest.fixture
def whole():
    """ξ and J at the game's start, by torch.func."""
    w = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)
    return slope(w), torch.func.jacrev(slope)(w)


def dense(v) -> torch.Tensor:
    """The entries of the weights that are looked at."""
    return torch.stack([torch.zeros((), dtype=torch.float64) if x is None else x for x in v[:3]])


def test_products_are_those_of_the_jacobian(turn, whole):
    xi, J = whole
    field = Field(turn)
    assert [value is None for value in field.slope] == [False, False, False, True]
    torch.testing.assert_close(dense(field.slope), xi)
    torch.testing.assert_close(dense(field.transposed(field.slope)), J.T @ xi)
    torch.testing.assert_close(dense(field.along(field.slope)), J @ xi)


@pytest.mark.parametrize("order", ["consensus", "symplectic"])
def test_steps_are_as_published(turn, whole, order):
    xi, J = whole
    A = (J - J.T) / 2
    uphill = J.T @ xi
    sign = torch.sign((xi @ uphill) * (A.T @ xi @ uphill) / 4 + 0.1)  # of four weights
    expected = {"consensus": xi + 0.5 * uphill, "symplectic": xi + sign * A.T @ xi}[order]
    before = [p.item() for move in turn for p in move.parameters]
    PLAYS[order](list(turn), {CONSENSUS: 0.5})
    after = [p.item() for move in turn for p in move.parameters]
    moved = torch.tensor(after, dtype=torch.float64) - torch.tensor(before, dtype=torch.float64)
    torch.testing.assert_close(moved[:3], -0.1 * expected)
    assert moved[3] == 0


def test_what_is_written_down_is_what_other_ways_write_down(turn):
    PLAYS["consensus"](list(turn), {CONSENSUS: 0.0})
    joint = turn[0].table.tally.means()
    turn[0].table.tally.clear()
    PLAYS["simultaneous"](list(turn), {})
    assert joint.keys() == turn[0].table.tally.means().keys()


def test_players_of_several_moves_wait(make_table):
    """Also those that share only some of their players."""
    game = three_players()
    table = make_table(game)
    movers = {"x": ("a", "b"), "y": ("b",), "z": ("c",)}
    phases = [Phase(name, players, game.phases[0].loss) for name, players in movers.items()]
    found = [[move.phase.name for move in turn] for turn in turns([EngineMove(table, p, 0, 0) for p in phases])]
    assert found == [["x", "z"], ["y"]]


def test_in_extragradient_all_step_and_look_again():
    story: list[str] = []

    class Told:
        def __init__(self, name: str) -> None:
            self.phase = Phase(name, (name,), lambda batch, draw, controls: Result({}))
            self.parameters = [nn.Parameter(torch.zeros(()))]

        def gradients(self) -> None:
            story.append(f"look {self.phase.name} at {self.parameters[0].item():g}")

        def step(self) -> None:
            self.parameters[0].data += 1
            story.append(f"move {self.phase.name}")

    moves = [Told("D"), Told("G")]
    PLAYS["extragradient"](moves, {})
    once = ["look D at 0", "look G at 0", "move D", "move G"]
    assert story == [*once, "look D at 1", "look G at 1", "move D", "move G"]
    assert [move.parameters[0].item() for move in moves] == [1, 1]  # from where they began


def test_sums_and_products_take_nothing_for_zeros():
    one = torch.ones(())
    assert plus([None, one, None], 2.0, [None, one, one]) == [None, 3 * one, 2 * one]
    assert dot([None, one], [one, 3 * one]) == 3
    assert dot([None], [one]) == 0
