"""A Laplacian pyramid of conditional pairs: the coarsest makes a small picture, each finer one what is to be added.

All levels learn at the same time from the pyramids of real samples, each told the real coarser picture; samples are
made through all of them (Denton 2015, sections 2.3 and 2.4). The paper plays the non-saturating game by gradient
descent with dropout, as its preset does; for small data the default is, as in `r3gan`, the relativistic loss under R1
and R2 (Huang 2024).
"""

from dataclasses import replace
from typing import Annotated

from zerosum.games import Weighted
from zerosum.games.bounds import within
from zerosum.games.laplacian import Laplacian
from zerosum.losses import AdversarialName
from zerosum.networks.laplacian import LaplacianCritic, LaplacianGenerator, levels_of
from zerosum.penalties.gradient import r1, r2
from zerosum.priors import Uniform
from zerosum.recipes.groups import Networks, Play, Rivalry
from zerosum.recipes.options import Opt, at, presets
from zerosum.recipes.pairs import images_of, pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


@presets(
    cifar10=at(32)
    | {"width": 128, "units": 1600, "latent_size": 100, "dropout": 0.5, "loss": "non-saturating", "gamma": 0.0}
    | {"batch_size": 128, "optimizer": "momentum", "lr": 0.02, "betas": (0.5, 0.999), "length_samples": 10_000_000}
)
def lapgan(
    space: Space,
    *,
    levels: Annotated[
        int | None, Opt("Levels above the coarsest; by default as many as make that no larger than 8.", 0, 16)
    ] = None,
    width: Annotated[int, Opt("Channels of the finer levels' networks.", 1, 4096)] = 16,
    units: Annotated[int, Opt("Units a layer of the coarsest level's networks.", 1, 65536)] = 256,
    latent_size: Annotated[int, Opt("Dimensions of the coarsest level's latent.", 1, 65536)] = 64,
    dropout: Annotated[float, Opt("Share of features that the finer levels' critics leave out.", 0, 0.99)] = 0.0,
    loss: Annotated[AdversarialName, Opt("Of all levels' players.")] = "relativistic",
    gamma: Annotated[float, Opt("Weight of R1 and R2; each counts gamma / 2.", 0, 1e6)] = 1.0,
    penalty_every: Annotated[int, Opt("They come every so many rounds, with the weight to match.", 1, 1000)] = 4,
    play: Play = Play(batch_size=32, length_samples=100_000, lr=1e-3, betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
) -> Plan:
    """A pair for each level of a Laplacian pyramid, told the coarser picture (Denton 2015)."""
    images = images_of(space, "lapgan")
    count = levels_of(space) if levels is None else levels
    generator = LaplacianGenerator(space, levels=count, latent=latent_size, width=width, units=units)
    critic = LaplacianCritic(space, levels=count, width=width, units=units, dropout=dropout)
    slopes = {"r1": r1, "r2": r2} if gamma else {}
    plan = pair_plan(
        space,
        networks=Networks(generator=generator, critic=critic),
        play=play,
        rivalry=rivalry,
        loss=loss,
        penalties=[Weighted(name, penalty, gamma / 2, penalty_every) for name, penalty in slopes.items()],
        losses=Laplacian,
        prior=Uniform(sum(generator.latents)),
    )
    return replace(plan, game=within(plan.game, *images.range))
