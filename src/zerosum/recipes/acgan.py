"""The generator is told the class, and the critic learns to tell it: both raise log P(c | x).

L_S = E log P(real | x) + E log P(fake | G(z, c)), L_C = E log P(c | x) + E log P(c | G(z, c)): D raises L_S + L_C,
and G raises L_C - L_S (Odena 2017, section 4). As in `cgan`, L_S is by default the relativistic loss under R1 and R2
(Huang 2024), which forgets less of each class on small data; `--loss non-saturating --gamma 0` is the paper's.
"""

from dataclasses import replace
from typing import Annotated

from zerosum.games import Weighted
from zerosum.games.auxiliary import auxiliary, with_classes
from zerosum.losses import AdversarialName
from zerosum.networks import Conditioning
from zerosum.penalties.gradient import r1, r2
from zerosum.recipes.groups import BALANCED, Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def acgan(
    space: Space,
    *,
    loss: Annotated[AdversarialName, Opt("Of both players, about real and generated.")] = "relativistic",
    class_weight: Annotated[float, Opt("Of log P(c | x), for both players.", 0, 1e6)] = 1.0,
    conditioning: Annotated[Conditioning, Opt("How the generator is told the label.")] = "embedding",
    gamma: Annotated[float, Opt("Weight of R1 and R2; each counts gamma / 2.", 0, 1e6)] = 1.0,
    balanced: BALANCED = False,
    networks: Networks = Networks(width=32),
    play: Play = Play(batch_size=32, length_samples=80_000, lr=1e-3, lr_decay="linear", betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """A critic with a second head that classifies (Odena 2017)."""
    penalties = [Weighted("r1", r1, gamma / 2), Weighted("r2", r2, gamma / 2)] if gamma else []
    plan = pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=penalties,
        critic_norm="none",
        judging="classification",
        conditioning=conditioning,
        losses=auxiliary,
        evenly=balanced,
    )
    return replace(plan, game=with_classes(plan.game, class_weight))
