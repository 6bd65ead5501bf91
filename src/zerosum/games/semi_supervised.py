"""A classifier that learns from few labels, and a critic in one: K classes, and a further one of generated samples.

The critic tells real samples from generated ones, whatever their class, and learns the classes from those real samples
whose label is known; the generator matches the features it sees (Salimans 2016, sections 3.1 and 5):

    L_D = -E log D(x) - E log(1 - D(G(z))) - E log P(y | x, y ≤ K),   L_G = ‖E f(x) - E f(G(z))‖²

with log Z(x) = log Σ_k exp(l_k(x)) the logit of D. Batches hold samples whose label is known as `condition` and
`label`, and any samples as `real` (`zerosum.data.labelled`).
"""

from dataclasses import dataclass, replace

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.auxiliary import by_critic
from zerosum.games.core import Controls, Game, Result
from zerosum.games.pair import Pair
from zerosum.games.tricks import matching
from zerosum.losses import accuracy, cross_entropy, entropy
from zerosum.networks import ClosedCritic


@dataclass(frozen=True, kw_only=True)
class SemiSupervised(Pair):
    """The losses of a generator and a `ClosedCritic`."""

    def critic_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """The pair's, and the cross-entropy of the classes that are known."""
        result = super().critic_loss(batch, draw, controls)
        assert batch.condition is not None
        assert batch.label is not None
        logits = self._closed.classify(batch.condition)
        terms = {"supervised": controls["supervised"] * cross_entropy(logits, batch.label).mean()}
        if controls["entropy"]:
            terms["entropy"] = controls["entropy"] * entropy(self._closed.classify(batch.real)).mean()
        watch = {"accuracy/labelled": accuracy(logits, batch.label)}
        return Result(result.terms | terms, result.watch | watch)

    def generator_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """Feature matching alone."""
        return Result({"matching": matching().value(self._sight(batch, draw, controls), 1.0)})

    @property
    def _closed(self) -> ClosedCritic:
        assert isinstance(self.critic, ClosedCritic)
        return self.critic


def with_labels(game: Game, supervised: float, entropy: float) -> Game:
    """The game of a pair that is `SemiSupervised`: its weights are controls, the critic is its classifier.

    It is the critic that is wanted, so it is averaged, too.
    """
    players = {name: replace(player, averaged=True) for name, player in game.players.items()}
    weights = {"supervised": supervised, "entropy": entropy}
    return replace(game, players=players, controls=game.controls | weights, classifier=by_critic)
