"""Spectral norms: by how much each layer can stretch what it is given.

The product of a network's spectral norms bounds its Lipschitz constant where its activations stretch nothing (Miyato
2018, equation 6); one that grows without end in a critic foretells exploding gradients, one far below 1 vanishing ones.
A convolution is taken as Miyato 2018 (section 2.1) takes it: its kernel as a matrix `(out, in x height x width)`, which
bounds the convolution's own norm only up to a factor of the kernel's extent.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils.parametrize import ParametrizationList

from zerosum.games import Player


@dataclass(frozen=True)
class SpectralNorm:
    """Of one weight.

    Attributes:
        player: whose it is.
        weight: its name, `<network>.<layer>.<weight>`.
        shape: of the weight.
        value: largest singular value of the weight as a matrix.
    """

    player: str
    weight: str
    shape: tuple[int, ...]
    value: float

    def document(self) -> dict[str, Any]:
        """As JSON."""
        value = float(f"{self.value:.6g}") if math.isfinite(self.value) else None
        return {"player": self.player, "weight": self.weight, "shape": list(self.shape), "norm": value}


def spectral_norms(players: Mapping[str, Player]) -> list[SpectralNorm]:
    """Of every weight with two dimensions or more, players and layers in their order; exact, in float64.

    A weight under a parametrisation is taken as the layer uses it (spectral normalisation steps on when a layer in
    training mode is looked at: `undisturbed` keeps it from that). One that is not finite has the norm NaN.
    """
    return [
        SpectralNorm(player, f"{network}.{name}", tuple(weight.shape), largest_singular_value(matrix))
        for player, owner in players.items()
        for network, module in owner.networks.items()
        for name, weight, matrix in matrices(module)
    ]


def largest_singular_value(matrix: Tensor) -> float:
    """The spectral norm of `(rows, columns)`, or NaN."""
    if not bool(matrix.isfinite().all()):
        return float("nan")
    return float(torch.linalg.matrix_norm(matrix.double(), 2))


@torch.no_grad()
def matrices(network: nn.Module) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, weight, and weight as a matrix with a row for each output."""
    for path, layer in network.named_modules():
        if isinstance(layer, ParametrizationList):
            continue
        own = [name for name, _ in layer.named_parameters(recurse=False)]
        for name in (*own, *getattr(layer, "parametrizations", {})):
            weight = getattr(layer, name).detach()
            if weight.ndim >= 2:
                outputs = 1 if isinstance(layer, _ConvTransposeNd) and name == "weight" else 0
                yield f"{path}.{name}".lstrip("."), weight, weight.movedim(outputs, 0).flatten(1)
