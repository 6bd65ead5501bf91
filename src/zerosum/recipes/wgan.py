"""The critic estimates the Wasserstein distance; clipping its weights keeps it Lipschitz."""

from functools import partial
from typing import Annotated

from zerosum.penalties import clip_weights
from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def wgan(
    space: Space,
    *,
    clip: Annotated[float, Opt("Bound on every weight of the critic.", 1e-6, 100)] = 0.01,
    networks: Networks = Networks(),
    play: Play = Play(lr=5e-5, optimizer="rmsprop"),
    rivalry: Rivalry = Rivalry(critic_steps="5"),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Weight clipping at 0.01, RMSProp(5e-5), five critic steps (Arjovsky 2017, algorithm 1)."""
    return pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss="wasserstein",
        constrain=partial(clip_weights, bound=clip),
    )
