"""Batch normalisation whose gain and bias are the label's own, in any network.

h = γ_y (x - μ) / σ + β_y, with statistics μ, σ of the whole batch, whatever its labels, and a row γ_y, β_y of a table
for each class y (Dumoulin 2017, equation 5; de Vries 2017; Miyato & Koyama 2018, section 4).

The networks of this package are called with latents alone. `NormConditionedGenerator` tells them the label all the
same: it is the network whose norms have, in the place of their tables, the rows of the labels
(`torch.func.functional_call`). So nothing is kept between calls, and families need not know of labels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.errors import UserError
from zerosum.networks.batch_norm import BatchNorm


class ConditionalBatchNorm(BatchNorm):
    """Batch normalisation of `(n, channels, …)` with a table of gains γ and one of biases β.

    In `forward` the tables' rows count as those of the samples, `(n, channels)`: whoever calls it has put them there.

    Args:
        norm: whose settings it takes over; every class starts with its gain and bias.
        classes: how many there are.
    """

    def __init__(self, norm: _BatchNorm, classes: int) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum, affine=False)
        ones, zeros = torch.ones(norm.num_features), torch.zeros(norm.num_features)
        gain, bias = (norm.weight.detach(), norm.bias.detach()) if norm.affine else (ones, zeros)
        self.gains = nn.Parameter(gain.repeat(classes, 1))
        self.biases = nn.Parameter(bias.repeat(classes, 1))

    def forward(self, input: Tensor) -> Tensor:
        """`(n, channels, …)` to the same shape and type."""
        normal = super().forward(input)
        shape = (*self.gains.shape, *(1,) * (input.ndim - 2))
        told: Tensor = normal * self.gains.view(shape) + self.biases.view(shape)
        return told.to(input.dtype)


class NormConditionedGenerator(nn.Module):
    """G(z, y): every batch normalisation inside has gain and bias of the sample's class.

    Args:
        network: takes `(n, latent)`; its batch normalisations become conditional ones, in place.
        classes: how many there are.

    Raises:
        UserError: the network has no batch normalisation.
    """

    def __init__(self, network: nn.Module, *, classes: int) -> None:
        super().__init__()
        self.network = network
        self.norms = _condition(network, classes)
        if not self.norms:
            raise UserError("Conditioning 'batch-norm' needs a generator with batch normalisation; this one has none.")

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Latents `(n, latent)` and labels `(n,)` to samples `(n, *shape)`."""
        rows: dict[str, Tensor] = {}
        for name in self.norms:
            norm = self.network.get_submodule(name)
            rows |= {f"{name}.{table}": F.embedding(label, getattr(norm, table)) for table in ("gains", "biases")}
        samples: Tensor = functional_call(self.network, rows, (z,), tie_weights=False)
        return samples


def _condition(network: nn.Module, classes: int) -> tuple[str, ...]:
    """Put conditional norms in the place of batch normalisations, and say where they are."""
    names = [name for name, module in network.named_modules() if isinstance(module, _BatchNorm) and name]
    for name in names:
        parent, _, own = name.rpartition(".")
        norm = network.get_submodule(name)
        assert isinstance(norm, _BatchNorm)
        setattr(network.get_submodule(parent), own, ConditionalBatchNorm(norm, classes))
    return tuple(names)
