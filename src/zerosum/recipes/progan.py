"""Generator and critic begin with small images and grow: each level is faded in between what is there and the picture.

L_D = E D(G(z)) - E D(x) + λ E(‖∇D(x̂)‖ - 1)² + ε E D(x)² and L_G = -E D(G(z)) (Gulrajani 2017; Karras 2018, appendix A),
networks with equalised learning rate and normalised pixels, a critic that sees the deviation over the minibatch.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

from zerosum.games import Weighted
from zerosum.games.bounds import within
from zerosum.games.growing import GROWTH, growing
from zerosum.losses import AdversarialName
from zerosum.networks.progressive import PROGRESSIVE
from zerosum.penalties import PENALTIES, PenaltyName, drift
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.schedules import Growth
from zerosum.spaces import Space
from zerosum.training.plan import Plan

PAPER: dict[str, Any] = {"latent_size": 512, "ema_half_life_samples": 11_000.0}
"""What all published configurations share; the average keeps 0.999 of itself in a round of 16."""


@presets(
    lsun256=at(256) | PAPER | {"width": 64, "grow_samples": 9_600_000, "length_samples": 12_000_000},
    celebahq1024=at(1024) | PAPER | {"width": 16, "grow_samples": 12_800_000, "length_samples": 15_000_000},
)
def progan(
    space: Space,
    *,
    width: Annotated[int, Opt("Channels at full size, doubled at each level below, at most 512.", 1, 4096)] = 8,
    latent_size: Annotated[int, Opt("Dimensions of the latent z.", 1, 65536)] = 64,
    grow_samples: Annotated[int, Opt("Samples seen when the networks have their full size; 1: at once.", 1)] = 30_000,
    loss: Annotated[AdversarialName, Opt("Of both players.")] = "wasserstein",
    penalty: Annotated[PenaltyName, Opt("On the critic's slope.")] = "gradient-penalty",
    penalty_weight: Annotated[float, Opt("Lambda, of the penalty.", 0, 1e6)] = 10.0,
    drift_weight: Annotated[float, Opt("Epsilon, of the squared scores of real samples.", 0, 1e6)] = 1e-3,
    labels: Annotated[Literal["none", "projection"], Opt("How the critic is told the label, if both players are.")] = (
        "none"
    ),
    play: Play = Play(batch_size=16, length_samples=60_000, lr=1e-3, betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Growing networks, WGAN-GP with a drift term, Adam(1e-3, 0, 0.99) (Karras 2018)."""
    images = images_of(space, "progan")
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
        own=PROGRESSIVE,
    )
    game = within(growing(plan.game), *images.range)
    growth = Growth(round(game.controls[GROWTH]), grow_samples)
    return replace(plan, game=game, pace={**plan.pace, GROWTH: growth}, age=growth.since)
