"""A mapping network turns the latent into a style, which every layer of a growing generator is told by its norms.

Loss and critic are ProGAN's, the generator's layers have AdaIN, noise and mixed styles (Karras 2019, section 2), and
both grow, from 8 x 8 on. The paper has two losses: WGAN-GP for CelebA-HQ, as here unless told otherwise, and the
non-saturating one with R1 for FFHQ.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from zerosum.games import Weighted
from zerosum.games.bounds import within
from zerosum.games.growing import GROWTH, growing
from zerosum.games.style import Styled
from zerosum.losses import AdversarialName
from zerosum.networks.style_families import growing_family
from zerosum.penalties import PENALTIES, PenaltyName, drift
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.schedules import Growth
from zerosum.spaces import Space
from zerosum.training.plan import Plan

PAPER: dict[str, Any] = {
    "latent_size": 512,
    "size_w": 512,
    "depth": 8,
    "batch_size": 32,
    "ema_half_life_samples": 10_000.0,
    "length_samples": 25_000_000,
}
FFHQ = PAPER | {"loss": "non-saturating", "penalty": "r1", "penalty_weight": 5.0, "drift_weight": 0.0}


@presets(
    ffhq256=at(256) | FFHQ | {"width": 64, "grow_samples": 6_000_000},
    ffhq512=at(512) | FFHQ | {"width": 32, "grow_samples": 7_200_000},
    ffhq1024=at(1024) | FFHQ | {"width": 16, "grow_samples": 8_400_000},
    celebahq1024=at(1024) | PAPER | {"width": 16, "grow_samples": 8_400_000},
)
def stylegan(
    space: Space,
    *,
    width: Annotated[int, Opt("Channels at full size, doubled at each level below, at most 512.", 1, 4096)] = 8,
    latent_size: Annotated[int, Opt("Dimensions of the latent z.", 1, 65536)] = 64,
    size_w: Annotated[int, Opt("Dimensions of the style w.", 1, 65536)] = 64,
    depth: Annotated[int, Opt("Layers of the mapping network.", 1, 64)] = 2,
    mixing: Annotated[float, Opt("Share of samples whose styles are mixed of two latents.", 0, 1)] = 0.9,
    grow_samples: Annotated[int, Opt("Samples seen when the networks have their full size; 1: at once.", 1)] = 25_000,
    loss: Annotated[AdversarialName, Opt("Of both players.")] = "wasserstein",
    penalty: Annotated[PenaltyName, Opt("On the critic's slope.")] = "gradient-penalty",
    penalty_weight: Annotated[float, Opt("Lambda, of the penalty.", 0, 1e6)] = 10.0,
    drift_weight: Annotated[float, Opt("Epsilon, of the squared scores of real samples.", 0, 1e6)] = 1e-3,
    labels: Annotated[Literal["none", "projection"], Opt("How the critic is told the label, if both players are.")] = (
        "none"
    ),
    play: Play = Play(batch_size=16, length_samples=50_000, lr=1e-3, betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Styles by AdaIN, noise, mixing, growing networks, WGAN-GP, Adam(1e-3, 0, 0.99) (Karras 2019)."""
    images = images_of(space, "stylegan")
    slope = Weighted(penalty.replace("-", "_"), PENALTIES[penalty], penalty_weight)
    plan = pair_plan(
        space,
        networks=Networks(width=width, latent_size=latent_size),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=[slope, Weighted("drift", drift, drift_weight)],
        judging=None if labels == "none" else labels,
        losses=partial(Styled, mixing=mixing),
        own=growing_family(size_w=size_w, depth=depth),
    )
    game = within(growing(plan.game), *images.range)
    growth = Growth(round(game.controls[GROWTH]), grow_samples, first=1)
    return replace(plan, game=game, pace={**plan.pace, GROWTH: growth}, age=growth.since)
