"""A generator G(z) = a z and a critic D(x) = w . x + b, so small that every loss can be written down."""

import pytest
import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Weighted, pair
from zerosum.games.pair import PRECISE
from zerosum.losses import ADVERSARIAL
from zerosum.optimizers import Optimizer
from zerosum.penalties import PENALTIES
from zerosum.priors import Normal
from zerosum.schedules import Steps

N, SIZE = 6, 3
OPTIMIZER = Optimizer(lr=0.1)


class Scaling(nn.Module):
    """G(z) = a z."""

    def __init__(self, a: float = 1.5) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, z: Tensor) -> Tensor:
        return self.a * z


class Bowl(nn.Module):
    """D(x) = w . x^2, whose slope is 2 w x."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([0.5, -1.0, 0.25]))

    def forward(self, x: Tensor) -> Tensor:
        return x.square() @ self.w


def game_of(loss: str = "non-saturating", **how):
    return pair(
        generator=how.pop("generator", Scaling()),
        critic=how.pop("critic", Bowl()),
        prior=Normal(SIZE),
        loss=ADVERSARIAL[loss],
        optimizer=OPTIMIZER,
        **how,
    )


def phase_of(game, name: str):
    return next(phase for phase in game.phases if phase.name == name)


@pytest.fixture
def batch() -> Batch:
    return Batch(torch.linspace(-2, 2, N * SIZE).view(N, SIZE))


def scores(game, batch: Batch) -> tuple[Tensor, Tensor]:
    """D(x) and D(G(z)) for the latents that a move with `Draw(7)` sees."""
    G, D = game.networks["G"], game.networks["D"]
    return D(batch.real), D(G(Draw(7).normal(N, SIZE)))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_player_lowers_its_side_of_the_loss(name, batch):
    game, loss = game_of(name), ADVERSARIAL[name]
    real, fake = scores(game, batch)
    critic = phase_of(game, "D").loss(batch, Draw(7), {})
    generator = phase_of(game, "G").loss(batch, Draw(7), {})
    assert critic.terms.keys() == generator.terms.keys() == {"adversarial"}
    torch.testing.assert_close(critic.terms["adversarial"], loss.critic(real, fake).mean())
    torch.testing.assert_close(generator.terms["adversarial"], loss.generator(fake, real).mean())


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_critics_beliefs_are_watched(name, batch):
    game = game_of(name)
    real, fake = scores(game, batch)
    result = phase_of(game, "D").loss(batch, Draw(7), {})
    assert result.watch.keys() == {"d_real", "d_fake", "value"}
    if name in ("minimax", "non-saturating"):
        real, fake = real.sigmoid(), fake.sigmoid()
    torch.testing.assert_close(result.watch["d_real"], real)
    torch.testing.assert_close(result.watch["d_fake"], fake)
    torch.testing.assert_close(result.watch["value"], -result.terms["adversarial"])
    assert phase_of(game, "G").loss(batch, Draw(7), {}).watch == {}


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("every", [1, 4])
def test_a_penalty_counts_with_the_weight_in_the_controls(name, every, batch):
    game = game_of(penalties=[Weighted("slope", PENALTIES[name], 10.0, every)])
    phase = phase_of(game, "D" if every == 1 else "D_slope")
    value = phase.loss(batch, Draw(7), game.controls).terms["slope"]
    G, D = game.networks["G"], game.networks["D"]
    fake = G(Draw(7).normal(N, SIZE)).detach()
    alone = PENALTIES[name](D, batch.real, fake, Draw(7).sub("slope")).mean()
    assert game.controls == {"slope": 10.0, PRECISE: 0.0}
    torch.testing.assert_close(value, every * 10 * alone)
    torch.testing.assert_close(phase.loss(batch, Draw(7), {"slope": 0.5}).terms["slope"], every * 0.5 * alone)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("every", [1, 4])
def test_slopes_are_those_of_float32_where_the_control_says_so(name, every, batch):
    """Under bfloat16 the critic's scores, and so its slopes, are rounded to eight bits."""
    game = game_of(penalties=[Weighted("slope", PENALTIES[name], 10.0, every)])
    loss = phase_of(game, "D" if every == 1 else "D_slope").loss
    game.networks["D"].w.data = torch.tensor([0.3, -0.7, 0.9])  # no such number has eight bits
    exact = loss(batch, Draw(7), game.controls).terms["slope"]
    with torch.autocast("cpu", torch.bfloat16):
        coarse = loss(batch, Draw(7), game.controls).terms["slope"]
        fine = loss(batch, Draw(7), game.controls | {PRECISE: 1.0}).terms["slope"]
    torch.testing.assert_close(fine, exact, rtol=1e-6, atol=0)
    assert abs(coarse / exact - 1) > 1e-5
    (gradient,) = torch.autograd.grad(fine, game.networks["D"].parameters())
    (wanted,) = torch.autograd.grad(exact, game.networks["D"].parameters())
    torch.testing.assert_close(gradient, wanted, rtol=1e-5, atol=1e-6)


