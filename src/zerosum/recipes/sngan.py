"""Every layer of the critic divided by its largest singular value."""

from typing import Any

from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.options import suited
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Points, Space
from zerosum.training.plan import Plan

IMAGES: dict[str, Any] = {
    "width": 16,
    "batch_size": 16,
    "length_samples": 30_000,
    "lr": 5e-4,
    "critic_lr": 1e-3,
    "critic_steps": "2",
}


@suited(images=IMAGES)
def sngan(
    space: Space,
    *,
    networks: Networks = Networks(),
    play: Play = Play(betas=(0.0, 0.9)),
    rivalry: Rivalry = Rivalry(critic_steps="5"),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Hinge loss, spectral normalisation, residual networks (Miyato 2018).

    The paper plays 64 samples a round with Adam(2e-4, 0, 0.9) and five critic steps, as points are; small images are
    played with more and faster rounds.
    """
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
