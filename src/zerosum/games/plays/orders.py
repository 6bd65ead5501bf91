"""Plain gradient steps, in turn or all at once."""

from collections.abc import Iterator, Sequence

from zerosum.games.core import Controls, Move


def alternating(moves: list[Move], controls: Controls) -> None:
    """Everyone answers the move before: phases in their order."""
    for move in moves:
        move.gradients()
        move.step()


def reversed_order(moves: list[Move], controls: Controls) -> None:
    """Alternating, with the phases in reverse order (the generator first)."""
    order = list(dict.fromkeys(move.phase.name for move in moves))
    alternating(sorted(moves, key=lambda move: -order.index(move.phase.name)), controls)


def simultaneous(moves: list[Move], controls: Controls) -> None:
    """In each turn everyone looks at the same weights, then all move at once."""
    for turn in turns(moves):
        look(turn)
        step(turn)


def turns(moves: Sequence[Move]) -> Iterator[list[Move]]:
    """The moves that can be made at once, then those that wait for them.

    Gradients of a player's several moves would overwrite each other, so its later moves wait for the next turn.
    """
    waiting = list(moves)
    while waiting:
        turn: list[Move] = []
        later: list[Move] = []
        busy: set[str] = set()
        for move in waiting:
            (turn if busy.isdisjoint(move.phase.players) else later).append(move)
            busy.update(move.phase.players)
        yield turn
        waiting = later


def look(turn: Sequence[Move]) -> None:
    """Everyone's gradients at the present weights."""
    for move in turn:
        move.gradients()


def step(turn: Sequence[Move]) -> None:
    """Everyone's steps."""
    for move in turn:
        move.step()