def test_a_lazy_penalty_is_a_phase_of_its_own_between_the_players(batch):
    terms = [Weighted("r1", PENALTIES["r1"], 1.0, 4), Weighted("r2", PENALTIES["r2"], 1.0)]
    game = game_of(penalties=terms)
    assert [(p.name, p.players, p.every) for p in game.phases] == [
        ("D", ("D",), 1),
        ("D_r1", ("D",), 4),
        ("G", ("G",), 1),
    ]
    assert phase_of(game, "D").loss(batch, Draw(7), game.controls).terms.keys() == {"adversarial", "r2"}
    assert phase_of(game, "D_r1").loss(batch, Draw(7), game.controls).terms.keys() == {"r1"}


def test_only_the_critic_of_a_lazy_penalty_steps_with_the_correction():
    lazy = game_of(penalties=[Weighted("r1", PENALTIES["r1"], 1.0, 4)])
    assert lazy.players["D"].optimizer == OPTIMIZER.lazily(4)
    assert lazy.players["G"].optimizer == OPTIMIZER
    two_scales = game_of(critic_optimizer=Optimizer(lr=0.4))
    assert two_scales.players["D"].optimizer == Optimizer(lr=0.4)
    assert game_of().players["D"].optimizer == OPTIMIZER


@pytest.mark.parametrize("every", [1, 4])
def test_the_critics_gradients_are_those_of_its_loss_with_the_fakes_given(every, batch):
    """Whether the fakes are cut off or the generator merely frozen."""
    game = game_of(penalties=[Weighted("r1", PENALTIES["r1"], 0.5, every)])
    D, w = game.networks["D"], game.networks["D"].w
    fake = 1.5 * Draw(7).normal(N, SIZE)
    loss = ADVERSARIAL["non-saturating"].critic(D(batch.real), D(fake)).mean()
    slope = (0.5 * (2 * w * batch.real).square().sum(1)).mean()
    expected = torch.autograd.grad(loss + (slope if every == 1 else 0), w)[0]
    game.networks["G"].requires_grad_(False)
    result = phase_of(game, "D").loss(batch, Draw(7), game.controls)
    torch.testing.assert_close(torch.autograd.grad(sum(result.terms.values()), w)[0], expected)


def test_the_generators_gradient_runs_through_a_frozen_critic(batch):
    game = game_of()
    G, D = game.networks["G"], game.networks["D"]
    z = Draw(7).normal(N, SIZE)
    expected = torch.autograd.grad(nn.functional.softplus(-D(G.a * z)).mean(), G.a)[0]
    D.requires_grad_(False)
    result = phase_of(game, "G").loss(batch, Draw(7), {})
    torch.testing.assert_close(torch.autograd.grad(result.terms["adversarial"], G.a)[0], expected)


def test_critic_steps_follow_their_schedule_and_the_generator_moves_once():
    game = game_of(critic_steps=Steps((100, 5), (1600,)), penalties=[Weighted("r1", PENALTIES["r1"], 1.0, 4)])
    assert [phase_of(game, "D").repeats(seen) for seen in (0, 1599, 1600)] == [100, 100, 5]
    assert phase_of(game, "G").repeats(0) == phase_of(game, "D_r1").repeats(0) == 1


def test_every_move_has_samples_of_its_own():
    """No two phases share a stream, so that every critic step sees fresh ones."""
    game = game_of(penalties=[Weighted("r1", PENALTIES["r1"], 1.0, 4)])
    assert [phase.stream for phase in game.phases] == [None] * 3


def test_the_constraint_is_the_critics():
    def constrain(networks):
        pass

    players = game_of(constrain=constrain).players
    assert players["D"].constrain is constrain
    assert players["G"].constrain is None
    assert players["G"].averaged
    assert not players["D"].averaged


class Told(nn.Module):
    """Remembers the labels that it is told, and makes a number of them and of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.labels: list[list[int]] = []

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        self.labels.append(label.tolist())
        return self.scale * x + label[:, None]


class ToldCritic(Told):
    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return super().forward(x, label).sum(1)


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_a_conditional_pair_is_told_the_labels_of_the_batch(loss):
    G, D = Told(), ToldCritic()
    lazy, eager = Weighted("r1", PENALTIES["r1"], 1.0, 4), Weighted("dragan", PENALTIES["dragan"], 1.0)
    game = game_of(loss, generator=G, critic=D, conditional=True, penalties=[lazy, eager])
    batch = Batch(torch.ones(4, SIZE), torch.tensor([3, 0, 1, 3]))
    for phase in game.phases:
        phase.loss(batch, Draw(7), game.controls)
    assert len(G.labels) == 2  # R1 looks at real samples alone, so that its move makes none
    assert len(D.labels) >= 5
    assert all(labels == [3, 0, 1, 3] for labels in G.labels + D.labels)


def test_samples_come_from_the_networks_that_are_handed_in():
    game = game_of()
    sampler = game.samplers["samples"]
    made = sampler.make({"G": Scaling(-2.0)}, Batch(torch.empty(5, 0)), Draw(3))
    torch.testing.assert_close(made, -2 * Draw(3).normal(5, SIZE))
    assert sampler.given == "number"


def test_a_conditional_sampler_is_given_labels():
    game = game_of(generator=Told(), critic=ToldCritic(), conditional=True)
    sampler = game.samplers["samples"]
    label = torch.tensor([4, 2])
    made = sampler.make(game.networks, Batch(torch.empty(2, 0), label), Draw(3))
    torch.testing.assert_close(made, Draw(3).normal(2, SIZE) + label[:, None])
    assert sampler.given == "label"
