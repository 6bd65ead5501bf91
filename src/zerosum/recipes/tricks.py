"""From the options of tricks to what a pair is played with: which tricks it can have, and which it is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from zerosum.data.differentiable import NON_LEAKING, policy
from zerosum.errors import UserError
from zerosum.games import Weighted
from zerosum.games import tricks as games
from zerosum.losses import Adversarial
from zerosum.losses.adversarial import cross_entropy_critic, hinge_critic, least_squares_critic
from zerosum.penalties.gradient import r1, r2
from zerosum.recipes.groups import Networks, Play, SlopeTricks, Tricks
from zerosum.schedules import Decay, Fall
from zerosum.spaces import Images, Space
from zerosum.training.feedback import Feedback

SIGN = "sign_real"
"""What the log calls r_t, the mean sign of the critic's belief in real samples."""
BOUNDARY: dict[Callable[[Tensor, Tensor], Tensor], float] = {
    cross_entropy_critic: 0.0,
    hinge_critic: 0.0,
    least_squares_critic: 0.5,
}
"""The score between real and generated, of the losses that have one."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a pair has, on which depends what tricks it can have."""

    space: Space
    generator: nn.Module
    critic: nn.Module
    loss: Adversarial
    constrained: bool


def seams(asked: Tricks, scene: Scene) -> games.Tricks:
    """All tricks that the pair can have, those that nobody asked for dormant.

    Raises:
        UserError: one that was asked for cannot be had here.
    """
    state = {f"history_{player}": games.History() for player in ("D", "G")}
    found: dict[str, tuple[games.View | games.Term, ...]] = {
        "instance_noise": (games.noisy(),),
        "mode_seeking": (games.seeking(),),
        "historical_averaging": averaging(scene, state),
    }
    refused: dict[str, str] = {}
    if isinstance(scene.space, Images):
        found["augment"] = (games.augmented(policy(asked.augment_policy, scene.space)),)
    else:
        refused["augment"] = f"what the critic sees can be varied where it sees images; these are {scene.space.kind}"
    if callable(getattr(scene.critic, "features", None)):
        found["feature_matching"] = (games.matching(),)
    else:
        refused["feature_matching"] = "the critic has no method 'features' that gives some to match"
    if scene.loss.critic in games.SMOOTHED:
        found["label_smoothing"] = (games.smoothing(scene.loss),)
    else:
        refused["label_smoothing"] = "the loss has no targets to smooth; cross-entropy and least squares have"
    if scene.constrained:
        refused["unrolled"] = "the critic's weights are clipped after each step, which cannot be looked through"
    for name, why in refused.items():
        if getattr(asked, name):
            raise UserError(f"{name} = {getattr(asked, name)!r} is not possible here: {why}.")
    refuse_leak(asked)
    names = [*found, "top_k", *(["unrolled"] if "unrolled" not in refused else [])]
    tricks = [trick for own in found.values() for trick in own]
    return games.Tricks(
        controls={name: float(getattr(asked, name)) for name in names},
        views=tuple(trick for name in VIEWS for trick in found.get(name, ()) if isinstance(trick, games.View)),
        terms=tuple(trick for trick in tricks if isinstance(trick, games.Term)),
        packing=games.Packing(asked.pac),
        unrolled_rate=asked.unrolled_lr,
        watch={} if asked.augment_target is None else {SIGN: sign_of(scene)},
        state=state,
    )


VIEWS = ("augment", "instance_noise")
"""In the order in which they are applied: what is varied gets the noise, not the noise the variation."""


def averaging(scene: Scene, state: Mapping[str, games.History]) -> tuple[games.Term, ...]:
    """Historical averaging of both players."""
    networks: dict[Literal["D", "G"], nn.Module] = {"D": scene.critic, "G": scene.generator}
    return tuple(games.averaging(player, network, state[f"history_{player}"]) for player, network in networks.items())


def sign_of(scene: Scene) -> Callable[[Tensor], Tensor]:
    """sign(D(x) - b) with b the boundary of the loss.

    Raises:
        UserError: it has none, or no augmentation is to be led.
    """
    if scene.loss.critic not in BOUNDARY:
        raise UserError(
            "augment_target needs a loss whose critic has a boundary between real and generated scores (cross-entropy, "
            "hinge, least squares); give a probability that stays as --augment."
        )
    if not isinstance(scene.space, Images):
        raise UserError(f"augment_target varies what a critic of images sees; these are {scene.space.kind}.")
    boundary = BOUNDARY[scene.loss.critic]
    return lambda scores: (scores.detach().float() - boundary).sign()


def refuse_leak(asked: Tricks) -> None:
    """Raise a UserError for a probability with which augmentations show in the samples."""
    if asked.augment > NON_LEAKING and (asked.augment_policy == "ada" or asked.augment_target is not None):
        raise UserError(
            f"augment = {asked.augment} is not possible here: beyond {NON_LEAKING} the variations of ADA show in the "
            "samples (Karras 2020, section 2.2)."
        )


def refuse_networks(asked: Tricks, networks: Networks, play: Play, *, conditional: bool) -> None:
    """Raise a UserError for tricks that the critic's network or the batch cannot have."""
    if asked.minibatch != "none" and networks.critic is not None:
        raise UserError(f"minibatch = {asked.minibatch!r} is a layer of the built-in critics; put it into your own.")
    if asked.pac > 1 and conditional:
        raise UserError(f"pac = {asked.pac} is not possible here: the critic is told one label for each sample.")
    games.refuse_uneven(play.batch_size, asked.pac)


def slopes(asked: Tricks) -> list[Weighted]:
    """R1 and R2, dormant or not, where the recipe has none of its own."""
    if not isinstance(asked, SlopeTricks):
        return []
    return [Weighted("r1", r1, asked.r1), Weighted("r2", r2, asked.r2)]


def paces(asked: Tricks, play: Play) -> dict[str, Callable[[int], float]]:
    """How strong what was asked for is on the way; what somebody wakes later has the strength that it is given."""
    over = asked.anneal * play.length_samples
    found: dict[str, Callable[[int], float]] = {}
    if asked.instance_noise:
        found["instance_noise"] = Decay("linear", 0.0, round(over))
    if isinstance(asked, SlopeTricks) and asked.slope_begin > 1:
        found |= {"r1": Fall(asked.slope_begin, over), "r2": Fall(asked.slope_begin, over)}
    if asked.top_k < 1:
        found["top_k"] = Fall(1 / asked.top_k, over)
    return found


def feedback(asked: Tricks, play: Play, every_samples: int) -> tuple[Feedback, ...]:
    """The rule that leads the probability of augmentation towards its target, or none."""
    if asked.augment_target is None:
        return ()
    rise = asked.augment_rise_samples or max(1, min(500_000, play.length_samples // 2))
    return (
        Feedback(
            control="augment",
            signal=SIGN,
            target=asked.augment_target,
            rise_samples=rise,
            high=NON_LEAKING,
            every_samples=every_samples,
            batch_size=play.batch_size,
        ),
    )
