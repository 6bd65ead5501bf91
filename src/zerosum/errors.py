"""What a user is told when something they gave cannot be used.

One message says what was given, what is allowed and what to do. The command line prints it and exits with code 2;
from Python it is a `ValueError` like any other.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


class UserError(ValueError):
    """A user's mistake: the message alone is enough to mend it."""


class Notice(UserWarning):
    """What a user should know though nothing is refused: a warning, on the command line a line of its own."""


class TrainingFailed(RuntimeError):
    """Training cannot go on (NaN, full disk …); what was saved before is intact, and the message says where."""


class NotFinite(TrainingFailed):
    """A loss or gradient became NaN or infinite."""


class Interrupted(Exception):
    """A signal ended the training: after a whole round, which is saved, or at once.

    Args:
        signal: its number.
        message: what was saved.
    """

    def __init__(self, signal: int, message: str) -> None:
        super().__init__(message)
        self.signal = signal


class Terminated(KeyboardInterrupt):
    """SIGTERM, where it stops what is under way as Ctrl-C does."""


def nearest(given: str, allowed: Iterable[str]) -> str:
    """A hint that names the closest allowed word, or nothing.

    >>> nearest("dcgn", ["dcgan", "wgan"])
    " Did you mean 'dcgan'?"
    >>> nearest("zzz", ["dcgan"])
    ''
    """
    matches = difflib.get_close_matches(given, list(allowed), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def choose(kind: str, given: object, allowed: Mapping[str, T]) -> T:
    """The entry of `allowed` that is called `given`.

    Raises:
        UserError: there is none; the message lists the names and the nearest one.
    """
    if not isinstance(given, str) or given not in allowed:
        hint = nearest(str(given), allowed)
        raise UserError(f"Unknown {kind} {given!r}.{hint} Allowed: {', '.join(sorted(allowed))}.")
    return allowed[given]
