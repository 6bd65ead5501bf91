"""Both networks are told the class: samples of a class that the user asks for."""

from typing import Annotated

from zerosum.games import Weighted
from zerosum.penalties.gradient import r1
from zerosum.recipes.groups import Networks, Play, Rivalry
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def cgan(
    space: Space,
    *,
    r1_weight: Annotated[float, Opt("Weight of a zero-centred gradient penalty on real samples.", 0, 1e6)] = 0.0,
    networks: Networks = Networks(),
    play: Play = Play(),
    rivalry: Rivalry = Rivalry(),
) -> Plan:
    """Labels as a further input of generator and critic (Mirza 2014)."""
    return pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        loss="non-saturating",
        penalties=[Weighted("r1", r1, r1_weight)] if r1_weight else [],
        conditional=True,
    )
