"""Generators with styles and their critics, as families: what a recipe sets is settled, space and width are not."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from zerosum.networks.adain import GrowingSynthesis, smoothing
from zerosum.networks.alias_free import AliasFreeGenerator, AliasFreeSynthesis
from zerosum.networks.families import Family
from zerosum.networks.progressive import ProgressiveCritic
from zerosum.networks.style import Mapping, SkipSynthesis, StyleGenerator
from zerosum.networks.style_critic import StyleCritic
from zerosum.spaces import Space

Synthesis = Callable[..., SkipSynthesis | GrowingSynthesis]


def skip_family(
    *, size_w: int, depth: int, group: int, shortcuts: bool, max_width: int = 512, clamp: float | None = None
) -> Family:
    """StyleGAN2's: modulated convolutions against residual blocks.

    Args:
        size_w: dimensions of w.
        depth: layers of the mapping network.
        group: samples over which the critic's minibatch deviation is taken.
        shortcuts: whether the critic's blocks are residual.
        max_width: at most so many channels.
        clamp: the largest magnitude of what convolutions come to; None: any.
    """
    make = partial(_generator, partial(SkipSynthesis, max_width=max_width, clamp=clamp), size_w, depth)

    def critic(space: Space, *, width: int, norm: str) -> StyleCritic:
        assert norm == "none", "nothing may mix samples but the deviation"
        return StyleCritic(space, width=width, max_width=max_width, group=group, shortcuts=shortcuts, clamp=clamp)

    return Family(make, critic, 512, 32, "none", "none", labelled=make)


def growing_family(*, size_w: int, depth: int) -> Family:
    """StyleGAN's: AdaIN against ProGAN's critic, which smooths before it halves.

    Args:
        size_w: dimensions of w.
        depth: layers of the mapping network.
    """
    make = partial(_generator, GrowingSynthesis, size_w, depth)

    def critic(space: Space, *, width: int, norm: str) -> ProgressiveCritic:
        assert norm == "none", "nothing may mix samples but the deviation"
        return ProgressiveCritic(space, width=width, smoothing=smoothing)

    return Family(make, critic, 512, 16, "none", "none", labelled=make)


def alias_free_family(
    *,
    size_w: int,
    depth: int,
    group: int,
    rotation: bool,
    layers: int,
    margin: int,
    oversampling: int,
    max_width: int = 512,
    clamp: float | None = None,
) -> Family:
    """StyleGAN3's: continuous signals against StyleGAN2's critic.

    Args:
        size_w, depth, group, max_width, clamp: as of `skip_family`.
        rotation, layers, margin, oversampling: as of `AliasFreeSynthesis`.
    """
    synthesis = partial(
        AliasFreeSynthesis,
        max_width=max_width,
        rotation=rotation,
        layers=layers,
        margin=margin,
        oversampling=oversampling,
        clamp=clamp,
    )
    critic = skip_family(size_w=size_w, depth=depth, group=group, shortcuts=True, max_width=max_width, clamp=clamp)

    def make(space: Space, *, latent: int, width: int, classes: int = 0, **_: Any) -> AliasFreeGenerator:
        style = Mapping(latent, size_w, depth=depth, classes=classes)
        return AliasFreeGenerator(style, synthesis(space, size_w=size_w, width=width))

    return replace(critic, generator=make, labelled=make)


def _generator(
    synthesis: Synthesis, size_w: int, depth: int, space: Space, *, latent: int, width: int, classes: int = 0, **_: Any
) -> StyleGenerator:
    """With labels where there are classes; there is no choice of normalisation."""
    return StyleGenerator(
        Mapping(latent, size_w, depth=depth, classes=classes), synthesis(space, size_w=size_w, width=width)
    )
