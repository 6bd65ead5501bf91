"""Each generated sample against a real one, with zero-centred gradient penalties on both.

D lowers softplus(-(D(x) - D(G(z)))) + gamma/2 (|grad D(x)|^2 + |grad D(G(z))|^2), G lowers softplus(D(x) - D(G(z)))
(Huang 2024, equations 2, 6 and 7). The paper proves local convergence; no further trick is needed.
"""

from dataclasses import replace
from typing import Annotated

from zerosum.games import Weighted
from zerosum.penalties.gradient import r1, r2
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt, suited
from zerosum.recipes.pairs import pair_plan
from zerosum.schedules import Fall
from zerosum.spaces import Points, Space
from zerosum.training.plan import Plan

POINTS = {
    "lr": 5e-4,
    "lr_decay": "cosine",
    "decay_begin": 0.0,
    "batch_size": 256,
    "length_samples": 13_824_000,
    "gamma": 1.6e-3,
    "burn_in": 0.8,
}
FIRST = 0.8
"""Root of the first gamma of points, over the distance between their clusters …"""
UNCLUSTERED = 0.18
"""… or, where there are none, over the extent."""
FASTER = 4.0
"""The critic's learning rate of points, over the generator's."""


@suited(points=POINTS, images={"penalty_every": 4})
def r3gan(
    space: Space,
    *,
    gamma: Annotated[
        float, Opt("Weight of R1 and R2, each counts gamma / 2; of points in units of the space's extent.", 0, 1e6)
    ] = 1.0,
    gamma_begin: Annotated[
        float | None, Opt("What gamma falls from while burning in; by default none, of points as clusters lie.", 0, 1e6)
    ] = None,
    burn_in: Annotated[float, Opt("Share of the length over which gamma falls.", 0, 1)] = 0.6,
    penalty_every: Annotated[int, Opt("R1 and R2 every so many rounds, with the weight to match.", 1, 1000)] = 1,
    networks: Networks = Networks(),
    play: Play = Play(batch_size=32, length_samples=145_000, lr=2e-3, lr_decay="linear", betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Relativistic pairing with R1 and R2 every round (Huang 2024).

    The paper's networks are residual and normalise nothing. Here images are made by a small residual generator that
    keeps its batch normalisation, and judged by a DCGAN critic without any (`--network smooth`); their penalties come
    every fourth round (`--penalty-every 1` is the paper's).

    Gamma is the square of a length: what is much smaller, the critic does not see. The paper's trainings begin with a
    larger gamma; on points it falls in equal ratios from the distance of clusters to their width, so that first every
    one gets its share and then its shape; and without `--critic-lr` the critic learns four times as fast as the
    generator, so that shapes do not swing.
    """
    half = gamma / 2 * (space.extent**2 if isinstance(space, Points) else 1.0)
    begin = first_gamma(space, gamma) if gamma_begin is None else gamma_begin
    fall = Fall(begin / gamma if begin and gamma else 1.0, burn_in * play.length_samples)
    return pair_plan(
        space,
        networks=networks if isinstance(space, Points) else networks.preferring("smooth"),
        play=play,
        rivalry=replace(rivalry, critic_lr=critic_rate(space, play.lr, rivalry.critic_lr)),
        tricks=tricks,
        loss="relativistic",
        penalties=[Weighted("r1", r1, half, penalty_every), Weighted("r2", r2, half, penalty_every)],
        critic_norm="none",
        pace={"r1": fall, "r2": fall},
    )


def first_gamma(space: Space, gamma: float) -> float:
    """What gamma falls from where nobody says: of images, nothing greater; of points, in units of the extent."""
    if not isinstance(space, Points):
        return gamma
    length = UNCLUSTERED if space.spacing is None else FIRST * space.spacing / space.extent
    return max(gamma, length**2)


def critic_rate(space: Space, lr: float, critic_lr: float | None = None) -> float | None:
    """The critic's learning rate, where none is given: of points, faster than the generator's, `lr`."""
    return FASTER * lr if critic_lr is None and isinstance(space, Points) else critic_lr
