"""Exponential averages of networks, with a half-life in samples."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from zerosum.games import Game


class Average:
    """Averages of a game's averaged networks.

    Weights follow w' <- beta w' + (1 - beta) w with beta = (1/2) ^ (batch / half-life); the half-life is ramped up
    with the samples seen (Karras 2020, `ema_rampup`), and may be set from round to round. Where networks grow it is
    those seen since the last layers came: their first weights would be remembered while they are faded in. Other
    floating-point buffers are copied; BatchNorm statistics are of no use in an average and are taken anew before
    sampling (`zerosum.training.sampling`). With a half-life of 0 there are no averages.
    """

    def __init__(self, game: Game, half_life_samples: float, rampup: float) -> None:
        self.half_life_samples = half_life_samples
        self.rampup = rampup
        live = {name: game.networks[name] for name in game.averaged} if half_life_samples else {}
        self.networks = {name: copy.deepcopy(network).eval().requires_grad_(False) for name, network in live.items()}
        pairs = [(self.networks[name], network) for name, network in live.items()]
        self.weights = matched((mean.parameters(), network.parameters()) for mean, network in pairs)
        self.buffers = matched((mean.buffers(), network.buffers()) for mean, network in pairs)

    def update(self, age: int, batch_size: int) -> None:
        """Take one round of `batch_size` samples into the average of networks that have seen `age` of them."""
        blend(self.weights, self.buffers, self.beta(age, batch_size))

    def beta(self, age: int, batch_size: int) -> float:
        """How much of it an average keeps in such a round."""
        half_life = min(self.half_life_samples, age * self.rampup)
        return 0.5 ** (batch_size / half_life) if half_life > 0 else 0.0

    def state(self) -> dict[str, Tensor]:
        """All tensors, keyed `network.parameter`."""
        return tensors_of(self.networks)


Pairs = list[tuple[Tensor, Tensor]]


def matched(networks: Iterable[tuple[Iterable[Tensor], Iterable[Tensor]]]) -> Pairs:
    """The tensors of some networks, each with that of another one which is built alike."""
    return [pair for one, other in networks for pair in zip(one, other, strict=True)]


@torch.no_grad()
def blend(weights: Pairs, buffers: Pairs, beta: float) -> None:
    """Take the second of each pair into the first: a share 1 - beta of weights, all of buffers."""
    if weights:
        means, lives = map(list, zip(*weights, strict=True))
        torch._foreach_lerp_(means, lives, 1.0 - beta)
    for mean, live in buffers:
        mean.copy_(live)


def tensors_of(networks: dict[str, nn.Module]) -> dict[str, Tensor]:
    """The state of networks, keyed `network.parameter`."""
    return {f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()}
