"""What all critics have in common."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.networks.layers import in_full
from zerosum.networks.minibatch import MixesSamples


class Critic(nn.Module):
    """A body that turns samples into features, and a linear head that scores them.

    Args:
        body: samples `(n, *shape)` to features `(n, size)`.
        size: the number of features.
    """

    def __init__(self, body: nn.Module, size: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(size, 1)

    @property
    def size(self) -> int:
        """The number of features."""
        return self.head.in_features

    @property
    def independent(self) -> bool:
        """Whether no sample's score depends on the other samples of its batch."""
        return not any(isinstance(module, _BatchNorm | MixesSamples) for module in self.modules())

    def add(self, layer: MixesSamples) -> None:
        """Put a layer behind the body; what the head has learnt of the features it knows stays."""
        head = nn.Linear(self.size + layer.added, 1)
        with torch.no_grad():
            head.weight[:, : self.size] = self.head.weight
            head.bias.copy_(self.head.bias)
        self.body, self.head = nn.Sequential(self.body, layer), head

    def features(self, x: Tensor) -> Tensor:
        """What the head looks at, `(n, size)`."""
        features: Tensor = self.body(x)
        return features

    def score(self, features: Tensor) -> Tensor:
        """Features `(n, size)` to scores `(n,)`, in the head's own precision."""
        return in_full(self.head, features, self.head.weight.dtype).squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        """One score a sample, an unbounded logit, `(n,)`."""
        return self.score(self.features(x))
