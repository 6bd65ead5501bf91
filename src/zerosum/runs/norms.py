"""Spectral norms of a run's networks, on demand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerosum.diagnosis.probe import undisturbed
from zerosum.diagnosis.spectral import SpectralNorm, spectral_norms
from zerosum.games import Game
from zerosum.runs.trained import Trained


@dataclass(frozen=True)
class Norms:
    """What was found in a checkpoint.

    Attributes:
        samples_seen: of the checkpoint.
        norms: of every weight of the live networks, players and layers in their order.
    """

    samples_seen: int
    norms: tuple[SpectralNorm, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"samples_seen": self.samples_seen, "norms": [norm.document() for norm in self.norms]}


def norms_of(run: Path, game: Game | None = None, checkpoint: int | str | None = None) -> Norms:
    """Of a checkpoint's live networks; see `Trained`.

    Raises:
        UserError: no such checkpoint, or a game from Python was not given.
    """
    trained = Trained(run, game, checkpoint)
    with undisturbed(trained.game.networks.values()):
        return Norms(trained.samples_seen, tuple(spectral_norms(trained.game.players)))
