"""Samples from live or averaged networks, the same ones for the same seed whatever the batch they are made in."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.data.core import Batch, Source
from zerosum.draw import Draw
from zerosum.games import Game, Networks, Sampler
from zerosum.training.pieces import Pieces, cut

CHUNK = 250  # samples made at a time
STANDING_CHUNKS = 4  # chunks that BatchNorm statistics are taken over
MEMORY_BYTES = 2**30  # that making samples may take
LIVE = 4  # outputs of layers that are there at a time
WHOLE = Pieces()


@dataclass(frozen=True)
class Requests:
    """What samplers are asked for: how many, of which class or code, made from which held-out samples.

    Args:
        classes: how many classes the space has.
        source: where conditions come from; None where there are none.
        label: one class (or code) for all; None goes through them in turn.
    """

    classes: int = 0
    source: Source | None = None
    label: int | None = None

    def batch(self, sampler: Sampler, start: int, n: int, draw: Draw) -> Batch:
        """Requests number `start … start + n` to a sampler."""
        places = torch.arange(start, start + n)
        if sampler.given in ("condition", "real"):
            assert self.source is not None
            return self.source.batch(places % (self.source.size or start + n), draw)
        if sampler.given not in ("label", "code"):
            return Batch(torch.empty(n, 0, device=draw.device))
        number = sampler.codes if sampler.given == "code" else self.classes
        asked = places % number if self.label is None else torch.full_like(places, self.label)
        return Batch(torch.empty(n, 0), **{sampler.given: asked}).to(draw.device)


def chunks(
    sampler: Sampler, networks: Networks, n: int, requests: Requests, draw: Draw, pieces: Pieces = WHOLE
) -> Iterator[Tensor]:
    """Samples `0 … n` in chunks, each from a draw of its own, or in smaller pieces of them."""
    for index, start in enumerate(range(0, n, CHUNK)):
        part = draw.sub("chunk", index)
        batch = requests.batch(sampler, start, min(CHUNK, n - start), part.sub("data"))
        for own, numbers in cut(batch, part, pieces.count(len(batch))):
            with torch.no_grad():
                yield sampler.make(networks, own, numbers).float()


def fitting(sampler: Sampler, networks: Networks, requests: Requests, draw: Draw) -> Pieces:
    """Pieces of a chunk that can be made in the memory that sampling may take, by what one sample takes.

    That is about `LIVE` times the largest output of a layer.
    """
    largest = 0

    def notice(module: nn.Module, given: object, made: object) -> None:
        nonlocal largest
        if isinstance(made, Tensor):
            largest = max(largest, made.numel() * made.element_size())

    layers = [layer for network in networks.values() for layer in network.modules()]
    hooks = [layer.register_forward_hook(notice) for layer in layers]
    for _ in chunks(sampler, networks, 1, requests, draw):
        pass
    for hook in hooks:
        hook.remove()
    return Pieces(min(CHUNK, max(1, MEMORY_BYTES // max(1, LIVE * largest))))


def ready(game: Game, averaged: dict[str, nn.Module], sampler: Sampler, requests: Requests, draw: Draw) -> Networks:
    """Networks to sample from: `averaged` ones over the live, in eval mode, with BatchNorm statistics of their own.

    A network that was averaged (or trained) has never seen the activations it now makes; its statistics are taken
    over some batches of samples instead (standing statistics, Brock 2019, section 4.1), of all classes as in training,
    whichever is asked for.
    """
    needed = game.averaged or tuple(game.networks)  # where nothing is averaged, nobody said what makes samples
    wanted = {name: averaged.get(name, network) for name, network in game.networks.items() if name in needed}
    networks = {name: copy.deepcopy(network).eval().requires_grad_(False) for name, network in wanted.items()}
    norms = [module for network in networks.values() for module in network.modules() if isinstance(module, _BatchNorm)]
    norms = [norm for norm in norms if norm.running_mean is not None]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.track_running_stats = None, True
        norm.train()
    if norms:
        requests = replace(requests, label=None)
        for _ in chunks(sampler, networks, STANDING_CHUNKS * CHUNK, requests, draw.sub("standing statistics")):
            pass
    for norm in norms:
        norm.eval()
    return networks
