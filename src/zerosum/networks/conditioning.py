"""Class-conditional networks around any network, by composition.

An unconditional pair is called `G(z)` and `D(x)`, a conditional one `G(z, label)` and `D(x, label)`, with `label` the
class numbers `(n,)`, int64, from 0 to `classes` - 1.
"""

import torch
from torch import Tensor, nn

from zerosum.coding import one_hot
from zerosum.networks.critic import Critic


class ConditionalGenerator(nn.Module):
    """G(z, y) = network([z, e(y)]): a learned embedding of the label stands beside the latent.

    Args:
        network: takes `(n, latent + embedding)`.
        classes: how many there are.
        embedding: dimensions of e(y).
    """

    def __init__(self, network: nn.Module, *, classes: int, embedding: int) -> None:
        super().__init__()
        self.network = network
        self.embedding = nn.Embedding(classes, embedding)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Latents `(n, latent)` and labels `(n,)` to samples `(n, *shape)`."""
        samples: Tensor = self.network(torch.cat([z, self.embedding(label)], dim=1))
        return samples


class OneHotGenerator(nn.Module):
    """G(z, y) = network([z, 1_y]): the label's one-hot vector stands beside the latent (Mirza 2014, section 3.2).

    Args:
        network: takes `(n, latent + classes)`.
        classes: how many there are.
    """

    def __init__(self, network: nn.Module, *, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Latents `(n, latent)` and labels `(n,)` to samples `(n, *shape)`."""
        beside = one_hot(label, self.classes).to(z.dtype)
        samples: Tensor = self.network(torch.cat([z, beside], dim=1))
        return samples


class ConditionalCritic(nn.Module):
    """D(x, y) = network([x, e(y)]): the label's embedding stands beside the sample (Mirza 2014, section 3.2).

    On images the embedding is `embedding` additional channels, each constant over the picture; on points it is as many
    additional dimensions.

    Args:
        network: takes samples with `embedding` more channels (dimensions).
        classes: how many there are.
        embedding: dimensions of e(y).
    """

    def __init__(self, network: nn.Module, *, classes: int, embedding: int) -> None:
        super().__init__()
        self.network = network
        self.embedding = nn.Embedding(classes, embedding)

    def features(self, x: Tensor, label: Tensor) -> Tensor:
        """What the network's head looks at, `(n, size)`, of a network that has features."""
        features: Tensor = self.network.features(self._beside(x, label))  # type: ignore[operator]
        return features

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Samples `(n, *shape)` and labels `(n,)` to what the network gives for them, scores `(n, …)`."""
        scores: Tensor = self.network(self._beside(x, label))
        return scores

    def _beside(self, x: Tensor, label: Tensor) -> Tensor:
        beside = self.embedding(label).to(x.dtype)
        beside = beside.view(*beside.shape, *(1,) * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        return torch.cat([x, beside], dim=1)


class ProjectionCritic(nn.Module):
    """D(x, y) = head(φ(x)) + ⟨v(y), φ(x)⟩ with φ the critic's features (Miyato & Koyama 2018, equation 3).

    Args:
        critic: an unconditional critic that has `features`.
        classes: how many there are.
    """

    def __init__(self, critic: Critic, *, classes: int) -> None:
        super().__init__()
        self.critic = critic
        self.embedding = nn.Embedding(classes, critic.size)
        nn.init.xavier_uniform_(self.embedding.weight)  # as the authors' code

    def features(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """What the head and the projection look at, `(n, size)`, whatever the label."""
        return self.critic.features(x)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Samples `(n, *shape)` and labels `(n,)` to scores `(n,)`."""
        features = self.critic.features(x)
        projection: Tensor = (self.embedding(label) * features).sum(1)
        return self.critic.score(features) + projection
