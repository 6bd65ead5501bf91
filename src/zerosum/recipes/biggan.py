"""Every block of the generator is told the class and a part of the latent, and its weights are kept orthogonal.

L_D = E max(0, 1 - D(x, y)) + E max(0, 1 + D(G(z, y), y)) and
L_G = -E D(G(z, y), y) + β Σ_W ‖W Wᵀ ⊙ (1 - I)‖²_F (Brock 2019, sections 3 and 3.1), between networks with
self-attention whose weights start orthogonal and are spectrally normalised; the critic projects on the class. Samples
are made by the averaged generator, and may be made of truncated latents.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from torch import nn

from zerosum.games.orthogonal import regularised, with_orthogonality
from zerosum.networks import Family, initialise
from zerosum.networks.attentive import AttentiveCritic, Generator
from zerosum.networks.skip_latent import skip_generator
from zerosum.penalties import spectral_norm
from zerosum.recipes.groups import BALANCED, Networks, Play, Rivalry, SlopeTricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan

PAPER: dict[str, Any] = {
    "width": 96,
    "embedding": 128,
    "attention": 64,
    "batch_size": 2048,
    "length_samples": 300_000_000,
    "lr": 5e-5,
    "critic_lr": 2e-4,
    "critic_steps": "2",
    "ema_half_life_samples": 14.2e6,
}
"""The averaged generator keeps 0.9999 of itself in each of its steps: half of it in 6931 of them."""


@presets(imagenet128=at(128) | PAPER | {"latent_size": 120}, imagenet256=at(256) | PAPER | {"latent_size": 140})
def biggan(
    space: Space,
    *,
    width: Annotated[int, Opt("Channels at full size, doubled at each level below, at most 16 times.", 1, 4096)] = 16,
    latent_size: Annotated[int, Opt("Dimensions of the latent z, cut into parts.", 1, 65536)] = 64,
    embedding: Annotated[int, Opt("Dimensions of the classes' embedding, which all blocks share.", 1, 65536)] = 32,
    attention: Annotated[int | None, Opt("Height at which positions attend; by default half the full one.", 1)] = None,
    balanced: BALANCED = False,
    orthogonal_weight: Annotated[float, Opt("Beta, of orthogonal regularisation.", 0, 1e6)] = 1e-4,
    play: Play = Play(batch_size=16, length_samples=12_000, lr=5e-4, betas=(0.0, 0.999)),
    rivalry: Rivalry = Rivalry(critic_lr=1e-3, critic_steps="2"),
    tricks: SlopeTricks = SlopeTricks(),
) -> Plan:
    """Skip-z, shared embedding, orthogonal regularisation, hinge loss, two critic steps (Brock 2019)."""
    images_of(space, "biggan")
    own = Family(
        partial(Generator, attention=attention),
        partial(critic, attention=attention),
        *(120, 96, "batch", "none"),
        labelled=partial(generator, attention=attention, embedding=embedding),
    )
    plan = pair_plan(
        space,
        networks=Networks(width=width, latent_size=latent_size),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss="hinge",
        spectral=True,
        judging="projection",
        losses=regularised,
        evenly=balanced,
        own=own,
    )
    return replace(plan, game=with_orthogonality(plan.game, orthogonal_weight))


def generator(
    space: Space, *, latent: int, width: int, classes: int, embedding: int, attention: int | None
) -> nn.Module:
    """Told the class; all is spectrally normalised but the embedding, as in the authors' code."""
    made = skip_generator(space, latent=latent, width=width, classes=classes, embedding=embedding, attention=attention)
    nn.init.orthogonal_(made.embedding.weight)
    spectral_norm(initialise(made.network, "orthogonal"))
    return made


def critic(space: Space, *, width: int, norm: str, attention: int | None) -> AttentiveCritic:
    """Spectrally normalised by the pair; it has no norms."""
    assert norm == "none"
    made = AttentiveCritic(space, width=width, attention=attention)
    initialise(made, "orthogonal")
    return made
