"""The pair of 2014: a generator and a discriminator in a minimax game.

V(D, G) = E log D(x) + E log(1 - D(G(z))); D raises it and G lowers it, or, since that gradient vanishes when D is sure,
raises log D(G(z)) instead (Goodfellow 2014, equation 1 and section 3).
"""

from typing import Annotated, Literal

from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def gan(
    space: Space,
    *,
    loss: Annotated[Literal["non-saturating", "minimax"], Opt("What the generator lowers.")] = "non-saturating",
    networks: Networks = Networks(network="mlp"),
    play: Play = Play(),
    rivalry: Rivalry = Rivalry(),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Two multilayer perceptrons, Adam(2e-4, 0.5, 0.999) (Goodfellow 2014)."""
    return pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        generator_norm="none",
        critic_norm="none",
    )
