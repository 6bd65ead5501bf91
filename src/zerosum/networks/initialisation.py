"""How the weights of a network start."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from zerosum.errors import choose


@dataclass(frozen=True)
class Init:
    """How a scheme starts a weight, and the scale of a batch normalisation; both in place."""

    weight: Callable[[Tensor], Tensor]
    scale: Callable[[Tensor], Tensor] = init.ones_


INITS: dict[str, Init] = {
    "dcgan": Init(partial(init.normal_, std=0.02), partial(init.normal_, mean=1.0, std=0.02)),
    "orthogonal": Init(init.orthogonal_),
    "he": Init(partial(init.kaiming_normal_, nonlinearity="relu")),
}


@torch.no_grad()
def initialise(module: nn.Module, scheme: str) -> nn.Module:
    """Start the weights of every convolution and linear layer anew, biases at 0, by torch's global generator.

    Schemes: `dcgan` N(0, 0.02), batch normalisation's scale N(1, 0.02) (Radford 2016); `orthogonal` (Saxe 2014,
    Brock 2019); `he`, normal with deviation √(2 / fan-in) (He 2015). Call it before spectral normalisation.

    Returns:
        The same module.

    Raises:
        UserError: no such scheme.
    """
    start = choose("initialisation", scheme, INITS)
    for layer in module.modules():
        assert not parametrize.is_parametrized(layer), "initialise before the weights are parametrised"
        if isinstance(layer, _ConvNd | nn.Linear):
            start.weight(layer.weight)
            if layer.bias is not None:
                init.zeros_(layer.bias)
        elif isinstance(layer, _BatchNorm) and layer.affine:
            start.scale(layer.weight)
            init.zeros_(layer.bias)
    return module
