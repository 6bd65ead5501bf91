"""What all recipes of one generator against one critic have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from zerosum.data.balanced import balanced
from zerosum.errors import UserError
from zerosum.games import NO_TRICKS, Pair, Weighted, pair
from zerosum.losses import ADVERSARIAL, AdversarialName
from zerosum.networks import Conditioning, Family, Judging, NormName, build, build_conditional
from zerosum.penalties import spectral_norm
from zerosum.priors import Prior
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.tricks import Scene, feedback, paces, refuse_networks, seams, slopes
from zerosum.schedules import counts
from zerosum.spaces import Images, Space
from zerosum.training.plan import Plan


def pair_plan(
    space: Space,
    *,
    networks: Networks,
    play: Play,
    rivalry: Rivalry,
    loss: AdversarialName,
    penalties: Sequence[Weighted] = (),
    constrain: Callable[[nn.Module], None] | None = None,
    generator_norm: NormName = "auto",
    critic_norm: NormName = "auto",
    spectral: bool = False,
    judging: Judging | None = None,
    conditioning: Conditioning = "embedding",
    evenly: bool = False,
    losses: Callable[..., Pair] = Pair,
    prior: Prior | None = None,
    pace: Mapping[str, Callable[[int], float]] | None = None,
    tricks: Tricks | None = None,
    own: Family | None = None,
) -> Plan:
    """The plan of a pair.

    Args:
        space: of the samples.
        networks, play, rivalry: options.
        loss: name of the adversarial loss.
        penalties: of the critic.
        constrain: projection of the critic after its steps.
        generator_norm, critic_norm: normalisation between layers.
        spectral: whether the critic's layers are spectrally normalised.
        judging: how the critic is told the label, which the generator then knows, too; None keeps labels out of it.
        conditioning: how the generator is told the label.
        evenly: whether every class is dealt as often as the others.
        losses: of the players, where a pair has further terms; as in `pair`.
        prior: of latents, where it is not the networks' own.
        pace: how penalties' weights change, by name.
        tricks: options; None for a game whose losses leave no room for them.
        own: the networks of a recipe that leaves no choice of family.

    Raises:
        UserError: the pair cannot have one of the tricks that were asked for, or see `make_networks`.
    """
    asked = tricks or Tricks()
    refuse_networks(asked, networks, play, conditional=judging is not None)
    generator, critic = make_networks(space, networks, generator_norm, critic_norm, judging, conditioning, asked, own)
    if spectral:
        critic = spectral_norm(critic)
    critic_lr = play.lr if rivalry.critic_lr is None else rivalry.critic_lr
    scene = Scene(
        space=space, generator=generator, critic=critic, loss=ADVERSARIAL[loss], constrained=constrain is not None
    )
    game = pair(
        generator=generator,
        critic=critic,
        prior=prior or networks.latents(space),
        loss=scene.loss,
        optimizer=play.optimizer_at(),
        critic_optimizer=play.optimizer_at(critic_lr),
        penalties=[*penalties, *slopes(asked)],
        constrain=constrain,
        critic_steps=counts(rivalry.critic_steps),
        conditional=judging is not None,
        losses=losses,
        tricks=seams(tricks, scene) if tricks else NO_TRICKS,
    )
    game.controls |= rivalry.controls()
    plan = play.plan(game, rivalry.order_schedule(), {**(pace or {}), **paces(asked, play)})
    plan = replace(plan, feedback=feedback(asked, play, plan.report_every_samples))
    return replace(plan, source=balanced) if evenly else plan


def make_networks(
    space: Space,
    networks: Networks,
    generator_norm: NormName,
    critic_norm: NormName,
    judging: Judging | None,
    conditioning: Conditioning,
    tricks: Tricks,
    own: Family | None = None,
) -> tuple[nn.Module, nn.Module]:
    """Generator and critic: the user's own, or of the family that was chosen.

    Raises:
        UserError: a conditional pair on data without labels, or a space the family cannot have.
    """
    if networks.generator is not None and networks.critic is not None:
        return networks.generator, networks.critic
    how: dict[str, Any] = {"latent": networks.latents(space).size, "width": networks.width}
    how |= {"generator_norm": generator_norm, "critic_norm": critic_norm, "minibatch": tricks.minibatch}
    generator: nn.Module
    critic: nn.Module
    name = own or networks.network
    if judging is None:
        generator, critic = build(name, space, pac=tricks.pac, **how)
    else:
        how |= {"classes": classes_of(space), "judging": judging, "conditioning": conditioning}
        generator, critic = build_conditional(name, space, **how)
    return networks.generator or generator, networks.critic or critic


def classes_of(space: Space) -> int:
    """How many classes the data has.

    Raises:
        UserError: none.
    """
    if not space.classes:
        raise UserError(
            "This recipe needs labels, and the data has none: take data with classes (a folder with a sub-folder a "
            "class, or an .npz with 'labels'), or another recipe."
        )
    return len(space.classes)


def images_of(space: Space, recipe: str) -> Images:
    """The space, which is one of images.

    Raises:
        UserError: it is not.
    """
    if not isinstance(space, Images):
        raise UserError(f"{recipe} makes images; these samples are {space.kind} of shape {space.shape}.")
    return space
