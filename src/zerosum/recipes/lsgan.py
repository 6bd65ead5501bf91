"""Least squares instead of cross-entropy: samples far on the right side of the boundary still have a gradient."""

from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def lsgan(
    space: Space,
    *,
    networks: Networks = Networks(),
    play: Play = Play(),
    rivalry: Rivalry = Rivalry(),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """D to 1 on real and 0 on generated samples, G to D = 1, all in squares (Mao 2017, equation 9)."""
    return pair_plan(space, networks=networks, play=play, rivalry=rivalry, tricks=tricks, loss="least-squares")
