import pytest
import torch
from torch import nn

from zerosum.games import Game, Player
from zerosum.optimizers import Optimizer
from zerosum.training.averaging import Average


def game_of(**networks: nn.Module) -> Game:
    """G is averaged, D is not."""
    players = {
        name: Player(nn.ModuleDict({name: network}), Optimizer(), averaged=name == "G")
        for name, network in networks.items()
    }
    return Game(players=players, phases=(), samplers={})


def number(value: float = 0.0) -> nn.Module:
    return nn.ParameterDict({"w": nn.Parameter(torch.tensor(value, dtype=torch.float64))})


@pytest.mark.parametrize(("half_life", "rampup"), [(1000.0, 0.05), (100.0, 0.05), (500.0, 10.0)])
def test_the_average_follows_its_formula(half_life, rampup):
    """beta = (1/2) ^ (batch / min(half-life, rampup * seen)) (Karras 2020, training loop)."""
    game = game_of(G=number(1.0))
    average = Average(game, half_life, rampup)
    expected = 1.0
    for index in range(1, 30):
        with torch.no_grad():
            game.networks["G"]["w"].fill_(float(index))
        average.update(index * 50, 50)
        beta = 0.5 ** (50 / min(half_life, rampup * index * 50))
        expected = beta * expected + (1 - beta) * index
        assert average.networks["G"]["w"].item() == pytest.approx(expected, rel=1e-12)


def test_after_a_half_life_old_weights_count_half():
    game = game_of(G=number(1.0))
    average = Average(game, 400.0, 1e9)
    game.networks["G"]["w"].data.zero_()
    for index in range(8):
        average.update((index + 1) * 50, 50)
    assert average.networks["G"]["w"].item() == pytest.approx(0.5)


def test_the_first_rounds_are_soon_forgotten():
    """Without the ramp the start would still weigh 70 % after half the half-life's samples."""
    game = game_of(G=number(1.0))
    average = Average(game, 10_000.0, 0.05)
    game.networks["G"]["w"].data.zero_()
    for index in range(100):
        average.update((index + 1) * 50, 50)
    assert average.networks["G"]["w"].item() < 1e-12


def test_only_averaged_players_are_averaged():
    assert Average(game_of(D=number(), G=number()), 100.0, 0.05).networks.keys() == {"G"}


def test_a_half_life_of_nothing_averages_nothing():
    average = Average(game_of(G=number()), 0.0, 0.05)
    average.update(50, 50)
    assert average.networks == {}
    assert average.state() == {}


def test_averages_are_separate_frozen_and_in_eval_mode():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    game = game_of(G=network)
    mean = Average(game, 100.0, 0.05).networks["G"]
    assert not mean.training
    assert not any(p.requires_grad for p in mean.parameters())
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    assert {p.data_ptr() for p in mean.parameters()}.isdisjoint(p.data_ptr() for p in network.parameters())


def test_buffers_are_copied():
    network = nn.BatchNorm1d(2)
    average = Average(game_of(G=network), 10**9, 10**9)
    network(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    average.update(8, 8)
    assert torch.equal(average.networks["G"].running_mean, network.running_mean)
    assert average.networks["G"].num_batches_tracked == 1


def test_shared_weights_stay_shared_and_are_averaged_once():
    first = nn.Linear(2, 2, bias=False)
    second = nn.Linear(2, 2, bias=False)
    second.weight = first.weight
    game = game_of(G=nn.Sequential(first, second))
    average = Average(game, 8.0, 1e9)
    start = first.weight.detach().clone()
    first.weight.data.zero_()
    average.update(8, 8)
    mean = average.networks["G"]
    assert mean[0].weight is mean[1].weight
    torch.testing.assert_close(mean[0].weight, nn.Parameter(start / 2, requires_grad=False))


def test_the_state_is_named_by_network_and_parameter():
    assert Average(game_of(G=nn.Linear(1, 1)), 1.0, 1.0).state().keys() == {"G.weight", "G.bias"}
