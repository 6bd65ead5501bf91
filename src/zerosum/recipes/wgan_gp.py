"""The critic estimates the Wasserstein distance; a penalty on its slope keeps it Lipschitz."""

from typing import Annotated

from zerosum.games import Weighted
from zerosum.penalties.gradient import gradient_penalty
from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def wgan_gp(
    space: Space,
    *,
    gp_weight: Annotated[float, Opt("Lambda, weight of the gradient penalty.", 0, 1e6)] = 10.0,
    networks: Networks = Networks(),
    play: Play = Play(lr=1e-4, betas=(0.0, 0.9)),
    rivalry: Rivalry = Rivalry(critic_steps="5"),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Lambda 10, Adam(1e-4, 0, 0.9), five critic steps, no BatchNorm in the critic (Gulrajani 2017, algorithm 1)."""
    return pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss="wasserstein",
        penalties=[Weighted("gradient_penalty", gradient_penalty, gp_weight)],
        critic_norm="none",
    )
