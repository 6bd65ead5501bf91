"""Whether networks of the user's fit the data: they are tried on two samples before anything is written."""

import copy

import torch

from zerosum.data import Source
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Game
from zerosum.training.tracing import first_line

TRIED = 2
ASKED = ("number", "label", "condition", "real")
"""What a batch of the data has; codes are made elsewhere."""


def refuse_misfits(game: Game, source: Source) -> None:
    """Raise a UserError where a game's networks cannot make or judge samples like those of `source`.

    Copies are tried, so that nothing moves in the networks themselves.
    """
    batch, shape = source.batch(torch.arange(TRIED), Draw("fit")), source.space.shape
    networks = copy.deepcopy(game.networks)
    for sampler in game.samplers.values():
        if sampler.given not in ASKED:
            continue
        try:
            with torch.no_grad(), torch.random.fork_rng():
                made = sampler.make(networks, batch, Draw("fit"))
                if sampler.score is not None:
                    sampler.score(networks, batch.real, batch)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise UserError(f"The networks do not fit samples of the shape {shape}: {first_line(error)}") from error
        if made.shape[1:] != shape:
            raise UserError(
                f"The generator makes samples of the shape {tuple(made.shape[1:])}; those of the data: {shape}."
            )
