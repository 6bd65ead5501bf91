"""What a player's gradient is made of: the share that each term of its losses has.

With g_t the gradient of term t with respect to the player's parameters, its share is |g_t| / sum of |g_s| over the
player's terms s, on the batch of the player's next move. A lazy phase, which is played every k rounds, counts for 1/k
of what it is, since its weight was multiplied by k. A penalty whose share is near 1 leaves nothing for the scores; one
whose share is near 0 does nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from zerosum.games import Phase
from zerosum.training.observers import State

PREFIX = "share/"


def shares(state: State) -> dict[str, Tensor]:
    """`share/<player>/<term>` of every player that is known to have several terms, `()` each."""
    players = [player for player in state.game.players if several(state, player)]
    phases = [phase for phase in state.game.phases if not set(players).isdisjoint(phase.players)]
    with restored(state.game.state):
        norms = [(phase, state.norms(phase)) for phase in phases]
    return {name: share for player in players for name, share in of_player(player, norms).items()}


def of_player(player: str, norms: Sequence[tuple[Phase, Mapping[str, Mapping[str, Tensor]]]]) -> dict[str, Tensor]:
    """The shares of one player's terms; terms of the same name in several phases count together."""
    summed: dict[str, Tensor] = {}
    for phase, of_players in norms:
        for term, norm in of_players.get(player, {}).items():
            summed[term] = summed.get(term, torch.zeros_like(norm)) + norm / phase.every
    whole = sum(summed.values(), torch.tensor(0.0))
    return {f"{PREFIX}{player}/{term}": norm / whole for term, norm in summed.items()}


def several(state: State, player: str) -> bool:
    """Whether a player has several terms, as far as the latest figures tell: to find out otherwise costs a move."""
    phases = [phase for phase in state.game.phases if player in phase.players]
    return len(phases) > 1 or any(len(terms(state.values, phase)) > 1 for phase in phases)


def terms(values: Mapping[str, float], phase: Phase) -> list[str]:
    """A phase's terms by their names in the log."""
    return [name for name in values if name.rpartition("/")[0] == phase.name and not name.endswith("/grad_norm")]


@contextmanager
def restored(state: nn.Module) -> Iterator[None]:
    """What a game remembers (pools of pictures) may be used meanwhile, and is afterwards as it was."""
    buffers = {buffer: buffer.clone() for buffer in state.buffers()}
    attributes = [(module, dict(vars(module))) for module in state.modules()]
    try:
        yield
    finally:
        for module, before in attributes:
            vars(module).clear()
            vars(module).update(before)
        for buffer, value in buffers.items():
            buffer.copy_(value)
