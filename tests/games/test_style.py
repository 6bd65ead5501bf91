"""Pairs whose generator has styles, and games whose networks grow."""

import math

import pytest
import torch

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Weighted, pair
from zerosum.games.bounds import within
from zerosum.games.growing import growing
from zerosum.games.style import DECAY, Styled, crossovers, first, with_path_length
from zerosum.losses import ADVERSARIAL
from zerosum.networks.growing import Growing, faded, stage
from zerosum.networks.style_families import growing_family, skip_family
from zerosum.optimizers import Optimizer
from zerosum.penalties import PENALTIES
from zerosum.priors import Normal
from zerosum.spaces import Images

SPACE = Images((1, 8, 8))
N, LATENT = 4, 5


def networks(grows=False):
    torch.manual_seed(0)
    family = growing_family(size_w=6, depth=2) if grows else skip_family(size_w=6, depth=2, group=2, shortcuts=True)
    return {
        "generator": family.generator(SPACE, latent=LATENT, width=4, norm="none"),
        "critic": family.critic(SPACE, width=4, norm="none"),
    }


def styled(mixing=0.0, **how):
    return Styled(**networks(**how), prior=Normal(LATENT), loss=ADVERSARIAL["non-saturating"], mixing=mixing)


def game_of(**how):
    played = styled(**how)
    game = pair(
        generator=played.generator,
        critic=played.critic,
        prior=played.prior,
        loss=played.loss,
        optimizer=Optimizer(lr=0.1),
        penalties=[Weighted("r1", PENALTIES["r1"], 1.0, every=4)],
        losses=lambda **_: played,
    )
    return game, played


BATCH = Batch(torch.rand(N, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1)


def test_styles_change_once_and_not_at_the_first_layer():
    mask = crossovers(1000, 6, 0.75, Draw(0))[..., 0]
    assert mask.shape == (1000, 6)
    assert not mask[:, 0].any()
    assert (mask.int().diff(dim=1) >= 0).all()
    assert mask.any(1).double().mean().item() == pytest.approx(0.75, abs=0.05)
    begins = (~mask[mask.any(1)]).sum(1)
    assert set(begins.tolist()) == {1, 2, 3, 4, 5}
    assert not crossovers(100, 6, 0.0, Draw(0)).any()


def test_mixed_styles_come_from_two_latents():
    played = styled(mixing=1.0)
    z = played.prior(N, Draw(0))
    w = played.told(z, BATCH, Draw(7))
    assert w.shape == (N, played.styles.layers, 6)
    torch.testing.assert_close(w[:, 0], played.styles.mapping(z))
    assert (w[:, -1] != w[:, 0]).any(1).all()


def test_the_mean_of_styles_follows_where_the_generator_moves():
    played = styled()
    played.generator.requires_grad_(False)
    played.critic_loss(BATCH, Draw(0), {})
    assert not played.styles.style.mean.any()
    played.generator.requires_grad_(True)
    played.generator_loss(BATCH, Draw(0), {})
    assert played.styles.style.mean.any()


def test_path_length_regularisation_is_its_formula():
    game, played = game_of()
    optimizer = Optimizer(lr=0.1)
    game = with_path_length(game, played, optimizer, weight=2.0, every=4, share=0.5)
    phase = game.phases[-1]
    assert (phase.name, phase.players, phase.every) == ("G_path_length", ("G",), 4)
    assert game.players["G"].optimizer == optimizer.lazily(4)
    mean = 0.0
    for turn in range(2):
        draw = Draw(turn)
        w = played.told(played.prior(2, Draw(turn)), first(BATCH, 2), draw)
        y = draw.sub("direction").normal(2, 1, 8, 8) / 8
        J = torch.stack(
            [torch.autograd.grad((played.styles.synthesis(w, draw) * y)[i].sum(), w)[0][i] for i in range(2)]
        )
        lengths = J.square().sum(2).mean(1).sqrt()
        mean = DECAY * mean + (1 - DECAY) * lengths.mean().item()
        result = phase.loss(BATCH, Draw(turn), game.controls)
        expected = 4 * 2.0 * (lengths - mean).square().mean()
        torch.testing.assert_close(result.terms["path_length"], expected)
        assert game.state["path_length"].mean.item() == pytest.approx(mean, rel=1e-5)
        torch.testing.assert_close(result.watch["length"], lengths.mean())


def test_samples_are_drawn_with_noise_and_walked_to_without():
    game, played = game_of()
    for name, parameter in played.generator.named_parameters():
        if name.endswith("strength"):
            torch.nn.init.ones_(parameter)
    sampler, batch = game.samplers["samples"], Batch(torch.empty(3, 0))
    made = [sampler.make(game.networks, batch, Draw(seed)) for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    z = played.prior(3, Draw(0))
    walked = [sampler.latent.make(game.networks, z, batch) for _ in range(2)]
    assert torch.equal(walked[0], walked[1])
    assert not torch.equal(walked[0], made[0])


def test_samples_are_cut_to_the_range_and_players_see_them_as_they_are():
    game, played = game_of()
    bounded = within(game, -0.01, 0.02)
    batch = Batch(torch.empty(3, 0))
    for make in (
        lambda g: g.samplers["samples"].make(g.networks, batch, Draw(0)),
        lambda g: g.samplers["samples"].latent.make(g.networks, torch.ones(3, LATENT), batch),
    ):
        assert torch.equal(make(bounded), make(game).clamp(-0.01, 0.02))
    assert played.made(torch.ones(3, LATENT), batch, Draw(0)).abs().max() > 0.02
    assert within(game, -math.inf, math.inf).samplers["samples"].given == "number"


def test_networks_grow_with_the_control_and_real_samples_with_them():
    game, _ = game_of(grows=True)
    game = growing(game)
    assert game.controls["growth"] == 1.0
    seen = []
    parts = [part for network in game.networks.values() for part in network.modules() if isinstance(part, Growing)]
    assert len(parts) == 2
    body = game.networks["D"].body
    body.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach().clone()))
    for growth in (0.0, 0.25, 1.0):
        seen.clear()
        game.phases[0].loss(BATCH, Draw(0), game.controls | {"growth": growth})
        assert all(part.growth == growth for part in parts)
        assert torch.equal(seen[0], faded(BATCH.real, stage(growth), 1))
