"""Convolutional pair by the guidelines of Radford 2016."""

from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def dcgan(
    space: Space,
    *,
    networks: Networks = Networks(network="dcgan"),
    play: Play = Play(),
    rivalry: Rivalry = Rivalry(),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Strided convolutions, batch normalisation, Adam(2e-4, 0.5, 0.999), non-saturating loss (Radford 2016)."""
    return pair_plan(space, networks=networks, play=play, rivalry=rivalry, tricks=tricks, loss="non-saturating")
