"""A recipe of your own: a function from a space to a plan, here the loss of StyleGAN2 with any network.

D lowers softplus(D(G(z))) + softplus(-D(x)) and, every sixteenth round, gamma/2 |grad D(x)|^2 sixteen times; G lowers
softplus(-D(G(z))) (Karras 2020, appendix B). Every keyword with an `Opt` is an option: `train` takes it, checks its
range, and writes it into the run. The groups bring the options that all recipes of a pair have.

    python examples/own_recipe.py --help
"""

from typing import Annotated

import tyro

import zerosum
from zerosum.games import Weighted
from zerosum.penalties.gradient import r1
from zerosum.recipes.groups import Networks, Play, Rivalry
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space


def lazy_r1(
    space: Space,
    *,
    gamma: Annotated[float, Opt("Weight of R1, which counts gamma / 2.", 0, 1e6)] = 1.0,
    every: Annotated[int, Opt("R1 every so many rounds, with the weight to match.", 1, 1000)] = 16,
    networks: Networks = Networks(width=32),
    play: Play = Play(batch_size=32, lr=1e-3, betas=(0.0, 0.99), lr_decay="linear"),
    rivalry: Rivalry = Rivalry(),
) -> zerosum.Plan:
    """Non-saturating loss with a lazy zero-centred gradient penalty on real samples."""
    return pair_plan(
        space,
        networks=networks,
        play=play,
        rivalry=rivalry,
        loss="non-saturating",
        penalties=[Weighted("r1", r1, gamma / 2, every)],
        critic_norm="none",
    )


def main(data: str = "digits", length_samples: int = 200_000, gamma: float = 1.0, width: int = 32) -> None:
    """Train with the recipe; options go by their names, whichever group they are from."""
    run = zerosum.train(lazy_r1, data=data, length_samples=length_samples, gamma=gamma, width=width)
    print(f"{run.report}\n{run.grid}")


if __name__ == "__main__":
    tyro.cli(main)
