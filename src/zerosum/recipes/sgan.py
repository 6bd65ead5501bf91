"""A classifier that learns from few labels, because it must also tell real samples from generated ones.

K classes of real samples and one of generated ones (Salimans 2016, section 5); the generator matches the means of the
features that the critic has of real samples (section 3.1): it is the classifier that is wanted, not the samples.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated

from zerosum.data.labelled import few_labelled
from zerosum.games.semi_supervised import SemiSupervised, with_labels
from zerosum.networks import ClosedCritic, build_critic
from zerosum.recipes.groups import Networks, Play, Rivalry
from zerosum.recipes.options import Opt
from zerosum.recipes.pairs import classes_of, pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def sgan(
    space: Space,
    *,
    labelled_per_class: Annotated[
        int, Opt("Training labels that are used, of each class; the other samples are unlabelled.", 1, 10**6)
    ] = 10,
    supervised_weight: Annotated[float, Opt("Of log P(y | x) of labelled samples.", 0, 1e6)] = 1.0,
    entropy_weight: Annotated[float, Opt("Of the entropy of P(y | x) of samples without labels.", 0, 1e6)] = 0.3,
    networks: Networks = Networks(width=32),
    play: Play = Play(batch_size=64, length_samples=120_000, lr=3e-4, lr_decay="linear"),
    rivalry: Rivalry = Rivalry(),
) -> Plan:
    """A critic of K + 1 classes, and feature matching (Salimans 2016)."""
    body = build_critic(networks.network, space, width=networks.width, norm="none")
    critic = ClosedCritic(body, classes=classes_of(space))
    plan = pair_plan(
        space,
        networks=replace(networks, critic=critic),
        play=play,
        rivalry=rivalry,
        loss="non-saturating",
        losses=SemiSupervised,
    )
    return replace(
        plan,
        game=with_labels(plan.game, supervised_weight, entropy_weight),
        source=partial(few_labelled, per_class=labelled_per_class),
    )
