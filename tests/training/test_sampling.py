import pytest
import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Game, Player, Sampler
from zerosum.optimizers import Optimizer
from zerosum.training.sampling import CHUNK, STANDING_CHUNKS, Requests, chunks, ready


class Noise:
    """Samples are the latents themselves, with the label in front where there is one."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, networks, batch: Batch, draw: Draw) -> Tensor:
        self.sizes.append(len(batch))
        z = draw.normal(len(batch), 3)
        return z if batch.label is None else torch.cat([batch.label[:, None].float(), z], dim=1)


def samples(n: int, *, given="number", requests=None, seed: int = 0) -> Tensor:
    requests = requests or Requests()
    return torch.cat(list(chunks(Sampler(Noise(), given), {}, n, requests, Draw(seed))))


def test_samples_are_made_in_pieces():
    noise = Noise()
    assert len(torch.cat(list(chunks(Sampler(noise), {}, 2 * CHUNK + 7, Requests(), Draw(0))))) == 2 * CHUNK + 7
    assert noise.sizes == [CHUNK, CHUNK, 7]


@pytest.mark.parametrize("n", [1, 3, 64, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_the_first_samples_do_not_depend_on_how_many_are_made(n):
    assert torch.equal(samples(n), samples(3 * CHUNK)[:n])


def test_a_seed_means_the_same_samples_and_pieces_differ():
    assert torch.equal(samples(300), samples(300))
    assert not torch.equal(samples(300), samples(300, seed=1))
    whole = samples(2 * CHUNK)
    assert not torch.equal(whole[:CHUNK], whole[CHUNK:])


def test_classes_come_in_turn_across_pieces_or_one_as_asked():
    turns = samples(2 * CHUNK, given="label", requests=Requests(classes=7))[:, 0]
    assert torch.equal(turns, torch.arange(2 * CHUNK).remainder(7).float())
    one = samples(2 * CHUNK, given="label", requests=Requests(classes=7, label=4))
    assert (one[:, 0] == 4).all()
    assert torch.equal(one[:, 1:], samples(2 * CHUNK))


def test_codes_come_in_turn_or_one_as_asked_beside_no_label():
    class Told:
        def __call__(self, networks, batch: Batch, draw: Draw) -> Tensor:
            assert batch.label is None
            return batch.code[:, None].float()

    sampler = Sampler(Told(), "code", codes=3)
    turns, one = (
        torch.cat(list(chunks(sampler, {}, 7, Requests(classes=9, label=label), Draw(0)))) for label in (None, 2)
    )
    assert turns[:, 0].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert one[:, 0].tolist() == [2] * 7


def test_translators_are_given_held_out_samples_in_order_and_over_again(data):
    sampler = Sampler(lambda networks, batch, draw: batch.real, "real")
    size = data.held_out.size
    made = torch.cat(list(chunks(sampler, {}, 2 * size + 1, Requests(source=data.held_out), Draw(0))))
    expected = data.held_out.batch(torch.arange(size), Draw(0)).real
    assert torch.equal(made, torch.cat([expected, expected, expected[:1]]))


class Shifted(nn.Module):
    """Batch normalisation of latents that were moved to mean 5 and scaled by 3."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.norm = nn.BatchNorm1d(4, affine=False)
        self.drop = nn.Dropout(0.5)

    def forward(self, z: Tensor) -> Tensor:
        return self.drop(self.norm(self.weight * (3 * z + 5)))


def game_of(network: nn.Module) -> Game:
    return Game(
        players={
            "G": Player(nn.ModuleDict({"G": network}), Optimizer(), averaged=True),
            "D": Player(nn.ModuleDict({"D": nn.Linear(4, 1)}), Optimizer()),
        },
        phases=(),
        samplers={"samples": Sampler(lambda networks, batch, draw: networks["G"](draw.normal(len(batch), 4)))},
    )


def prepared(game: Game, averaged: dict[str, nn.Module]) -> dict[str, nn.Module]:
    return ready(game, averaged, game.samplers["samples"], Requests(), Draw(0, "standing"))


def test_batch_norm_takes_its_statistics_over_samples_made_now():
    network = Shifted()
    network.norm.running_mean.fill_(99.0)  # of activations of long ago
    network.norm.num_batches_tracked.fill_(1000)
    game = game_of(network)
    networks = prepared(game, {})
    norm = networks["G"].norm
    assert norm.num_batches_tracked == STANDING_CHUNKS
    torch.testing.assert_close(norm.running_mean, torch.full((4,), 5.0), rtol=0, atol=0.3)
    torch.testing.assert_close(norm.running_var, torch.full((4,), 9.0), rtol=0.1, atol=0)
    made = torch.cat(list(chunks(game.samplers["samples"], networks, 2000, Requests(), Draw(1))))
    torch.testing.assert_close(made.mean(0), torch.zeros(4), rtol=0, atol=0.1)
    torch.testing.assert_close(made.std(0), torch.ones(4), rtol=0, atol=0.1)


def test_statistics_are_of_all_classes_whichever_is_asked_for():
    """As in training: with those of one class alone the network would take away what tells it from the others."""
    network = nn.BatchNorm1d(1, affine=False)
    game = game_of(network)
    game.samplers["samples"] = Sampler(
        lambda networks, batch, draw: networks["G"](batch.label[:, None].float()), "label"
    )
    requests = Requests(classes=5, label=4)
    networks = ready(game, {}, game.samplers["samples"], requests, Draw(0))
    assert networks["G"].running_mean.item() == pytest.approx(2)
    (made,) = chunks(game.samplers["samples"], networks, 3, requests, Draw(1))
    torch.testing.assert_close(made, torch.full((3, 1), 2**0.5), rtol=1e-2, atol=0)


def test_the_live_networks_are_left_as_they_are():
    network = Shifted().train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    networks = prepared(game_of(network), {})
    assert networks.keys() == {"G"}
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not networks["G"].drop.training
    assert not networks["G"].norm.training


def test_averaged_networks_take_the_place_of_the_live_ones():
    network, mean = Shifted(), Shifted()
    mean.weight.data.fill_(2.0)
    assert torch.equal(prepared(game_of(network), {"G": mean})["G"].weight, mean.weight)
    assert torch.equal(prepared(game_of(network), {})["G"].weight, network.weight)


def test_samples_of_prepared_networks_do_not_depend_on_their_batch():
    game = game_of(Shifted())
    networks = prepared(game, {})
    few, many = (torch.cat(list(chunks(game.samplers["samples"], networks, n, Requests(), Draw(1)))) for n in (5, 100))
    torch.testing.assert_close(few, many[:5])


def test_frozen_statistics_are_prepared_all_the_same():
    """A network that does not move at the moment has `track_running_stats` switched off."""
    network = Shifted()
    network.norm.track_running_stats = False
    assert prepared(game_of(network), {})["G"].norm.num_batches_tracked == STANDING_CHUNKS
    assert not network.norm.track_running_stats
