"""Every layer of the critic divided by its largest singular value."""

from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Points, Space
from zerosum.training.plan import Plan


def sngan(
    space: Space,
    *,
    networks: Networks = Networks(),
    play: Play = Play(betas=(0.0, 0.9)),
    rivalry: Rivalry = Rivalry(critic_steps="5"),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Hinge loss, spectral normalisation, residual networks, Adam(2e-4, 0, 0.9), five critic steps (Miyato 2018)."""
    return pair_plan(
        space,
        networks=networks.preferring("points" if isinstance(space, Points) else "resnet"),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss="hinge",
        critic_norm="none",
        spectral=True,
    )
