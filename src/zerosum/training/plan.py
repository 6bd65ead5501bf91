"""A plan: a game and how it is to be played."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from zerosum.data.core import Source
from zerosum.draw import Draw
from zerosum.games import Game
from zerosum.schedules import Steps
from zerosum.training.lookahead import Pace
from zerosum.training.observers import Observer


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A game plus how it is to be played. Everything in it is a function of the samples seen.

    Args:
        game: the players and their phases.
        batch_size: real samples a round, over all processes.
        length_samples: real samples seen when the training ends.
        learning_rate: samples seen -> factor on every player's own learning rate.
        pace: name of a control -> (samples seen -> factor on it); the control keeps the value it was set to, losses see
            the product.
        source: training samples and a draw of the run -> what is dealt to the players: by default all as they are.
        order: samples seen -> name of the way the moves are made (`zerosum.games.PLAYS`).
        lookahead: how far all players go back every so many rounds.
        ema_half_life_samples: after so many samples a weight counts half in the average; 0 averages nothing.
        ema_rampup: the half-life is at most this share of the networks' age, so that the average forgets the start.
        age: samples seen -> samples that the youngest layers have seen; less where networks grow.
        report_every_samples: between two lines of the log.
        snapshot_every_samples: between two pictures of samples.
        checkpoint_every_samples: between two checkpoints.
        feedback: rules that set controls by what they observe, called before the user's observers.
    """

    game: Game
    batch_size: int
    length_samples: int
    learning_rate: Callable[[int], float] = field(default=lambda samples_seen: 1.0)
    pace: Mapping[str, Callable[[int], float]] = field(default_factory=dict)
    source: Callable[[Source, Draw], Source] = field(default=lambda train, draw: train)
    order: Callable[[int], str] = Steps(("critic-first",))
    lookahead: Pace = field(default_factory=Pace)
    ema_half_life_samples: float = 10_000.0
    ema_rampup: float = 0.05
    age: Callable[[int], int] = field(default=int)
    report_every_samples: int = 1_000
    snapshot_every_samples: int = 10_000
    checkpoint_every_samples: int = 20_000
    feedback: Sequence[Observer] = ()

    def in_force(self, controls: Mapping[str, float], samples_seen: int) -> dict[str, float]:
        """The controls as losses see them when so many samples have been seen."""
        return {
            name: value * self.pace[name](samples_seen) if name in self.pace else value
            for name, value in controls.items()
        }
