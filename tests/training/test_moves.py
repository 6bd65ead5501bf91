"""One move at a time: who is frozen, what is averaged over, what is written down."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.draw import Draw
from zerosum.games import PLAYS, Game, Phase, Player, Result, Sampler
from zerosum.optimizers import Optimizer
from zerosum.training.moves import EngineMove, seed_layers
from zerosum.training.position import tensors_of


def two_numbers() -> Game:
    """min over x, max over y of x y + x^2 / 2: gradients (y + x, -x)."""
    networks = {name: nn.ParameterDict({"v": nn.Parameter(torch.tensor(1.0 + i))}) for i, name in enumerate("xy")}

    def loss(sign: float):
        def value(batch, draw, controls):
            x, y = networks["x"]["v"], networks["y"]["v"]
            seen.append((x.requires_grad, y.requires_grad))
            return Result({"value": sign * (x * y + x**2 / 2)}, {"x": x})

        return value

    seen: list[tuple[bool, bool]] = []
    game = Game(
        players={n: Player(nn.ModuleDict({n: net}), Optimizer(name="sgd", lr=0.1)) for n, net in networks.items()},
        phases=(Phase("X", ("x",), loss(1.0)), Phase("Y", ("y",), loss(-1.0))),
        samplers={"none": Sampler(lambda networks, batch, draw: batch.real)},
    )
    game.seen = seen
    return game


@pytest.fixture
def numbers(make_engine, make_plan):
    """A game of two numbers on the table: `(game, moves of one round)`."""
    game = two_numbers()
    table = make_engine(make_plan(game)).table
    return game, [EngineMove(table, phase, 0, 0) for phase in game.phases]


def values(game: Game) -> list[float]:
    return [game.networks[name]["v"].item() for name in "xy"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("critic-first", [1 - 0.1 * (2 + 1), 2 + 0.1 * 0.7]),  # Y answers X's move
        ("generator-first", [1 - 0.1 * (2.1 + 1), 2 + 0.1 * 1]),  # X answers Y's
        ("simultaneous", [1 - 0.1 * (2 + 1), 2 + 0.1 * 1]),  # both look at (1, 2)
    ],
)
def test_orders_of_play_differ_in_which_weights_are_looked_at(numbers, order, expected):
    game, moves = numbers
    PLAYS[order](list(moves), {})
    assert values(game) == pytest.approx(expected)


def test_simultaneous_play_moves_along_the_gradients_at_one_point(make_game, make_engine, make_plan):
    """Checked against autograd on a pair with a penalty, by plain gradient descent."""
    game = make_game(norm="none", optimizer=Optimizer(name="sgd", lr=0.1))
    engine = make_engine(make_plan(game))
    before = copy.deepcopy(game.networks)
    moves = [EngineMove(engine.table, phase, 0, 0) for phase in game.phases]
    expected = {}
    for phase in game.phases:
        (player,) = phase.players
        batch, draw = engine.table.dealer.deal(phase, 0, 0)
        total = sum(phase.loss(batch, draw, engine.position.controls).terms.values())
        parameters = dict(game.networks[player].named_parameters())
        expected[player] = dict(zip(parameters, torch.autograd.grad(total, list(parameters.values())), strict=True))
    PLAYS["simultaneous"](list(moves), {})
    for player, gradients in expected.items():
        for name, parameter in before[player].named_parameters():
            moved = dict(game.networks[player].named_parameters())[name]
            torch.testing.assert_close(moved.detach(), parameter.detach() - 0.1 * gradients[name])


def test_only_the_mover_records_gradients(numbers):
    game, moves = numbers
    for move in moves:
        move.gradients()
        move.step()
    assert game.seen == [(True, False), (False, True)]


def test_who_does_not_move_gets_no_gradient(make_game, make_engine, make_plan):
    game = make_game()
    table = make_engine(make_plan(game)).table
    for phase, other in zip(game.phases, "GD", strict=True):
        for network in game.networks.values():
            network.zero_grad(set_to_none=True)
        before = {key: value.clone() for key, value in tensors_of({other: game.networks[other]}).items()}
        move = EngineMove(table, phase, 0, 0)
        move.gradients()
        move.step()
        assert all(p.grad is None for p in game.networks[other].parameters())
        assert all(p.grad is not None for p in game.networks[phase.name].parameters())
        after = tensors_of({other: game.networks[other]})
        assert all(torch.equal(after[key], value) for key, value in before.items())


def statistics(network: nn.Module) -> list[torch.Tensor]:
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    assert norms
    return [value.clone() for norm in norms for value in (norm.running_mean, norm.num_batches_tracked)]


def test_running_statistics_move_only_in_their_own_phases(make_game, make_engine, make_plan):
    game = make_game()
    table = make_engine(make_plan(game)).table
    for phase in game.phases:
        before = {name: statistics(network) for name, network in game.networks.items()}
        EngineMove(table, phase, 0, 0).gradients()
        for name, network in game.networks.items():
            moved = [not torch.equal(a, b) for a, b in zip(statistics(network), before[name], strict=True)]
            assert all(moved) if name == phase.name else not any(moved)


def test_parameters_that_came_frozen_stay_so(make_game, make_engine, make_plan):
    game = make_game()
    weight = next(game.networks["G"].parameters())
    weight.requires_grad_(False)
    start = weight.clone()
    engine = make_engine(make_plan(game))
    engine.round()
    assert not weight.requires_grad
    assert torch.equal(weight, start)


def test_after_a_training_everything_is_thawed(make_game, make_engine, make_plan):
    """So that the same networks can be trained once more."""
    game = make_game()
    make_engine(make_plan(game, length_samples=16)).play()
    assert all(p.requires_grad for network in game.networks.values() for p in network.parameters())
    norms = [m for network in game.networks.values() for m in network.modules() if isinstance(m, _BatchNorm)]
    assert all(norm.track_running_stats for norm in norms)


def test_terms_watched_values_and_the_gradients_norm_are_written_down(numbers):
    _, (move, _) = numbers
    move.gradients()
    assert move.table.tally.means() == pytest.approx({"X/value": 2.5, "x": 1.0, "X/grad_norm": 3.0})


def test_a_constraint_is_met_after_every_step(make_game, make_engine, make_plan):
    def clip(networks: nn.Module) -> None:
        for parameter in networks.parameters():
            parameter.data.clamp_(-0.01, 0.01)

    game = make_game(constrain=clip)
    engine = make_engine(make_plan(game))
    assert max(p.abs().max() for p in game.networks["D"].parameters()) > 0.01
    engine.round()
    assert max(p.abs().max() for p in game.networks["D"].parameters()) == pytest.approx(0.01)
    assert max(p.abs().max() for p in game.networks["G"].parameters()) > 0.01


def test_absent_gradients_stay_absent(make_engine, make_plan):
    """A parameter that a phase does not use is not stepped, not even by its momentum."""
    network = nn.ParameterDict({"a": nn.Parameter(torch.ones(())), "b": nn.Parameter(torch.ones(()))})

    def of(name: str):
        return lambda batch, draw, controls: Result({"loss": network[name] ** 2})

    game = Game(
        players={"P": Player(nn.ModuleDict({"P": network}), Optimizer(name="momentum", lr=0.1, betas=(0.9, 0.9)))},
        phases=(Phase("A", ("P",), of("a")), Phase("B", ("P",), of("b"), every=1000)),
        samplers={"none": Sampler(lambda networks, batch, draw: batch.real)},
    )
    engine = make_engine(make_plan(game))
    engine.round()
    after_first = network["b"].item()
    assert after_first == pytest.approx(0.8)
    for _ in range(3):
        engine.round()
    assert network["b"].item() == after_first
    assert network["a"].item() < 0.5


def test_layers_that_draw_on_their_own_meet_the_same_numbers_again():
    def drawn(*key):
        seed_layers(Draw(*key).key, torch.device("cpu"))
        return nn.functional.dropout(torch.ones(64))

    outer = torch.random.get_rng_state()
    assert torch.equal(drawn(0, "D", 3), drawn(0, "D", 3))
    assert not torch.equal(drawn(0, "D", 3), drawn(0, "D", 4))
    torch.random.set_rng_state(outer)


def test_norms_are_those_of_each_terms_gradient_and_nothing_moves(make_engine, make_plan):
    """|d/dw| of 3 w and of w^2 at w = (1, 2); a term without w has none."""
    network = nn.ParameterDict({"w": nn.Parameter(torch.tensor([1.0, 2.0]))})

    def loss(batch, draw, controls):
        w = network["w"]
        return Result({"linear": 3 * w.sum(), "square": (w**2).sum(), "constant": torch.tensor(1.0)})

    game = Game(
        players={"w": Player(nn.ModuleDict({"w": network}), Optimizer(name="sgd", lr=0.1))},
        phases=(Phase("W", ("w",), loss),),
        samplers={"none": Sampler(lambda networks, batch, draw: batch.real)},
    )
    table = make_engine(make_plan(game)).table
    table.movers["w"].freeze(True)
    with torch.no_grad():
        found = EngineMove(table, game.phases[0], 0, 0).norms()
    assert {name: norm.item() for name, norm in found["w"].items()} == pytest.approx(
        {"linear": 18**0.5, "square": 20**0.5, "constant": 0.0}
    )
    assert network["w"].grad is None
    assert not network["w"].requires_grad
    assert not table.tally.columns


def test_norms_look_at_one_player_while_others_rest(numbers):
    game, (x, y) = numbers
    assert x.norms()["x"]["value"].item() == pytest.approx(3.0)  # y + x
    assert y.norms()["y"]["value"].item() == pytest.approx(1.0)  # -x
    assert game.seen == [(True, False), (False, True)]
    assert values(game) == [1.0, 2.0]
    assert all(p.requires_grad for network in game.networks.values() for p in network.parameters())
