"""Styles modulate convolutions; a generator that adds pictures of all sizes against a residual critic, without growing.

L_D = E softplus(D(G(z))) + E softplus(-D(x)) + γ/2 E‖∇D(x)‖² and L_G = E softplus(-D(G(z))) + λ E(‖J_wᵀ y‖ - a)²
(Karras 2020, section 3.2 and appendix B), both regularisers lazy, is what presets play. For small data the default is,
as in `r3gan`, the relativistic loss under R1 and R2 (Huang 2024).
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from zerosum.games import Weighted
from zerosum.games.bounds import within
from zerosum.games.style import Styled, with_path_length
from zerosum.losses import ADVERSARIAL, AdversarialName
from zerosum.networks.style_families import skip_family
from zerosum.penalties.gradient import r1, r2
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan

PAPER: dict[str, Any] = {
    "latent_size": 512,
    "size_w": 512,
    "depth": 8,
    "loss": "non-saturating",
    "slope": "real",
    "penalty_every": 16,
    "path_length_weight": 2.0,
    "length_samples": 25_000_000,
    "clamp": 256.0,
}


@presets(
    ffhq256=at(256)
    | PAPER
    | {"width": 64, "batch_size": 64, "group": 8, "lr": 2.5e-3, "gamma": 1.0, "ema_half_life_samples": 20_000.0},
    ffhq512=at(512)
    | PAPER
    | {"width": 64, "batch_size": 64, "group": 8, "lr": 2.5e-3, "gamma": 0.5, "ema_half_life_samples": 20_000.0},
    ffhq1024=at(1024)
    | PAPER
    | {"width": 32, "batch_size": 32, "group": 4, "lr": 2e-3, "gamma": 2.0, "ema_half_life_samples": 10_000.0},
    config_f=at(1024)
    | PAPER
    | {"width": 32, "batch_size": 32, "group": 4, "lr": 2e-3, "gamma": 10.0, "ema_half_life_samples": 10_000.0},
    cifar10=at(32)
    | PAPER
    | {"width": 512, "batch_size": 64, "group": 32, "lr": 2.5e-3, "gamma": 0.01, "ema_half_life_samples": 500_000.0}
    | {"depth": 2, "length_samples": 100_000_000, "path_length_weight": 0.0, "mixing": 0.0, "critic_blocks": "plain"},
)
def stylegan2(
    space: Space,
    *,
    width: Annotated[int, Opt("Channels at full size, doubled at each level below.", 1, 4096)] = 8,
    max_width: Annotated[int, Opt("At most so many channels at any level.", 1, 4096)] = 512,
    latent_size: Annotated[int, Opt("Dimensions of the latent z.", 1, 65536)] = 64,
    size_w: Annotated[int, Opt("Dimensions of the style w.", 1, 65536)] = 64,
    depth: Annotated[int, Opt("Layers of the mapping network.", 1, 64)] = 2,
    group: Annotated[int, Opt("Samples over which the critic's minibatch deviation is taken.", 1, 65536)] = 4,
    critic_blocks: Annotated[Literal["residual", "plain"], Opt("Of the critic.")] = "residual",
    clamp: Annotated[float | None, Opt("Largest magnitude of what convolutions come to; none: any.", 1e-6)] = None,
    mixing: Annotated[float, Opt("Share of samples whose styles are mixed of two latents.", 0, 1)] = 0.9,
    loss: Annotated[AdversarialName, Opt("Of both players.")] = "relativistic",
    slope: Annotated[Literal["real", "both"], Opt("Samples at which it is held down: R1, or R1 and R2.")] = "both",
    gamma: Annotated[float, Opt("Weight of R1 (and R2); each counts gamma / 2.", 0, 1e6)] = 1.0,
    penalty_every: Annotated[int, Opt("They come every so many rounds, with the weight to match.", 1, 1000)] = 4,
    path_length_weight: Annotated[float, Opt("Lambda, of path-length regularisation.", 0, 1e6)] = 2.0,
    path_length_every: Annotated[int, Opt("It comes every so many rounds, with the weight to match.", 1, 1000)] = 4,
    path_length_share: Annotated[float, Opt("Share of the batch that it looks at.", 1e-6, 1)] = 0.5,
    labels: Annotated[Literal["none", "projection"], Opt("How the critic is told the label, if both players are.")] = (
        "none"
    ),
    play: Play = Play(batch_size=16, length_samples=60_000, lr=2e-3, betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Modulated convolutions, lazy slope and path-length penalties, Adam(2e-3, 0, 0.99) (Karras 2020)."""
    images = images_of(space, "stylegan2")
    networks = Networks(width=width, latent_size=latent_size)
    styled = partial(Styled, mixing=mixing)
    penalties = {"r1": r1} if slope == "real" else {"r1": r1, "r2": r2}
    plan = pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=[Weighted(term, of, gamma / 2, penalty_every) for term, of in penalties.items()] if gamma else [],
        judging=None if labels == "none" else labels,
        losses=styled,
        own=skip_family(
            size_w=size_w,
            depth=depth,
            group=group,
            shortcuts=critic_blocks == "residual",
            max_width=max_width,
            clamp=clamp,
        ),
    )
    game = within(plan.game, *images.range)
    if path_length_weight:
        played = styled(
            generator=game.networks["G"],
            critic=game.networks["D"],
            prior=networks.latents(space),
            loss=ADVERSARIAL[loss],
            conditional=labels != "none",
        )
        game = with_path_length(
            game,
            played,
            play.optimizer_at(),
            weight=path_length_weight,
            every=path_length_every,
            share=path_length_share,
        )
    return replace(plan, game=game)
