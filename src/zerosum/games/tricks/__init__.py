"""Tricks that any pair can be played with, by one mechanism: seams of the game at which each of them enters.

A trick of some strength has a control of its name; at the neutral value it is dormant, which costs nothing and changes
nothing. What enters where:

- what the critic sees (`View`): noise, augmentation; and packing, which joins rows of the batch;
- who judges the generator: the critic, or the critic some steps ahead (`unrolled`);
- which generated samples count (`best`);
- further terms of either player (`Term`): feature matching, mode-seeking, historical averaging, label smoothing.

Layers of the critic (minibatch discrimination, minibatch deviation) are a matter of its network.
"""

from zerosum.games.tricks.history import History, averaging
from zerosum.games.tricks.packing import Packing, refuse_uneven
from zerosum.games.tricks.seams import NEUTRAL, NO_TRICKS, Term, Tricks, View
from zerosum.games.tricks.sight import Sight
from zerosum.games.tricks.terms import SMOOTHED, matching, seeking, smoothing
from zerosum.games.tricks.top import best
from zerosum.games.tricks.unrolling import unrolled
from zerosum.games.tricks.views import augmented, blurred, noisy

__all__ = [
    "NEUTRAL",
    "NO_TRICKS",
    "SMOOTHED",
    "History",
    "Packing",
    "Sight",
    "Term",
    "Tricks",
    "View",
    "augmented",
    "averaging",
    "best",
    "blurred",
    "matching",
    "noisy",
    "refuse_uneven",
    "seeking",
    "smoothing",
    "unrolled",
]
