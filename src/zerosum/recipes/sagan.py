"""Self-attention in both networks: every position of a middle level sees all others.

y_j = x_j + γ W_o Σ_i softmax_i(⟨θ(x_j), φ(x_i)⟩) g(x_i), with γ from 0 (Zhang 2019, equations 1 to 3); spectral
normalisation of both networks and two time scales (section 4); hinge loss (equation 4). Where labels are asked for, as
in the paper, the critic projects on them and the generator's norms are theirs.
"""

from functools import partial
from typing import Annotated, Literal

from torch import nn

from zerosum.networks import Family
from zerosum.networks.attentive import AttentiveCritic, Generator
from zerosum.penalties import spectral_norm
from zerosum.recipes.groups import Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


@presets(
    imagenet128=at(128)
    | {"width": 64, "latent_size": 128, "attention": 32, "labels": "projection"}
    | {"batch_size": 256, "length_samples": 256_000_000, "lr": 1e-4, "critic_lr": 4e-4}
)
def sagan(
    space: Space,
    *,
    width: Annotated[int, Opt("Channels at full size, doubled at each level below, at most 16 times.", 1, 4096)] = 16,
    latent_size: Annotated[int, Opt("Dimensions of the latent z.", 1, 65536)] = 64,
    attention: Annotated[int | None, Opt("Height at which positions attend; by default half the full one.", 1)] = None,
    labels: Annotated[Literal["none", "projection"], Opt("How the critic is told the label, if both players are.")] = (
        "none"
    ),
    play: Play = Play(batch_size=16, length_samples=12_000, lr=5e-4, betas=(0.0, 0.9)),
    rivalry: Rivalry = Rivalry(critic_lr=1e-3),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Self-attention, spectral normalisation, hinge loss, two time scales (Zhang 2019).

    The paper's rates, 1e-4 and 4e-4, are the preset's; some hundred rounds on small images want faster ones.
    """
    images_of(space, "sagan")
    return pair_plan(
        space,
        networks=Networks(width=width, latent_size=latent_size),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss="hinge",
        spectral=True,
        judging=None if labels == "none" else labels,
        conditioning="batch-norm",
        own=Family(
            partial(generator, attention=attention), partial(critic, attention=attention), 128, 64, "batch", "none"
        ),
    )


def generator(space: Space, *, latent: int, width: int, norm: str, attention: int | None) -> nn.Module:
    """Spectrally normalised, as the critic is by the pair."""
    return spectral_norm(Generator(space, latent=latent, width=width, norm=norm, attention=attention))


def critic(space: Space, *, width: int, norm: str, attention: int | None) -> AttentiveCritic:
    """It has no norms."""
    assert norm == "none"
    return AttentiveCritic(space, width=width, attention=attention)
