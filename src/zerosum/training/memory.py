"""A batch in smaller pieces when it does not fit the memory, and what that changes."""

from collections.abc import Callable

import torch
from torch import Tensor

from zerosum.errors import TrainingFailed, UserError
from zerosum.games import JOINT, Game
from zerosum.training.moves import EngineMove, Table
from zerosum.training.pieces import Pieces, rows
from zerosum.training.plan import Plan
from zerosum.training.tracing import flat, unchanged

SHORTAGE = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
"""How torch says it, on one device or another."""
APART = {"32-true": 1e-3}
"""How far, over their length, gradients may be from those in pieces, by precision: sums are rounded elsewhere."""
APART_ROUNDED = 0.1
"""The same in bfloat16."""


class Memory:
    """Watches over how a training fits the memory.

    Args:
        plan: what is played.
        table: its moves', whose pieces are made smaller.
        tell: hears of every change, in a line.
    """

    def __init__(self, plan: Plan, table: Table, tell: Callable[[str], None]) -> None:
        self.plan, self.table, self.tell = plan, table, tell
        self.told: int | None = None
        table.mend = self.mend

    @property
    def at_a_time(self) -> int:
        """Samples of a process that are worked on at once."""
        local = self.table.dealer.local
        return local // self.table.pieces.count(local)

    def mend(self, error: RuntimeError) -> None:
        """Halve the pieces where memory ran out.

        Raises:
            RuntimeError: the error itself, where it is another one.
            TrainingFailed: they cannot be halved.
        """
        if not is_shortage(error):
            raise error
        before, table = self.at_a_time, self.table
        if table.fabric.world_size > 1:  # the others wait for this one's gradients
            raise TrainingFailed(f"Out of memory. Try --microbatch {max(1, before // 2)}, or more devices.") from error
        if before == 1:
            raise TrainingFailed("Out of memory with one sample at a time: take smaller networks.") from error
        table.compiled.clear()  # for pieces of another size
        table.pieces.size = before // 2
        if table.fabric.device.type == "cuda":
            torch.cuda.empty_cache()
        self.tell(f"Out of memory: {self.at_a_time} samples at a time from here on, not {before}.")

    def look(self) -> None:
        """Say, once for every size of pieces, whether they come to the same as the whole batch.

        Raises:
            UserError: the moves cannot be made in such pieces.
        """
        if self.told == self.table.pieces.size:
            return
        self.told = self.table.pieces.size
        n, game = self.at_a_time, self.plan.game
        moves = [EngineMove(self.table, phase, 0, 0) for phase in game.phases]
        try:
            coupled = [move.phase.name for move in moves if depends_on_the_whole(move, game, n)]
        except ValueError as error:
            raise UserError(f"The batch cannot be worked on {n} samples at a time: {error}") from error
        if coupled:
            self.tell(
                f"{n} samples at a time: losses of {', '.join(coupled)} look at several samples at once (by batch "
                "normalisation, or statistics of the batch), so this is not the training of the whole batch."
            )


def depends_on_the_whole(move: EngineMove, game: Game, n: int) -> bool:
    """Whether the gradients of `n` samples are not the mean of those of their halves; nothing of the game changes.

    That is seen where `n` is even, and where the halves can be played: packs of `n` samples cannot be halved, and do
    not look at each other.

    Raises:
        ValueError: `n` samples cannot be played.
    """
    whole = gradient(move, game, n, Pieces())
    if n % 2:
        return False
    try:
        halves = gradient(move, game, n, Pieces(n // 2))
    except UserError:
        return False
    except ValueError:  # a layer that wants several samples
        return True
    apart = float((whole - halves).norm() / whole.norm().clamp_min(1e-30))
    return apart > APART.get(move.table.fabric.strategy.precision.precision, APART_ROUNDED)


def gradient(move: EngineMove, game: Game, n: int, pieces: Pieces) -> Tensor:
    """The gradients of a move on `n` samples in pieces, in one row."""
    move.thaw()
    batch, draw = move.table.dealer.deal(move.phase, 0, 0)
    with unchanged(game):
        gradients, _ = move.computed(rows(batch, 0, n), draw.piece(0, len(batch) // n), move.table.controls, pieces)
    return flat(gradients)


def is_shortage(error: RuntimeError) -> bool:
    """Whether memory ran out.

    >>> is_shortage(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."))
    True
    """
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in SHORTAGE)


def refuse_pieces(plan: Plan, size: int | None) -> None:
    """Raise a UserError where a plan's moves look at the whole batch at once."""
    if size is not None and (order := plan.order(0)) in JOINT:
        raise UserError(
            f"order = {order!r} differentiates the gradients of the whole batch; it cannot be played with --microbatch."
        )
