"""Translation between two domains without pairs: there and back again must lead home."""

from dataclasses import replace
from typing import Annotated

import torch

from zerosum.data.core import Source
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games.translation import Domains, translation
from zerosum.losses import ADVERSARIAL
from zerosum.networks import PatchGAN, ResNetTranslator
from zerosum.recipes.groups import Play
from zerosum.recipes.options import Opt
from zerosum.spaces import Images, Space
from zerosum.training.plan import Plan

WANTED = "take --data glyphs:sans-serif, or two folders with --target"


def cyclegan(
    space: Space,
    *,
    width: Annotated[int, Opt("Channels of the first layer.", 1, 1024)] = 32,
    blocks: Annotated[int | None, Opt("Residual blocks of a generator; by default by the size.", 1, 64)] = None,
    patch_layers: Annotated[
        int | None, Opt("Layers of a critic that halve; 1 sees patches of 16 pixels, 2 of 34, 3 of 70.", 1, 6)
    ] = None,
    cycle_weight: Annotated[float, Opt("Lambda, weight of the cycle loss.", 0, 1e6)] = 10.0,
    identity_weight: Annotated[float, Opt("Of the identity loss, as a share of the cycle weight.", 0, 1e6)] = 0.1,
    pool_size: Annotated[int, Opt("Earlier pictures kept for each critic.", 1, 100_000)] = 50,
    play: Play = Play(batch_size=8, length_samples=40_000, lr=4e-4, lr_decay="linear"),
) -> Plan:
    """Two ResNet generators, two PatchGAN critics, least squares, Adam(2e-4, 0.5, 0.999) (Zhu 2017)."""
    if not isinstance(space, Images):
        raise UserError(f"cyclegan translates images; {WANTED}.")
    networks = Domains(
        A2B=ResNetTranslator(space, space, width=width, blocks=blocks),
        B2A=ResNetTranslator(space, space, width=width, blocks=blocks),
        D_A=PatchGAN(space, width=width, layers=patch_layers),
        D_B=PatchGAN(space, width=width, layers=patch_layers),
    )
    game = translation(
        networks=networks,
        shape=space.shape,
        batch_size=play.batch_size,
        loss=ADVERSARIAL["least-squares"],
        optimizer=play.optimizer_at(),
        cycle_weight=cycle_weight,
        identity_weight=identity_weight,
        pool_size=pool_size,
    )
    return replace(play.plan(game), source=two_domains)


def two_domains(train: Source, draw: Draw) -> Source:
    """The samples, whose batches have both domains.

    Raises:
        UserError: they have one.
    """
    if train.batch(torch.zeros(1, dtype=torch.int64), draw).condition is None:
        raise UserError(f"cyclegan translates between two domains, and the data have one; {WANTED}.")
    return train
