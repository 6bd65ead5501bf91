"""Where tricks enter a pair, and what enters there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from zerosum.draw import Draw
from zerosum.games.core import Controls
from zerosum.games.tricks.packing import Packing
from zerosum.games.tricks.sight import Sight

NEUTRAL = {"top_k": 1.0}
"""The value at which a control's trick is dormant, where it is not 0."""


ALONE = Packing(1)
"""Every sample is a pack of its own."""


@dataclass(frozen=True)
class View:
    """A change of every sample before the critic sees it, real or generated.

    Attributes:
        name: of the control that holds its strength.
        see: `(samples, draw, strength) -> samples`, differentiable.
    """

    name: str
    see: Callable[[Tensor, Draw, float], Tensor]


@dataclass(frozen=True)
class Term:
    """A further term of a player.

    Attributes:
        name: of the control that holds its strength, and of the term in the log.
        player: whose term it is.
        value: `(sight, strength) -> ()`, what is added to the sum that the player lowers.
    """

    name: str
    player: Literal["D", "G"]
    value: Callable[[Sight, float], Tensor]


@dataclass(frozen=True, kw_only=True)
class Tricks:
    """The tricks that a pair can be played with.

    Attributes:
        controls: names and initial values; a trick whose control is missing is dormant.
        views: in the order in which they are applied.
        terms: of both players.
        packing: how many samples the critic is shown as one.
        unrolled_rate: step size of the critic that `controls["unrolled"]` steps are played ahead with.
        watch: what observers are told of the real samples' scores, by name.
        state: what must resume of the tricks, by name.
    """

    controls: Mapping[str, float] = field(default_factory=dict)
    views: tuple[View, ...] = ()
    terms: tuple[Term, ...] = ()
    packing: Packing = ALONE
    unrolled_rate: float = 0.0
    watch: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    state: Mapping[str, nn.Module] = field(default_factory=dict)

    def see(self, samples: Tensor, draw: Draw, controls: Controls) -> Tensor:
        """Samples `(n, *shape)` as the critic sees them."""
        for view in self.views:
            strength = controls.get(view.name, 0.0)
            if strength:
                samples = view.see(samples, draw.sub(view.name), strength)
        return self.packing.join(samples)

    def added(self, player: str, sight: Sight, controls: Controls) -> dict[str, Tensor]:
        """The further terms of a player that are awake."""
        found = ((term, controls.get(term.name, 0.0)) for term in self.terms if term.player == player)
        return {term.name: term.value(sight, strength) for term, strength in found if strength}


NO_TRICKS = Tricks()
"""A game without any."""
