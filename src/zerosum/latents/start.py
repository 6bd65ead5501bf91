"""Which latents are looked at: options that most ways of looking share."""

from dataclasses import dataclass
from typing import Annotated

from zerosum.latents.explorer import Explorer, Latents, LevelName
from zerosum.latents.truncation import truncated
from zerosum.recipes.options import Opt

LEVELS = "Where: z latents, w styles, w+ a style a layer; auto: w where there are styles."


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a look begins."""

    seed: Annotated[int, Opt("Of the latents: the same seed gives the same ones.", 0)] = 0
    label: Annotated[str | None, Opt("Only this class, by name or number; none: all in turn.")] = None
    level: Annotated[LevelName, Opt(LEVELS)] = "auto"
    psi: Annotated[float, Opt("Truncation: share of the distance from the mean that is left.", 0, 2)] = 1.0

    def latents(self, explorer: Explorer, n: int) -> Latents:
        """`n` latents, truncated.

        Raises:
            UserError: there is no such class or level, or no mean between the latents.
        """
        found = explorer.draw(n, self.seed, self.label, self.level)
        return found if self.psi == 1 else truncated(explorer, found, self.psi)
