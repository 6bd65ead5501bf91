"""How far a critic's slope is from what its penalties want: 1 (WGAN-GP, DRAGAN), or 0 where it is to be flat (R1, R2).

A penalty's value is E(‖∇D‖ - target)², and the log has it times its weight; so the root of that, over the weight, is
how far slopes are off. Where the target is 0 it is the slope itself, which grows as players near an equilibrium, for
the critic must tell ever closer samples apart; where it is 1 it falls. Grown by orders of magnitude, it foretells
divergence; near the target where samples are far away, the penalty holds the critic too tight.

Nothing is looked at for this: both stand in the log.
"""

import math
from collections.abc import Iterable, Mapping

from zerosum.games import Phase
from zerosum.penalties import PENALTIES, TARGETS

PREFIX = "off_slope_"
WANTED = {name.replace("-", "_"): TARGETS[penalty] for name, penalty in PENALTIES.items()}
"""Target by the name of the penalty's term."""


def off_slopes(values: Mapping[str, float], phases: Iterable[Phase]) -> dict[str, float]:
    """`off_slope_<penalty>` of every penalty in the latest line of the log that has a weight.

    Args:
        values: of that line.
        phases: of the game; a lazy one, played every k rounds, has k times the weight.
    """
    found = {}
    for phase in phases:
        for term in WANTED:
            value, weight = values.get(f"{phase.name}/{term}"), values.get(f"control/{term}", 0.0)
            if value is not None and weight > 0:
                found[f"{PREFIX}{term}"] = math.sqrt(max(0.0, value) / (phase.every * weight))
    return found
