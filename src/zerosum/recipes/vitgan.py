"""Vision transformers as generator and critic: the latent modulates norms, pixels are a function of their place.

L_D = E softplus(-D(x)) + E softplus(D(G(z))) + λ E (D(x) - D(T(x)))² + λ E (D(G(z)) - D(T(G(z))))² and
L_G = E softplus(-D(G(z))) with T a variation (Lee 2022, section 4.1; Zhao 2021). The critic's attention looks at
distances, its patches overlap, and its weights keep the spectral norm that they start with (section 3.1). So the
presets have it, with the paper's λ = 10. In short trainings that loses most of the modes; by default samples are
compared in pairs under R1 and R2 (Huang 2024), and consistency is dormant.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from zerosum.data.differentiable import policy
from zerosum.games import Weighted
from zerosum.games.consistency import consistent, with_consistency
from zerosum.losses import AdversarialName
from zerosum.networks import Family
from zerosum.networks.vit import ViTCritic, ViTGenerator, usual_patch
from zerosum.penalties.constraints import InitialSpectralNorm, spectral_norm
from zerosum.penalties.gradient import r1, r2
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan

PAPER: dict[str, Any] = {
    "width": 384,
    "latent_size": 384,
    "heads": 6,
    "mapping": 8,
    "batch_size": 128,
    "lr": 2e-3,
    "loss": "non-saturating",
    "gamma": 0.0,
    "consistency_weight": 10.0,
    "augment": 0.8,
    "length_samples": 50_000_000,
    "ema_half_life_samples": 10_000.0,
}


@presets(
    cifar10=at(32) | PAPER | {"patch": 4, "depth": 4, "critic_depth": 4},
    celeba64=at(64) | PAPER | {"patch": 8, "depth": 6, "critic_depth": 6},
)
def vitgan(
    space: Space,
    *,
    width: Annotated[int, Opt("Dimensions of a token, in both networks.", 1, 4096)] = 64,
    latent_size: Annotated[int, Opt("Dimensions of the latent z, and of the style w.", 1, 65536)] = 64,
    depth: Annotated[int, Opt("Blocks of the generator.", 1, 64)] = 3,
    critic_depth: Annotated[int, Opt("Blocks of the critic.", 1, 64)] = 3,
    heads: Annotated[int, Opt("Of attention.", 1, 64)] = 4,
    patch: Annotated[
        int | None, Opt("Side of a patch; by default the largest up to 8 that leaves four or more a side.", 1, 64)
    ] = None,
    overlap: Annotated[
        int | None, Opt("Pixels by which the critic's patches reach into others; by default half a patch.", 0, 64)
    ] = None,
    mapping: Annotated[int, Opt("Layers of the mapping network.", 1, 64)] = 2,
    loss: Annotated[AdversarialName, Opt("Of both players.")] = "relativistic",
    gamma: Annotated[float, Opt("Weight of R1 and R2; each counts gamma / 2.", 0, 1e6)] = 1.0,
    consistency_weight: Annotated[float, Opt("Lambda, of balanced consistency; 10 in the paper.", 0, 1e6)] = 0.0,
    play: Play = Play(batch_size=16, length_samples=40_000, lr=2e-3, betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Self-modulated norms, implicit patches, attention by distance, improved spectral normalisation (Lee 2021)."""
    images = images_of(space, "vitgan")
    side = usual_patch(images) if patch is None else patch

    def generator(space: Space, *, latent: int, width: int, norm: str) -> ViTGenerator:
        return ViTGenerator(space, latent=latent, width=width, depth=depth, heads=heads, patch=side, mapping=mapping)

    def critic(space: Space, *, width: int, norm: str) -> ViTCritic:
        made = ViTCritic(space, width=width, depth=critic_depth, heads=heads, patch=side, overlap=overlap)
        spectral_norm(made, kind=InitialSpectralNorm)
        return made

    slopes = {"r1": r1, "r2": r2} if gamma else {}
    plan = pair_plan(
        space,
        networks=Networks(width=width, latent_size=latent_size),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=[Weighted(name, penalty, gamma / 2) for name, penalty in slopes.items()],
        losses=partial(consistent, variation=policy(tricks.augment_policy, images)),
        own=Family(generator, critic, 64, 64, "none", "none"),
    )
    return replace(plan, game=with_consistency(plan.game, consistency_weight))
