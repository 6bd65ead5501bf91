"""Families of networks by name, and how a pair of one family is built for a space."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from torch import nn

from zerosum.errors import UserError, choose
from zerosum.networks import dcgan, mlp, points, resnet
from zerosum.networks.classifying import ClassifyingCritic
from zerosum.networks.conditional_norm import NormConditionedGenerator
from zerosum.networks.conditioning import ConditionalCritic, ConditionalGenerator, OneHotGenerator, ProjectionCritic
from zerosum.networks.critic import Critic
from zerosum.networks.minibatch import minibatch_layer
from zerosum.spaces import Space

NetworkName = Literal["auto", "mlp", "points", "dcgan", "resnet", "smooth"]
NormName = Literal["auto", "batch", "layer", "none"]
Judging = Literal["concatenation", "projection", "classification"]
Conditioning = Literal["embedding", "concatenation", "batch-norm"]


@dataclass(frozen=True)
class Family:
    """A generator and a critic that belong together.

    Attributes:
        generator: `(space, *, latent, width, norm) -> module`, latents `(n, latent)` to samples.
        critic: `(space, *, width, norm) -> Critic`, samples to scores `(n,)`.
        latent: the usual dimensions of the latent.
        prior: the usual distribution of latents.
        width: the usual width.
        generator_norm, critic_norm: the usual normalisations.
        labelled: `(space, *, latent, width, classes) -> module`, latents and labels to samples, of a family whose
            generators know a way of their own to be told the label; else None.
    """

    generator: Callable[..., nn.Module]
    critic: Callable[..., Critic]
    latent: int
    width: int
    generator_norm: str
    critic_norm: str
    prior: str = "normal"
    labelled: Callable[..., nn.Module] | None = None


def _half_size_critic(space: Space, *, width: int, norm: str) -> Critic:
    """DCGAN's critic, whose first level has half the full size and so twice the full size's channels."""
    return dcgan.DCGANCritic(space, width=2 * width, norm=norm)


NETWORKS: dict[str, Family] = {
    "mlp": Family(mlp.Generator, mlp.MLPCritic, 64, 256, "none", "none"),
    "points": Family(points.Generator, points.PointCritic, 16, 128, "none", "none", "coins"),
    "dcgan": Family(dcgan.Generator, dcgan.DCGANCritic, 64, 64, "batch", "batch"),
    "resnet": Family(resnet.Generator, resnet.ResNetCritic, 128, 64, "batch", "none"),
    "smooth": Family(resnet.Generator, _half_size_critic, 64, 16, "batch", "none"),
}
"""Families by name. `mlp` takes any space, `points` points, the others images whose size has a pyramid.

