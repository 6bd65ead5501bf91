"""Extragradient: step from here along the gradient found a step ahead (Korpelevich 1976; Gidel 2019, section 3)."""

import torch
from torch import Tensor

from zerosum.games.core import Controls, Move
from zerosum.games.plays.orders import look, step, turns


def extragradient(moves: list[Move], controls: Controls) -> None:
    """In each turn all step, look at each other from there, go back, and step along what they saw.

        w' = P[w - η ξ(w)],    w ← P[w - η ξ(w')]

    P is the players' projection. Both steps are the optimizers' own, so that moments follow both gradients, which with
    Adam is ExtraAdam (Gidel 2019, algorithm 4). Both are taken on the same samples: with others at the second look the
    method may leave the equilibria that it finds without noise (Chavdarova 2019), with the same it does not
    (Mishchenko 2020).
    """
    for turn in turns(moves):
        weights: list[Tensor] = [parameter for move in turn for parameter in move.parameters]
        before = [weight.detach().clone() for weight in weights]
        look(turn)
        step(turn)
        look(turn)
        with torch.no_grad():
            torch._foreach_copy_(weights, before)
        step(turn)
