"""What all recipes of one generator against one critic have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from zerosum.errors import UserError
from zerosum.games import Weighted, pair
from zerosum.losses import ADVERSARIAL, AdversarialName
from zerosum.networks import Judging, NormName, build, build_conditional
from zerosum.penalties import spectral_norm
from zerosum.recipes.groups import Networks, Play, Rivalry
from zerosum.schedules import counts
from zerosum.spaces import Space
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
    pace: Mapping[str, Callable[[int], float]] | None = None,
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
        pace: how penalties' weights change, by name.
    """
    generator, critic = make_networks(space, networks, generator_norm, critic_norm, judging)
    if spectral:
        critic = spectral_norm(critic)
    critic_lr = play.lr if rivalry.critic_lr is None else rivalry.critic_lr
    game = pair(
        generator=generator,
        critic=critic,
        prior=networks.latents(space),
        loss=ADVERSARIAL[loss],
        optimizer=play.optimizer_at(),
        critic_optimizer=play.optimizer_at(critic_lr),
        penalties=penalties,
        constrain=constrain,
        critic_steps=counts(rivalry.critic_steps),
        conditional=judging is not None,
    )
    return play.plan(game, rivalry.order_schedule(), pace)


def make_networks(
    space: Space, networks: Networks, generator_norm: NormName, critic_norm: NormName, judging: Judging | None
) -> tuple[nn.Module, nn.Module]:
    """Generator and critic: the user's own, or of the family that was chosen.

    Raises:
        UserError: a conditional pair on data without labels, or a space the family cannot have.
    """
    if networks.generator is not None and networks.critic is not None:
        return networks.generator, networks.critic
    how: dict[str, Any] = {"latent": networks.latents(space).size, "width": networks.width}
    how |= {"generator_norm": generator_norm, "critic_norm": critic_norm}
    generator: nn.Module
    critic: nn.Module
    if judging is None:
        generator, critic = build(networks.network, space, **how)
    elif space.classes:
        generator, critic = build_conditional(
            networks.network, space, classes=len(space.classes), judging=judging, **how
        )
    else:
        raise UserError(
            "This recipe needs labels, and the data has none: take data with classes (a folder with a sub-folder a "
            "class, or an .npz with 'labels'), or another recipe."
        )
    return networks.generator or generator, networks.critic or critic
