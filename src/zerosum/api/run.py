"""A training on disk, opened from Python."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from zerosum.errors import UserError
from zerosum.games import Game
from zerosum.latents import Explorer
from zerosum.latents.sampling import WHOLE, truncated_samples
from zerosum.runs.directory import find_run, read_log, read_plan
from zerosum.runs.trained import Trained
from zerosum.runs.writing import Samples, joined


@dataclass(frozen=True, init=False)
class Run:
    """A training on disk.

    Args:
        run: a name under `runs/`, or a path.
        game: the players, where they came from Python; the run can then be sampled from while this object lives.

    Attributes:
        path: its directory.
        game: see there.

    Raises:
        UserError: there is no such run.
    """

    path: Path
    game: Game | None = field(default=None, repr=False)

    def __init__(self, run: str | Path, game: Game | None = None) -> None:
        object.__setattr__(self, "path", find_run(run))
        object.__setattr__(self, "game", game)

    @property
    def plan(self) -> dict[str, Any]:
        """`plan.json`."""
        return read_plan(self.path)

    @property
    def log(self) -> list[dict[str, float | None]]:
        """The lines of the log, oldest first."""
        return read_log(self.path)

    @property
    def report(self) -> Path:
        """The report page."""
        return self.path / "report.html"

    @property
    def grid(self) -> Path:
        """The latest picture of samples."""
        pictures = [p for p in (self.path / "samples").glob("*.png") if p.stem.isdecimal()]
        return max(pictures, key=lambda picture: int(picture.stem), default=self.path / "samples")

    def sample(self, n: int = 64, **how: Any) -> Tensor:
        """`n` samples, `(n, *shape)`; see `zerosum.sample`."""
        return self.samples(n, **how).values

    def samples(self, n: int = 64, **how: Any) -> Samples:
        """`n` samples with their labels and how to save them."""
        return joined(self.pieces(n, **how))

    def pieces(
        self,
        n: int,
        *,
        checkpoint: int | str | None = None,
        psi: float = WHOLE,
        threshold: float | None = None,
        **how: Any,
    ) -> Iterator[Samples]:
        """The same piece by piece, as they are made; arguments as of `write_samples`."""
        if psi == WHOLE and threshold is None:
            return Trained(self.path, self.game, checkpoint).pieces(n, **how)
        if not how.get("averaged", True):
            raise UserError("psi and threshold truncate latents of the averaged generator, not of the live one.")
        explorer = self.latents(checkpoint=checkpoint, sampler=how.get("sampler"))
        asked = {name: value for name, value in how.items() if name not in ("averaged", "sampler", "compile", "tell")}
        return truncated_samples(explorer, n, psi=psi, threshold=threshold, **asked)

    def latents(self, **how: Any) -> Explorer:
        """Its generator, seen from its latents; `checkpoint`, `sampler`, `data`, `device` as of `zerosum.explore`."""
        return Explorer(self.path, self.game, **how)
