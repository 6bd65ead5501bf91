"""Transformers alone: tokens of a map that doubles from stage to stage, against tokens of patches of several sizes.

L_D = E D(G(z)) - E D(x) + λ E(‖∇D(x̂)‖ - 1)² + ε E D(x)² and L_G = -E D(G(z)), of samples that are varied before the
critic sees them (Jiang 2021, sections 3.3 and 4.1); the authors' code has (E D(x))² where ε stands. So the presets
have it, with four critic steps. By default samples, varied as well, are compared in pairs under R1 and R2 (Huang
2024), step by step.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

from zerosum.errors import UserError
from zerosum.games import Weighted
from zerosum.games.bounds import within
from zerosum.losses import AdversarialName
from zerosum.networks import Family
from zerosum.networks.transgan import TOKEN_NORMS, TransformerCritic, TransformerGenerator
from zerosum.networks.vit import usual_patch
from zerosum.penalties import drift
from zerosum.penalties.gradient import gradient_penalty, r1, r2
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan

MOST_BLOCKS = 64
"""Of a stage."""

PAPER: dict[str, Any] = {
    "critic_width": 384,
    "critic_depth": 3,
    "full": 32,
    "window": 16,
    "loss": "wasserstein",
    "gamma": 0.0,
    "gp_weight": 10.0,
    "drift_weight": 1e-3,
    "lr": 1e-4,
    "lr_decay": "none",
    "critic_steps": "4",
    "gradient_clip": 5.0,
    "augment": 1.0,
}
"""What the authors' scripts share (github.com/VITA-Group/TransGAN, exps/cifar_train.py and church_256_train.py)."""


@presets(
    cifar10=at(32)
    | PAPER
    | {"width": 64, "latent_size": 256, "depths": "5, 4, 2", "norm": "layer", "patch": 2, "scales": 2}
    | {"batch_size": 64, "length_samples": 32_000_000, "ema_half_life_samples": 440_000.0},
    church256=at(256)
    | PAPER
    | {"width": 16, "latent_size": 512, "depths": "5, 4", "norm": "pixel", "patch": 4, "scales": 3}
    | {"batch_size": 64, "length_samples": 32_000_000, "ema_half_life_samples": 8_800.0},
)
def transgan(
    space: Space,
    *,
    width: Annotated[int, Opt("Dimensions of a token at full size; four times as many a stage below.", 1, 1024)] = 16,
    latent_size: Annotated[int, Opt("Dimensions of the latent z.", 1, 65536)] = 64,
    depths: Annotated[str, Opt("Blocks of the generator's stages, from the smallest map on: '5, 4, 2'.")] = "2, 2, 1",
    norm: Annotated[Literal["pixel", "layer"], Opt("Of the generator's tokens.")] = "pixel",
    critic_width: Annotated[int, Opt("Dimensions of the critic's tokens at its last stage.", 1, 4096)] = 64,
    critic_depth: Annotated[int, Opt("Blocks of each of the critic's stages.", 0, 64)] = 2,
    heads: Annotated[int, Opt("Of attention.", 1, 64)] = 4,
    patch: Annotated[
        int | None, Opt("Side of the critic's smallest patches; by default the largest that leaves 8 a side.", 1, 64)
    ] = None,
    scales: Annotated[int, Opt("Sizes of patches that the critic sees, each twice the last.", 1, 8)] = 2,
    full: Annotated[int, Opt("Longest side of a map of which all tokens see each other.", 1, 1024)] = 8,
    window: Annotated[int, Opt("Longest side of a window of larger maps.", 1, 1024)] = 8,
    loss: Annotated[AdversarialName, Opt("Of both players.")] = "relativistic",
    gamma: Annotated[float, Opt("Weight of R1 and R2; each counts gamma / 2.", 0, 1e6)] = 1.0,
    gp_weight: Annotated[float, Opt("Lambda, weight of the gradient penalty; 10 in the paper.", 0, 1e6)] = 0.0,
    drift_weight: Annotated[float, Opt("Epsilon, of the squared scores of real samples.", 0, 1e6)] = 0.0,
    play: Play = Play(batch_size=16, length_samples=30_000, lr=3e-4, lr_decay="linear", betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(augment=1.0),
) -> Plan:
    """Stages of transformer blocks, relative positions, attention in windows, patches of several sizes (Jiang 2021)."""
    images = images_of(space, "transgan")
    smallest = usual_patch(images, 8, 2 ** (scales - 1)) if patch is None else patch
    attention = {"heads": heads, "full": full, "window": window}

    def generator(space: Space, *, latent: int, width: int, norm: str) -> TransformerGenerator:
        return TransformerGenerator(
            space, latent=latent, width=width, depths=blocks(depths), norm=TOKEN_NORMS[norm_of_tokens], **attention
        )

    def critic(space: Space, *, width: int, norm: str) -> TransformerCritic:
        return TransformerCritic(
            space, width=critic_width, depth=critic_depth, patch=smallest, scales=scales, **attention
        )

    norm_of_tokens = norm
    plan = pair_plan(
        space,
        networks=Networks(width=width, latent_size=latent_size),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=[
            *(Weighted(name, penalty, gamma / 2) for name, penalty in {"r1": r1, "r2": r2}.items()),
            Weighted("gradient_penalty", gradient_penalty, gp_weight),
            Weighted("drift", drift, drift_weight),
        ],
        own=Family(generator, critic, 64, 16, "none", "none"),
    )
    return replace(plan, game=within(plan.game, *images.range))


def blocks(depths: str) -> list[int]:
    """Whole numbers from 0 to `MOST_BLOCKS`, with commas between.

    Raises:
        UserError: they are not.
    """
    found = [word.strip() for word in depths.split(",")]
    if not all(word.isdecimal() and len(word) < 3 and int(word) <= MOST_BLOCKS for word in found):
        raise UserError(
            f"depths = {depths!r} is not possible: it takes whole numbers up to {MOST_BLOCKS} with commas, as in "
            "'5, 4, 2'."
        )
    return [int(word) for word in found]
