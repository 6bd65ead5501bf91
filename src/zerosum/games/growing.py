"""A game whose networks grow (Karras 2018, section 2): every move is made at the size that the control `growth` says.

Real samples are made as coarse as the generator's are at that size, and while a level is faded in, as blurred.
"""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from torch import Tensor

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Controls, Game, Loss, Result
from zerosum.networks.growing import Growing, faded

GROWTH = "growth"
"""The control: levels that the networks have above the base; behind the point stands the share of the next one."""


def growing(game: Game) -> Game:
    """The game with networks that grow; without a pace of its control they have their full size."""
    parts = [part for network in game.networks.values() for part in network.modules() if isinstance(part, Growing)]
    (levels,) = {part.levels for part in parts}
    phases = tuple(replace(phase, loss=at_size(phase.loss, parts)) for phase in game.phases)
    view = partial(as_fine_as, parts[0])
    return replace(game, phases=phases, controls=game.controls | {GROWTH: float(levels)}, view=view)


def as_fine_as(part: Growing, real: Tensor) -> Tensor:
    """Real samples as a network that has grown so far knows them."""
    return faded(real, part.stage(), part.levels)


def at_size(loss: Loss, parts: list[Growing]) -> Loss:
    """A loss of networks that have grown as far as the control says, and of real samples of the same kind."""

    def grown(batch: Batch, draw: Draw, controls: Controls) -> Result:
        with ExitStack() as stack:
            stages = [stack.enter_context(part.at(controls[GROWTH])) for part in parts]
            real = faded(batch.real, stages[0], parts[0].levels)
            return loss(replace(batch, real=real), draw, controls)

    return grown
