"""Every trick against its formula in float64, and every trick dormant against a game without it."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import NO_TRICKS, Weighted, pair
from zerosum.games import tricks as games
from zerosum.losses import ADVERSARIAL
from zerosum.optimizers import Optimizer
from zerosum.penalties import PENALTIES
from zerosum.priors import Normal

N, SIZE = 6, 3
NOISE = games.noisy()


class Scaling(nn.Module):
    """G(z) = a z + b."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.a * z.double() + self.b


class Bowl(nn.Module):
    """f(x) = x^2 U and D(x) = w . f(x)."""

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        self.U = nn.Parameter(torch.linspace(-1, 1, size * 2, dtype=torch.float64).view(size, 2))
        self.w = nn.Parameter(torch.tensor([0.5, -1.0], dtype=torch.float64))

    def features(self, x: Tensor) -> Tensor:
        return x.square() @ self.U

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x) @ self.w


def game_of(tricks=NO_TRICKS, loss="non-saturating", critic=None, generator=None, **how):
    return pair(
        generator=generator or Scaling(),
        critic=critic or Bowl(),
        prior=Normal(SIZE),
        loss=ADVERSARIAL[loss],
        optimizer=Optimizer(lr=0.1),
        tricks=tricks,
        **how,
    )


def all_tricks(loss="non-saturating"):
    """Every trick of a pair of points that has a control, dormant; the networks are as those of `game_of`."""
    G, D = Scaling(), Bowl()
    memory = {"D": games.History(), "G": games.History()}
    terms = [games.matching(), games.seeking()]
    terms += [games.averaging("D", D, memory["D"]), games.averaging("G", G, memory["G"])]
    terms += [games.smoothing(ADVERSARIAL[loss])] if ADVERSARIAL[loss].critic in games.SMOOTHED else []
    names = {term.name for term in terms} | {"instance_noise", "unrolled"}
    tricks = games.Tricks(
        controls=dict.fromkeys(names, 0.0) | {"top_k": 1.0},
        views=(NOISE,),
        terms=tuple(terms),
        unrolled_rate=0.1,
        state=memory,
    )
    return game_of(tricks, loss, D, G), memory


def phase_of(game, name: str):
    return next(phase for phase in game.phases if phase.name == name)


def lowered(game, phase: str, batch: Batch, controls, draw=None) -> dict[str, Tensor]:
    return phase_of(game, phase).loss(batch, draw or Draw(7), controls).terms


@pytest.fixture
def batch() -> Batch:
    return Batch(torch.linspace(-2, 2, N * SIZE, dtype=torch.float64).view(N, SIZE).sin())


@pytest.fixture
def fake() -> Tensor:
    """What `game_of` makes in a move with `Draw(7)`."""
    return Scaling()(Draw(7).normal(N, SIZE)).detach()


# --- dormant ---


@pytest.mark.parametrize("loss", ADVERSARIAL)
@pytest.mark.parametrize("player", ["D", "G"])
def test_dormant_tricks_change_nothing_bit_for_bit(loss, player, batch):
    plain, (tricky, memory) = game_of(loss=loss), all_tricks(loss)
    ours, theirs = (phase_of(game, player).loss(batch, Draw(7), game.controls) for game in (plain, tricky))
    assert ours.terms.keys() == theirs.terms.keys() == {"adversarial"}
    assert ours.watch.keys() == theirs.watch.keys()
    assert torch.equal(ours.terms["adversarial"], theirs.terms["adversarial"])
    for result in (ours, theirs):
        result.terms["adversarial"].backward()
    for a, b in zip(plain.networks[player].parameters(), tricky.networks[player].parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)
    assert not any(buffer.numel() for history in memory.values() for buffer in history.buffers())


def test_a_penalty_without_weight_is_not_computed(batch):
    def never(*args):
        raise AssertionError

    game = game_of(penalties=[Weighted("r1", never, 0.0)])
    assert lowered(game, "D", batch, game.controls).keys() == {"adversarial"}
    assert game.controls == {"r1": 0.0, "float32_penalties": 0.0}


# --- what the critic sees ---


def test_instance_noise_is_added_to_real_and_to_generated_samples(batch, fake):
    game, D = game_of(games.Tricks(views=(NOISE,))), Bowl()
    noise = {who: 0.3 * Draw(7).sub(who, "instance_noise").normal(N, SIZE) for who in ("real", "fake")}
    assert not torch.equal(noise["real"], noise["fake"])
    loss = ADVERSARIAL["non-saturating"]
    seen = D(batch.real + noise["real"]), D(fake + noise["fake"])
    controls = {"instance_noise": 0.3}
    torch.testing.assert_close(lowered(game, "D", batch, controls)["adversarial"], loss.critic(*seen).mean())
    torch.testing.assert_close(lowered(game, "G", batch, controls)["adversarial"], loss.generator(seen[1], None).mean())


