"""Whether many samples of a trained generator are made by compiled code.

That is made as the code of a loss is (`zerosum.training.compiling`): a sampler takes the place of what a move computes,
and its samples that of gradients.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Controls, Game, Networks, Player, Sampler
from zerosum.training.compiling import GAIN, TIMED, CompiledMove, long_enough, no_compiler
from zerosum.training.moves import Computed
from zerosum.training.pieces import Pieces, cut
from zerosum.training.sampling import CHUNK, Requests
from zerosum.training.tally import Entry


def settle_making(
    wanted: str,
    sampler: Sampler,
    networks: Networks,
    n: int,
    requests: Requests,
    draw: Draw,
    pieces: Pieces,
    tell: Callable[[str], None],
) -> Sampler:
    """The sampler, compiled where that is wanted and can be done; it makes the same samples, up to rounding.

    Args:
        wanted: `on`, `off`, or `auto`: where the time that is saved is longer than what compiling takes.
        sampler, networks, n, requests, draw, pieces: as of `zerosum.training.sampling.chunks`.
        tell: says what is done, in a line.
    """
    hindrance = no_compiler(draw.device) or ("there is no whole batch of samples" if n < CHUNK else None)
    if wanted == "off" or hindrance:
        if wanted == "on":
            tell(f"Not compiled: {hindrance}.")
        return sampler
    chunk = requests.batch(sampler, 0, CHUNK, draw.sub("data"))
    batch, numbers = next(iter(cut(chunk, draw, pieces.count(CHUNK))))
    times = n // len(batch)
    before = seconds(lambda: sampler.make(networks, batch, numbers.sub()))
    if not long_enough(wanted, before, times):
        return sampler
    tell(f"Compiling the generator, which takes a minute at most; sampling takes {before * times / 60:.1f} without.")
    move = CompiledMove(partial(made_by, sampler, networks), alone(networks))
    share = seconds(lambda: move(batch, numbers.sub(), {})[0][0]) / before
    if move.refused is not None:
        tell(f"Not compiled: {move.refused}.")
        return sampler
    if wanted == "auto" and share > 1 - GAIN:
        tell(f"Not compiled after all: a batch would take {share:.0%} of its time.")
        return sampler
    return replace(sampler, make=partial(whole_pieces, sampler, move, len(batch)))


def made_by(sampler: Sampler, networks: Networks, batch: Batch, draw: Draw, controls: Controls) -> Computed:
    """Samples as what a move computes."""
    with torch.no_grad():
        return [sampler.make(networks, batch, draw)], Entry((), torch.empty(0))


def whole_pieces(
    sampler: Sampler, compiled: CompiledMove, size: int, networks: Networks, batch: Batch, draw: Draw
) -> Tensor:
    """Samples by compiled code, which is for batches of one size; of another size as without."""
    if len(batch) != size:
        return sampler.make(networks, batch, draw)
    (made,), _ = compiled(batch, draw, {})
    assert made is not None
    return made


def alone(networks: Networks) -> Game:
    """A game that has these networks and is never played."""
    return Game({"generators": Player(nn.ModuleDict(dict(networks)), torch.optim.SGD)}, (), {})


def seconds(make: Callable[[], Tensor | None]) -> float:
    """Seconds that samples take to be made, the least of some, after once more that is not counted."""
    took = []
    for _ in range(TIMED + 1):
        began = time.perf_counter()
        with torch.no_grad():
            made = make()
        assert made is not None
        made.flatten()[:1].tolist()  # wait for the device
        took.append(time.perf_counter() - began)
    return min(took[1:])
