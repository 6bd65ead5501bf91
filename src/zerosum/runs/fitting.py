"""Whether networks and games of the user's fit the data and each other: they are tried before anything is written."""

import copy

import torch

from zerosum.data import Source
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Game, Result
from zerosum.training.tracing import first_line, unchanged

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


def refuse_unplayable(game: Game, source: Source, batch_size: int) -> None:
    """Raise a UserError for players with nothing to learn, and for losses that give something else than they must.

    Every loss is computed once, of a batch of the training's size, and nothing is left of that. What a loss raises by
    itself is its author's to read, and goes on.
    """
    for name, player in game.players.items():
        if not any(parameter.requires_grad for net in player.networks.values() for parameter in net.parameters()):
            raise UserError(f"Player {name!r} has no parameters that learn (requires_grad).")
    batch = source.batch(torch.arange(batch_size) % (source.size or batch_size), Draw("rehearsal", "data"))
    for phase in game.phases:
        with unchanged(game):
            found = phase.loss(batch, Draw("rehearsal"), game.controls)
        if not isinstance(found, Result):
            raise UserError(
                f"The loss of phase {phase.name!r} gives {type(found).__name__}; it must give a Result: "
                'Result({"adversarial": loss}).'
            )
        for name, term in found.terms.items():
            if not isinstance(term, torch.Tensor) or term.ndim:
                said = f"of shape {tuple(term.shape)}" if isinstance(term, torch.Tensor) else type(term).__name__
                raise UserError(f"The term {name!r} of phase {phase.name!r} is {said}; it must be a scalar tensor.")
        if not found.terms:
            raise UserError(f"The loss of phase {phase.name!r} has no terms: there is nothing to lower.")