@pytest.mark.parametrize("every", [1, 4])
def test_a_penalty_is_about_what_the_critic_sees(every, batch):
    game = game_of(games.Tricks(views=(NOISE,)), penalties=[Weighted("r1", PENALTIES["r1"], 1.0, every)])
    seen = batch.real + 0.3 * Draw(7).sub("real", "instance_noise").normal(N, SIZE)
    value = lowered(game, "D" if every == 1 else "D_r1", batch, {"r1": 1.0, "instance_noise": 0.3})["r1"]
    expected = every * PENALTIES["r1"](Bowl(), seen, seen, Draw(0)).mean()
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_a_pack_is_one_sample_to_the_critic(loss, batch, fake):
    """Neighbours in the batch, joined; so are the penalty and the features."""
    tricks = games.Tricks(packing=games.Packing(2), terms=(games.matching(),))
    game = game_of(tricks, loss, Bowl(2 * SIZE), penalties=[Weighted("r1", PENALTIES["r1"], 1.0)])
    D, of = Bowl(2 * SIZE), ADVERSARIAL[loss]
    packs = [torch.cat([x[0::2], x[1::2]], dim=1) for x in (batch.real, fake)]
    scores = [D(x) for x in packs]
    terms = lowered(game, "D", batch, game.controls)
    torch.testing.assert_close(terms["adversarial"], of.critic(*scores).mean())
    torch.testing.assert_close(terms["r1"], PENALTIES["r1"](D, packs[0], packs[0], Draw(0)).mean())
    terms = lowered(game, "G", batch, {"feature_matching": 0.5})
    torch.testing.assert_close(terms["adversarial"], of.generator(scores[1], scores[0]).mean())
    apart = D.features(packs[0]).mean(0) - D.features(packs[1]).mean(0)
    torch.testing.assert_close(terms["feature_matching"], 0.5 * apart.square().sum())


def test_a_sample_has_the_score_of_its_pack_however_many_there_are():
    game = game_of(games.Tricks(packing=games.Packing(2)), critic=Bowl(2 * SIZE))
    samples = torch.linspace(0, 1, 5 * SIZE, dtype=torch.float64).view(5, SIZE)
    scores = game.samplers["samples"].score(game.networks, samples, Batch(samples))
    D = Bowl(2 * SIZE)
    first, last = D(samples[:2].reshape(1, -1)), D(torch.cat([samples[4], samples[0]])[None])
    torch.testing.assert_close(scores[[0, 1, 4]], torch.cat([first, first, last]))
    assert scores.shape == (5,)


def test_packs_keep_images_together():
    images = torch.arange(4 * 3 * 2 * 2).view(4, 3, 2, 2)
    packs = games.Packing(2).join(images)
    assert packs.shape == (2, 6, 2, 2)
    assert torch.equal(packs[1, :3], images[2])
    assert torch.equal(packs[1, 3:], images[3])
    with pytest.raises(UserError, match="a multiple of 3, not 4"):
        games.Packing(3).join(images)


# --- how scores become a loss ---


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "least-squares"])
def test_label_smoothing_moves_the_target_of_real_samples_alone(loss, batch, fake):
    game, D, s = game_of(games.Tricks(terms=(games.smoothing(ADVERSARIAL[loss]),)), loss), Bowl(), 0.1
    real, made = D(batch.real), D(fake)
    if loss == "least-squares":
        expected = ((real - (1 - s)).square() / 2 + made.square() / 2).mean()
    else:
        targets = torch.full_like(real, 1 - s), torch.zeros_like(made)
        expected = sum(map(F.binary_cross_entropy_with_logits, (real, made), targets))
    terms = lowered(game, "D", batch, {"label_smoothing": s})
    torch.testing.assert_close(sum(terms.values()), expected)
    assert lowered(game, "G", batch, {"label_smoothing": s}).keys() == {"adversarial"}


@pytest.mark.parametrize("loss", ADVERSARIAL)
@pytest.mark.parametrize("share", [0.5, 0.01])
def test_the_generator_learns_from_the_samples_that_score_highest(loss, share, batch, fake):
    game, D = game_of(loss=loss), Bowl()
    scores = D(fake)
    order = scores.argsort(descending=True)[: max(1, round(share * N))]
    expected = ADVERSARIAL[loss].generator(scores, D(batch.real))[order].mean()
    torch.testing.assert_close(lowered(game, "G", batch, {"top_k": share})["adversarial"], expected)


# --- further terms ---


def test_feature_matching_is_the_squared_distance_of_mean_features(batch, fake):
    game, D = game_of(games.Tricks(terms=(games.matching(),))), Bowl()
    apart = D.features(batch.real).mean(0) - D.features(fake).mean(0)
    value = lowered(game, "G", batch, {"feature_matching": 2.0})["feature_matching"]
    torch.testing.assert_close(value, 2 * apart.square().sum())


