"""A pair whose generator is asked for weights with orthogonal rows: β Σ_W ‖W Wᵀ ⊙ (1 - I)‖²_F is added to its loss.

Latents nearer to 0 than those it was trained with then still give whole pictures: it can be truncated (Brock 2019,
section 3.1).
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from zerosum.games.core import Game
from zerosum.games.pair import Pair
from zerosum.games.tricks import Sight, Term, Tricks
from zerosum.penalties.orthogonal import unorthogonality

ORTHOGONAL = "orthogonal"
"""The term, and the control that holds β."""


def regularised(*, generator: nn.Module, tricks: Tricks, **how: Any) -> Pair:
    """A pair whose generator has the term."""

    def of_generator(sight: Sight, weight: float) -> Tensor:
        return weight * torch.stack([unorthogonality(matrix) for matrix in matrices(generator)]).sum()

    terms = (*tricks.terms, Term(ORTHOGONAL, "G", of_generator))
    return Pair(generator=generator, tricks=replace(tricks, terms=terms), **how)


def with_orthogonality(game: Game, weight: float) -> Game:
    """The game of a `regularised` pair, with β among its controls."""
    return replace(game, controls=game.controls | {ORTHOGONAL: weight})


def matrices(network: nn.Module) -> list[nn.Parameter]:
    """Weights and kernels of all layers but embeddings (as in the paper); before their spectral normalisation."""
    return [
        parameter
        for module in network.modules()
        if not isinstance(module, nn.Embedding)
        for parameter in module.parameters(recurse=False)
        if parameter.ndim > 1
    ]
