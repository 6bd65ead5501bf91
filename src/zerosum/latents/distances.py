"""How far samples are from each other: by values, and by what a network sees in them (Zhang 2018, equation 1).

Both are squared Euclidean distances after an embedding, so that distances between many are one matrix product:

- values: their mean squared difference;
- features: activations of all nonlinear layers of a network, of unit length over channels at every position, the mean
  over positions of their squared differences, and of these the mean over layers. Zhang 2018 weighs channels by what
  people think of pairs of photographs; here all weigh the same.

The networks are those that are at hand: the classifier or encoder that was trained on the run's own training data, or
the run's critic.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.errors import UserError, choose
from zerosum.latents.explorer import Explorer
from zerosum.latents.layers import ACTIVATIONS
from zerosum.metrics.networks import classifier_for
from zerosum.metrics.networks.classifier import SIDE
from zerosum.metrics.networks.preparation import at_most
from zerosum.spaces import Images

FeaturesName = Literal["auto", "classifier", "critic", "none"]
PIECE = 100
SHARE = 0.3
"""Weight of features unless it is said: on digits they then count about as much as values."""
Eye = Callable[[Tensor], Tensor]
"""Samples `(n, *shape)` in network values through a network; what it returns is not looked at."""


@dataclass(frozen=True)
class Distance:
    """d(x, y) = mean (x - y)² + `share` · d_features(x, y).

    Attributes:
        network: whose activations are features; None: values alone.
        eye: sends samples through it.
        share: weight of the features.
    """

    network: nn.Module | None
    eye: Eye
    share: float

    def embed(self, samples: Tensor) -> Tensor:
        """Samples `(n, *shape)` to points `(n, d)` whose squared distances are d; differentiable."""
        flat = samples.flatten(1)
        parts = [flat / math.sqrt(flat.shape[1])]
        if self.network is not None and self.share:
            seen = activations(self.network, self.eye, samples)
            weight = math.sqrt(self.share / len(seen))
            parts += [weight * of_unit_length(layer) for layer in seen]
        return torch.cat(parts, 1)

    @torch.no_grad()
    def between(self, samples: Tensor, others: Tensor) -> Tensor:
        """All distances between `(n, *shape)` and `(m, *shape)`, `(n, m)`, on the CPU."""
        mine = self.embed(samples).cpu().double()
        parts = [torch.cdist(mine, self.embed(part).cpu().double()).square() for part in torch.split(others, PIECE)]
        return torch.cat(parts, 1).float()


def activations(network: nn.Module, eye: Eye, samples: Tensor) -> list[Tensor]:
    """What the nonlinear layers of a network give, `(n, channels, …)`, in the order of their use."""
    found: list[Tensor] = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output: found.append(output))
        for layer in network.modules()
        if isinstance(layer, ACTIVATIONS)
    ]
    try:
        eye(samples)
    finally:
        for handle in handles:
            handle.remove()
    return found


def of_unit_length(layer: Tensor) -> Tensor:
    """Activations `(n, channels, …)` of unit length over channels at every position, over √positions, `(n, values)`."""
    unit = F.normalize(layer, dim=1, eps=1e-6).flatten(1)
    return unit / math.sqrt(unit.shape[1] / layer.shape[1])


def distance(explorer: Explorer, features: FeaturesName = "auto", share: float = SHARE) -> Distance:
    """The distance for samples of a run.

    Args:
        explorer: of the run.
        features: whose: `classifier` (images; needs the run's data), `critic`, or `none` for values alone; `auto` is
            `classifier` for images and `none` for all else.
        share: their weight beside that of values.

    Raises:
        UserError: there is no such network here.
    """
    choose("features", features, dict.fromkeys(("auto", "classifier", "critic", "none")))
    images = isinstance(explorer.space, Images)
    if features == "classifier" and not images:
        raise UserError(f"The classifier looks at images; these are {explorer.space.kind}. Take critic or none.")
    if features == "classifier" or (features == "auto" and images):
        return of_classifier(explorer, share)
    return of_critic(explorer, share) if features == "critic" else Distance(None, lambda samples: samples, 0.0)


def of_classifier(explorer: Explorer, share: float) -> Distance:
    """By the network that was trained on the run's training data, with its labels or without."""
    space = explorer.space
    assert isinstance(space, Images)
    trunk = classifier_for(explorer.data, device=explorer.device).trunk
    return Distance(trunk, lambda samples: trunk(at_most(space.decode(samples), SIDE)), share)


def of_critic(explorer: Explorer, share: float) -> Distance:
    """By the run's critic, as it was trained last.

    Raises:
        UserError: it has none that has features.
    """
    critic = copy.deepcopy(explorer.trained.game.networks.get("D"))
    if critic is None or not hasattr(critic, "features"):
        raise UserError("This run has no critic with features; take the features classifier or none.")
    critic.eval().requires_grad_(False).to(explorer.device)
    return Distance(critic, cast(Eye, critic.features), share)