def test_mode_seeking_compares_each_sample_with_one_of_another_latent(batch):
    game = game_of(games.Tricks(terms=(games.seeking(),)))
    z, other = Draw(7).normal(N, SIZE), Draw(7).sub("mode_seeking").normal(N, SIZE)
    G = Scaling()
    quotient = (G(z) - G(other)).abs().mean() / (z - other).abs().mean()
    value = lowered(game, "G", batch, {"mode_seeking": 3.0})["mode_seeking"]
    torch.testing.assert_close(value, 3 / (quotient + 1e-5))


@pytest.mark.parametrize("player", ["D", "G"])
def test_a_player_is_pulled_to_the_mean_of_its_past(player, batch):
    game, memory = all_tricks()
    controls, past = {"historical_averaging": 0.5}, []
    for move in range(4):
        network = game.networks[player]
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * move)
        past.append(nn.utils.parameters_to_vector(network.parameters()).detach())
        value = lowered(game, player, batch, controls)["historical_averaging"]
        torch.testing.assert_close(value, 0.5 * (past[-1] - torch.stack(past).mean(0)).square().sum())
    value.backward()
    slope = torch.cat([p.grad.reshape(-1) for p in network.parameters()])
    torch.testing.assert_close(slope, past[-1] - torch.stack(past).mean(0))
    assert not memory["G" if player == "D" else "D"].mean.numel()


# --- who judges ---


def test_an_unrolled_critic_has_made_its_steps_and_the_generator_sees_why(batch):
    """Two gradient steps on the same samples; the derivative by finite differences runs through both."""
    game, rate, loss = game_of(games.Tricks(unrolled_rate=0.05)), 0.05, ADVERSARIAL["non-saturating"]
    z = Draw(7).normal(N, SIZE).double()

    def value(a: float) -> float:
        G, D = Scaling(), Bowl()
        made = a * z + G.b.detach()
        for _ in range(2):
            step = torch.autograd.grad(loss.critic(D(batch.real), D(made)).mean(), list(D.parameters()))
            with torch.no_grad():
                for parameter, slope in zip(D.parameters(), step, strict=True):
                    parameter -= rate * slope
        return loss.generator(D(made), None).mean().item()

    before = copy.deepcopy(game.networks["D"].state_dict())
    term = lowered(game, "G", batch, {"unrolled": 2.0})["adversarial"]
    term.backward()
    assert term.item() == pytest.approx(value(1.5), rel=1e-9)
    G = game.networks["G"]
    assert G.a.grad.item() == pytest.approx((value(1.5 + 1e-5) - value(1.5 - 1e-5)) / 2e-5, rel=1e-5)
    assert all(torch.equal(before[key], value) for key, value in game.networks["D"].state_dict().items())


@pytest.mark.parametrize("name", ["batch", "spectral", "none"])
def test_to_look_ahead_leaves_the_critic_as_it_is(name):
    """Weights, running statistics and the vectors of spectral normalisation."""
    from zerosum.networks import build
    from zerosum.penalties import spectral_norm
    from zerosum.spaces import Images

    G, D = build("dcgan", Images((1, 16, 16)), latent=SIZE, width=4, critic_norm="none" if name == "spectral" else name)
    D = spectral_norm(D) if name == "spectral" else D
    for module in D.modules():
        if hasattr(module, "track_running_stats"):
            module.track_running_stats = False  # as in a move of somebody else
    D.requires_grad_(False)
    how = {"prior": Normal(SIZE), "loss": ADVERSARIAL["hinge"], "optimizer": Optimizer()}
    game = pair(generator=G, critic=D, tricks=games.Tricks(unrolled_rate=0.1), **how)
    before = copy.deepcopy(D.state_dict())
    batch = Batch(Draw(1).normal(4, 1, 16, 16))
    ahead, now = (lowered(game, "G", batch, {"unrolled": steps})["adversarial"] for steps in (2.0, 0.0))
    assert ahead.item() != now.item()
    ahead.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in G.parameters())
    assert all(torch.equal(before[key], value) for key, value in D.state_dict().items())


def test_tricks_compose(batch):
    """All at once: each term as it would be alone under the same views."""
    game, _ = all_tricks()
    controls = dict.fromkeys(game.controls, 0.5) | {"unrolled": 1.0}
    terms = lowered(game, "G", batch, controls)
    assert terms.keys() == {"adversarial", "feature_matching", "mode_seeking", "historical_averaging"}
    alone = lowered(game, "G", batch, {"instance_noise": 0.5, "feature_matching": 0.5})
    assert torch.equal(terms["feature_matching"], alone["feature_matching"])
    assert lowered(game, "D", batch, controls).keys() == {"adversarial", "label_smoothing", "historical_averaging"}


def test_a_further_pair_keeps_its_tricks():
    """Games that replace a part of a pair (a network that is listened to) are dataclasses with the tricks in them."""
    from zerosum.games import Pair

    tricks = games.Tricks(packing=games.Packing(2))
    made = Pair(generator=Scaling(), critic=Bowl(), prior=Normal(SIZE), loss=ADVERSARIAL["hinge"], tricks=tricks)
    assert replace(made, generator=Scaling()).tricks is tricks
