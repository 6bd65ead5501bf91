"""Codes beside the noise, which a third player Q must be able to read from the samples.

min_{G,Q} max_D V(D, G) - λ L_I(G, Q), with L_I a lower bound of the mutual information of codes and samples (Chen
2016, equations 5 and 6). Nobody names the kinds; the categorical code takes what comes in kinds: the class.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated

from zerosum.games import Weighted
from zerosum.games.information import informed, with_recognition
from zerosum.losses import AdversarialName
from zerosum.networks import Recognition, build_critic, build_generator
from zerosum.penalties.gradient import r1, r2
from zerosum.priors import Codes
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan

CATEGORIES = 10
"""Of the categorical code, where the data has no classes."""


def infogan(
    space: Space,
    *,
    categories: Annotated[
        int | None, Opt("Of the categorical code; by default as many as there are classes, or 10.", 2, 10_000)
    ] = None,
    continuous: Annotated[int, Opt("Continuous codes.", 0, 1000)] = 2,
    information_weight: Annotated[float, Opt("Lambda, weight of the mutual information.", 0, 1e6)] = 0.2,
    reading_noise: Annotated[
        float, Opt("Noise that Q reads through, as a share of the root of a sample's size; 0 is the paper's.", 0, 100)
    ] = 0.25,
    continuous_weight: Annotated[float, Opt("Of the continuous codes, as a share of lambda.", 0, 1e6)] = 0.1,
    loss: Annotated[AdversarialName, Opt("Of generator and critic.")] = "relativistic",
    gamma: Annotated[float, Opt("Weight of R1 and R2; each counts gamma / 2.", 0, 1e6)] = 1.0,
    penalty_every: Annotated[int, Opt("They come every so many rounds, with the weight to match.", 1, 1000)] = 1,
    networks: Networks = Networks(width=32, latent_size=8),
    play: Play = Play(batch_size=32, length_samples=80_000, lr=1e-3, lr_decay="linear", betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """A categorical code and continuous ones, read by a third network (Chen 2016).

    The paper's Q shares the critic's layers; here it has networks of its own. Under R1 and R2 the critic is kept from
    seeing what is small, and what it learns should not depend on what Q wants to know.
    """
    codes = Codes(networks.latents(space), categories or len(space.classes) or CATEGORIES, continuous)
    width, latent = networks.width, codes.size
    generator = networks.generator or build_generator(networks.network, space, latent=latent, width=width)
    body = build_critic(networks.network, space, width=width, norm="none")
    recognition = Recognition(body, categories=codes.categories, continuous=continuous)
    slopes = {"r1": r1, "r2": r2} if gamma else {}
    plan = pair_plan(
        space,
        networks=replace(networks, generator=generator),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=[Weighted(name, slope, gamma / 2, penalty_every) for name, slope in slopes.items()],
        critic_norm="none",
        losses=partial(informed, recognition=recognition, share=continuous_weight, noise=reading_noise),
        prior=codes,
    )
    game = with_recognition(plan.game, recognition, codes, play.optimizer_at(), information_weight)
    return replace(plan, game=game)
