"""A penalty on the critic's slope around real samples only."""

from typing import Annotated

from zerosum.games import Weighted
from zerosum.penalties.gradient import dragan as dragan_penalty
from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def dragan(
    space: Space,
    *,
    dragan_weight: Annotated[float, Opt("Lambda, weight of the penalty.", 0, 1e6)] = 10.0,
    networks: Networks = Networks(),
    play: Play = Play(),
    rivalry: Rivalry = Rivalry(),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Non-saturating loss, slope 1 near the data with weight 10 (Kodali 2017)."""
    return pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss="non-saturating",
        penalties=[Weighted("dragan", dragan_penalty, dragan_weight)],
        critic_norm="none",
    )
