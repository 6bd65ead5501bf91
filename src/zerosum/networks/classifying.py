"""Critics that tell classes, too, and networks that tell what a sample was made from: heads on a critic's features.

Logits of classes c are unbounded: P(c | x) = softmax(logits). Like a critic's own head, these work in their own
precision, whatever the autocast.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zerosum.networks.critic import Critic
from zerosum.networks.layers import FullLinear


class ClassifyingCritic(nn.Module):
    """S(x) and P(c | x) from the same features: is x real, and of which class (Odena 2017, section 4).

    Args:
        critic: scores samples.
        classes: how many there are.
    """

    def __init__(self, critic: Critic, *, classes: int) -> None:
        super().__init__()
        self.critic = critic
        self.classes = FullLinear(critic.size, classes)

    @property
    def independent(self) -> bool:
        """Whether no sample's score depends on the other samples of its batch."""
        return self.critic.independent

    def features(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """What the heads look at, `(n, size)`, whatever the label."""
        return self.critic.features(x)

    def classify(self, x: Tensor) -> Tensor:
        """Logits of the classes, `(n, classes)`, of samples `(n, *shape)`."""
        logits: Tensor = self.classes(self.features(x))
        return logits

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Scores `(n,)`; it may be asked like any conditional critic, but is not to be told the label."""
        scores: Tensor = self.critic(x)
        return scores


class ClosedCritic(nn.Module):
    """A classifier of K classes that is a critic as well: the class K + 1 of generated samples has logit 0.

    With Z(x) = Σ_k exp(l_k(x)) the probability that x is real is D(x) = Z(x) / (Z(x) + 1), so its score, the logit of
    D, is log Z(x) (Salimans 2016, section 5).

    Args:
        critic: its features are used; its own head goes.
        classes: how many real ones there are, K.
    """

    def __init__(self, critic: Critic, *, classes: int) -> None:
        super().__init__()
        self.body = critic.body
        self.classes = FullLinear(critic.size, classes)
        self.independent = critic.independent

    def features(self, x: Tensor) -> Tensor:
        """What the head looks at, `(n, size)`."""
        features: Tensor = self.body(x)
        return features

    def classify(self, x: Tensor) -> Tensor:
        """Logits of the real classes, `(n, K)`, of samples `(n, *shape)`."""
        logits: Tensor = self.classes(self.features(x))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """The score log Z(x), `(n,)`."""
        return self.classify(x).logsumexp(1)


SHARPEST = math.log(0.01)
"""The least log σ of a code from U(-1, 1): a likelihood without a bound would reward ever finer textures, to no end."""


class Guess(NamedTuple):
    """A distribution of codes: a categorical one and independent Gaussians.

    Attributes:
        logits: of the categories, `(n, categories)`.
        mean: `(n, continuous)`.
        log_deviation: log σ, `(n, continuous)`.
    """

    logits: Tensor
    mean: Tensor
    log_deviation: Tensor


class Recognition(nn.Module):
    """Q(c | x): which codes was this sample made from? (Chen 2016, section 6).

    Args:
        critic: its features are used; its own head goes.
        categories: of the categorical code.
        continuous: how many continuous codes there are.
    """

    def __init__(self, critic: Critic, *, categories: int, continuous: int) -> None:
        super().__init__()
        self.sizes = [categories, continuous, continuous]
        self.body = critic.body
        self.head = FullLinear(critic.size, sum(self.sizes))

    def forward(self, x: Tensor) -> Guess:
        """Samples `(n, *shape)` to distributions of their codes."""
        logits, mean, log_deviation = torch.split(self.head(self.body(x)), self.sizes, dim=1)
        return Guess(logits, mean, SHARPEST + nn.functional.softplus(log_deviation - SHARPEST))  # with a way back