`smooth` plays a residual generator, whose upsampling leaves no checkerboard for the critic to see (Odena 2016), against
the cheap critic of DCGAN.
"""


def family(name: str | Family, space: Space) -> Family:
    """The family called `name`; `auto` is `dcgan` for images, `points` for points and `mlp` for everything else.

    A family itself, which needs no name, is given back.
    """
    if isinstance(name, Family):
        return name
    if name == "auto":
        name = {"images": "dcgan", "points": "points"}.get(space.kind, "mlp")
    return choose("network", name, NETWORKS)


def build_generator(
    name: str | Family, space: Space, *, latent: int, width: int | None = None, norm: str = "auto"
) -> nn.Module:
    """A generator `G(z)`, latents `(n, latent)` to samples of the space; arguments and errors as of `build`."""
    chosen = family(name, space)
    width = chosen.width if width is None else width
    _at_least_one(latent=latent, width=width)
    norm = _norm("generator", norm, {"auto": chosen.generator_norm, "batch": "batch", "none": "none"})
    return chosen.generator(space, latent=latent, width=width, norm=norm)


def build_critic(
    name: str | Family, space: Space, *, width: int | None = None, norm: str = "auto", minibatch: str = "none"
) -> Critic:
    """A critic `D(x)`, samples of the space to scores `(n,)`; arguments and errors as of `build`."""
    chosen = family(name, space)
    width = chosen.width if width is None else width
    _at_least_one(width=width)
    norms = {"auto": chosen.critic_norm, "batch": "batch", "layer": "layer", "none": "none"}
    critic = chosen.critic(space, width=width, norm=_norm("critic", norm, norms))
    layer = minibatch_layer(minibatch, critic.size)
    if layer is not None:
        critic.add(layer)
    return critic


def build(
    name: str | Family,
    space: Space,
    *,
    latent: int,
    width: int | None = None,
    generator_norm: str = "auto",
    critic_norm: str = "auto",
    minibatch: str = "none",
    pac: int = 1,
) -> tuple[nn.Module, Critic]:
    """A generator `G(z)` and a critic `D(x)` for the space.

    Args:
        name: of the family, or `auto`; or a family.
        space: what is made and judged.
        latent: dimensions of the latent.
        width: of both networks; the family's own by default.
        generator_norm: `batch`, `none`, or `auto` for the family's own.
        critic_norm: `batch`, `layer`, `none`, or `auto` for the family's own.
        minibatch: layer of the critic that looks at the whole batch (`zerosum.networks.minibatch`), or `none`.
        pac: samples that the critic is shown as one, joined along their first dimension.

    Raises:
        UserError: no such family, normalisation or layer, a number below 1, or a space the family cannot have.
    """
    _at_least_one(pac=pac)
    packs = replace(space, shape=(pac * space.shape[0], *space.shape[1:]))
    return (
        build_generator(name, space, latent=latent, width=width, norm=generator_norm),
        build_critic(name, packs, width=width, norm=critic_norm, minibatch=minibatch),
    )


def build_conditional_generator(
    name: str | Family,
    space: Space,
    *,
    latent: int,
    classes: int,
    embedding: int = 16,
    conditioning: str = "embedding",
    width: int | None = None,
    norm: str = "auto",
) -> nn.Module:
    """A generator `G(z, label)`; arguments and errors as of `build_conditional`."""
    _at_least_one(latent=latent, classes=classes, embedding=embedding)
    choose("conditioning", conditioning, dict.fromkeys(get_args(Conditioning)))
    chosen = family(name, space)
    if chosen.labelled is not None:
        return chosen.labelled(space, latent=latent, width=width or chosen.width, classes=classes)

    def network(beside: int = 0, norm: str = norm) -> nn.Module:
        return build_generator(name, space, latent=latent + beside, width=width, norm=norm)

    if conditioning == "embedding":
        return ConditionalGenerator(network(embedding), classes=classes, embedding=embedding)
    if conditioning == "concatenation":
        return OneHotGenerator(network(classes), classes=classes)
    if norm == "none":
        raise UserError(
            "Conditioning 'batch-norm' needs a generator with batch normalisation, not generator norm 'none'."
        )
    return NormConditionedGenerator(network(norm="batch"), classes=classes)


def build_conditional(
    name: str | Family,
    space: Space,
    *,
    latent: int,
    classes: int,
    embedding: int = 16,
    judging: str = "concatenation",
    conditioning: str = "embedding",
    width: int | None = None,
    generator_norm: str = "auto",
    critic_norm: str = "auto",
    minibatch: str = "none",
) -> tuple[nn.Module, nn.Module]:
    """A generator `G(z, label)` and a critic `D(x, label)`.

    Args:
        name: as in `build`, like the next two.
        space: what is made and judged.
        latent: dimensions of the latent, without the label's.
        classes: how many there are.
        embedding: dimensions of the label's embedding beside a latent or a sample.
        judging: how the critic is told the label: by `concatenation` (Mirza 2014) or `projection` (Miyato 2018); or it
            is not told and learns to tell it: `classification` (Odena 2017).
        conditioning: how the generator is told the label: by an `embedding` or by `concatenation` of a one-hot vector
            beside the latent, or by `batch-norm`, whose gains and biases are the class's; any family then has some.
        width: as in `build`, like the normalisations.
        generator_norm: see `width`.
        critic_norm: see `width`.
        minibatch: as in `build`.

    Raises:
        UserError: as `build`; no such conditioning or way of judging.
    """
    generator = build_conditional_generator(
        name,
        space,
        latent=latent,
        classes=classes,
        embedding=embedding,
        conditioning=conditioning,
        width=width,
        norm=generator_norm,
    )
    choose("way of judging", judging, dict.fromkeys(get_args(Judging)))
    if judging == "concatenation":
        beside = replace(space, shape=(space.shape[0] + embedding, *space.shape[1:]))
        critic = build_critic(name, beside, width=width, norm=critic_norm, minibatch=minibatch)
        return generator, ConditionalCritic(critic, classes=classes, embedding=embedding)
    critic = build_critic(name, space, width=width, norm=critic_norm, minibatch=minibatch)
    kind = ProjectionCritic if judging == "projection" else ClassifyingCritic
    return generator, kind(critic, classes=classes)


def _norm(player: str, name: str, norms: dict[str, str]) -> str:
    return choose(f"{player} norm", name, norms)


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise UserError(f"{name} is {number}; networks need a whole number from 1 up.")
