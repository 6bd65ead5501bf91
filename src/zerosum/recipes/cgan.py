"""Both networks are told the class: samples of a class that the user asks for.

V(D, G) = E log D(x, y) + E log(1 - D(G(z, y), y)) (Mirza 2014, equation 2), the label y of the real sample given to
both. On small data that forgets part of each class, so by default each generated sample is compared with a real one of
its class, under R1 and R2 (Huang 2024), by a critic that projects its features on the label's (Miyato 2018).
`--loss non-saturating --gamma 0 --judging concatenation` is the paper's.
"""

from typing import Annotated, Literal

from zerosum.games import Weighted
from zerosum.losses import AdversarialName
from zerosum.networks import Conditioning
from zerosum.penalties.gradient import r1, r2
from zerosum.recipes.groups import BALANCED, Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def cgan(
    space: Space,
    *,
    loss: Annotated[AdversarialName, Opt("Of both players.")] = "relativistic",
    conditioning: Annotated[Conditioning, Opt("How the generator is told the label.")] = "embedding",
    judging: Annotated[Literal["concatenation", "projection"], Opt("How the critic is told the label.")] = (
        "projection"
    ),
    gamma: Annotated[float, Opt("Weight of R1 and R2; each counts gamma / 2.", 0, 1e6)] = 1.0,
    balanced: BALANCED = False,
    networks: Networks = Networks(width=32),
    play: Play = Play(batch_size=32, length_samples=80_000, lr=1e-3, lr_decay="linear", betas=(0.0, 0.99)),
    rivalry: Rivalry = Rivalry(),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Labels as a further input of generator and critic (Mirza 2014)."""
    penalties = [Weighted("r1", r1, gamma / 2), Weighted("r2", r2, gamma / 2)] if gamma else []
    return pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss=loss,
        penalties=penalties,
        critic_norm="none",
        judging=judging,
        conditioning=conditioning,
        evenly=balanced,
    )
