"""Layers stand for continuous signals, so that pictures can be moved, and turned, exactly; the critic is StyleGAN2's.

L_D = E softplus(D(G(z))) + E softplus(-D(x)) + γ/2 E‖∇D(x)‖² and L_G = E softplus(-D(G(z))), R1 lazy, without noise,
mixing or path lengths (Karras 2021, appendix F), is what presets play. For small data the default is, as in
`stylegan2`, the relativistic loss under R1 and R2 (Huang 2024).
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from zerosum.games import Weighted
from zerosum.games.bounds import within
from zerosum.games.pair import Pair
from zerosum.games.style import Styled
from zerosum.games.tricks import View, blurred
from zerosum.losses import AdversarialName
from zerosum.networks.style_families import alias_free_family
from zerosum.penalties.gradient import r1, r2
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.schedules import Decay
from zerosum.spaces import Space
from zerosum.training.plan import Plan

PAPER: dict[str, Any] = {
    "latent_size": 512,
    "size_w": 512,
    "depth": 2,
    "layers": 14,
    "margin": 10,
    "clamp": 256.0,
    "loss": "non-saturating",
    "slope": "real",
    "penalty_every": 16,
    "group": 4,
    "batch_size": 32,
    "lr": 2.5e-3,
    "critic_lr": 2e-3,
    "ema_half_life_samples": 10_000.0,
    "length_samples": 25_000_000,
}
R: dict[str, Any] = {"variant": "r", "blur": 10.0, "blur_samples": 200_000}
FFHQ1024: dict[str, Any] = PAPER | {"width": 32, "gamma": 32.8}
AFHQ512: dict[str, Any] = PAPER | {"width": 64}
FFHQ256: dict[str, Any] = (
    PAPER
    | {"width": 64, "gamma": 1.0, "batch_size": 64, "critic_lr": 2.5e-3}
    | {"ema_half_life_samples": 20_000.0, "blur_samples": 400_000}
)


@presets(
    ffhq1024_t=at(1024) | FFHQ1024,
    ffhq1024_r=at(1024) | FFHQ1024 | R,
    afhq512_t=at(512) | AFHQ512 | {"gamma": 8.2},
    afhq512_r=at(512) | AFHQ512 | R | {"gamma": 16.4},
    ffhq256_t=at(256) | FFHQ256,
    ffhq256_r=at(256) | R | FFHQ256,
)
def stylegan3(
    space: Space,
    *,
    variant: Annotated[
        Literal["t", "r"], Opt("What pictures follow their input in: translation; or rotation, too, at more cost.")
    ] = "t",
    nonlinearity: Annotated[
        Literal["filtered", "plain"], Opt("Applied at twice the rate, between filters; or, to compare, as it is.")
    ] = "filtered",
    width: Annotated[int, Opt("Channels at full size, twice as many of G in variant r.", 1, 4096)] = 8,
    max_width: Annotated[int, Opt("At most so many channels, twice as many of G in variant r.", 1, 4096)] = 512,
    latent_size: Annotated[int, Opt("Dimensions of the latent z.", 1, 65536)] = 64,
    size_w: Annotated[int, Opt("Dimensions of the style w.", 1, 65536)] = 64,
    depth: Annotated[int, Opt("Layers of the mapping network.", 1, 64)] = 2,
    layers: Annotated[int, Opt("Of the synthesis, besides the input and the picture.", 1, 64)] = 6,
    margin: Annotated[int, Opt("Samples of features beyond the picture on each side.", 1, 64)] = 10,
    group: Annotated[int, Opt("Samples over which the critic's minibatch deviation is taken.", 1, 65536)] = 4,
    clamp: Annotated[float | None, Opt("Largest magnitude of what convolutions come to; none: any.", 1e-6)] = None,
    mixing: Annotated[float, Opt("Share of samples whose styles are mixed of two latents.", 0, 1)] = 0.0,
    blur: Annotated[
        float | None,
        Opt("Deviation, in pixels, of what blurs the critic's sight at first; by default 0, of r up to 10.", 0, 1e3),
    ] = None,
    blur_samples: Annotated[
        int | None, Opt("Samples over which it falls to 0; by default length / 10, at most 200,000.", 1)
    ] = None,
    loss: Annotated[AdversarialName, Opt("Of both players.")] = "relativistic",
    slope: Annotated[Literal["real", "both"], Opt("Samples at which it is held down: R1, or R1 and R2.")] = "both",
    gamma: Annotated[float, Opt("Weight of R1 (and R2); each counts gamma / 2.", 0, 1e6)] = 1.0,
    penalty_every: Annotated[int, Opt("They come every so many rounds, with the weight to match.", 1, 1000)] = 4,
    labels: Annotated[Literal["none", "projection"], Opt("How the critic is told the label, if both players are.")] = (
        "none"
    ),
    play: Play = Play(batch_size=16, length_samples=24_000, lr=2.5e-3, betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(critic_lr=2e-3),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Fourier features, filtered nonlinearities, running magnitudes, Adam(2.5e-3 and 2e-3, 0, 0.99) (Karras 2021)."""
    images = images_of(space, "stylegan3")
    sigma = usual_blur(min(images.shape[1:])) if blur is None and variant == "r" else blur or 0.0
    penalties = {"r1": r1} if slope == "real" else {"r1": r1, "r2": r2}
    plan = pair_plan(
        space,
        networks=Networks(width=width, latent_size=latent_size),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=[Weighted(term, of, gamma / 2, penalty_every) for term, of in penalties.items()] if gamma else [],
        judging=None if labels == "none" else labels,
        losses=partial(seen_through, blurred(sigma), mixing=mixing) if sigma else partial(Styled, mixing=mixing),
        own=alias_free_family(
            size_w=size_w,
            depth=depth,
            group=group,
            rotation=variant == "r",
            layers=layers,
            margin=margin,
            oversampling=2 if nonlinearity == "filtered" else 1,
            max_width=max_width,
            clamp=clamp,
        ),
    )
    game = within(plan.game, *images.range)
    if not sigma:
        return replace(plan, game=game)
    fall = Decay("linear", 0.0, blur_samples or max(1, min(200_000, play.length_samples // 10)))
    return replace(plan, game=replace(game, controls=game.controls | {"blur": sigma}), pace={**plan.pace, "blur": fall})


def usual_blur(side: int) -> float:
    """10 pixels as published for 256 and more, and in proportion for fewer."""
    return min(10.0, 10 * side / 256)


def seen_through(view: View, **how: Any) -> Pair:
    """A pair with styles, whose critic sees every sample so before any trick changes it."""
    return Styled(**how | {"tricks": replace(how["tricks"], views=(view, *how["tricks"].views))})
