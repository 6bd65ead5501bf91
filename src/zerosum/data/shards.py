"""Samples in shards: files, or parts of files, each of which holds some thousands of them.

A shard is listed once: the keys of its samples, their labels, and where their bytes lie. The listing is kept as JSON in
the cache, so that any sample can be read afterwards without what lies before it.
"""

import hashlib
import itertools
import json
import math
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zerosum.errors import UserError

VERSION = 1
MOST = 1_000_000
"""Shards that a pattern may name."""
Label = int | str


@dataclass(frozen=True)
class Listing:
    """What a shard holds, a row a sample.

    Attributes:
        keys: what samples are called.
        labels: class numbers or names; None where samples have none.
        places: where the bytes lie, as the kind of shard has it.
    """

    keys: list[str]
    labels: list[Label] | None
    places: list[list[int]]

    @property
    def digest(self) -> str:
        """A hash of what is there, wherever it lies."""
        sizes = [place[-1] for place in self.places]
        return hashlib.blake2b(repr((self.keys, self.labels, sizes)).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Opened:
    """A shard whose samples can be read, for as long as this object is there.

    Attributes:
        listing: what it holds.
        read: row -> the bytes of an image file; from several threads.
    """

    listing: Listing
    read: Callable[[int], bytes]


class Shard(Protocol):
    """Some samples that are opened together.

    Attributes:
        name: for messages.
    """

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def listing(self) -> Listing:
        """What it holds.

        Raises:
            Exception: of many kinds, when it is damaged or cannot be had.
        """
        ...

    def open(self) -> Opened:
        """The same, to be read; errors as before."""
        ...


def listed_once(folder: Path, about: tuple[Any, ...], make: Callable[[], Listing]) -> Listing:
    """A listing from the cache, or a new one, which is kept there.

    Args:
        folder: of the cache.
        about: which shard it is, and whatever changes when its content does.
        make: lists it.
    """
    digest = hashlib.blake2b(repr((VERSION, about)).encode(), digest_size=16).hexdigest()
    place = folder / f"{digest}.json"
    try:
        return Listing(**json.loads(place.read_text()))
    except (OSError, ValueError, TypeError):  # not there, or damaged
        listing = make()
    folder.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    with open(handle, "w") as file:
        json.dump(vars(listing), file)
    os.replace(unfinished, place)
    return listing


def expanded(pattern: str) -> list[str]:
    """The names that a pattern with braces stands for.

    >>> expanded("{train,more}-{08..10}.tar")
    ['train-08.tar', 'train-09.tar', 'train-10.tar', 'more-08.tar', 'more-09.tar', 'more-10.tar']

    Raises:
        UserError: it stands for more than a million.
    """
    choices = [_choices(part, pattern) for part in re.split(r"(\{[^{}]*\})", pattern)]
    if (count := math.prod(map(len, choices))) > MOST:
        raise _too_many(pattern, count)
    return ["".join(words) for words in itertools.product(*choices)]


def _choices(part: str, pattern: str) -> list[str]:
    if span := re.fullmatch(r"\{(\d+)\.\.(\d+)\}", part):
        low, high = int(span[1]), int(span[2])
        if high - low >= MOST:
            raise _too_many(pattern, high - low + 1)
        return [f"{number:0{len(span[1])}d}" for number in range(low, high + 1)]
    return part[1:-1].split(",") if part.startswith("{") and "," in part else [part]


def _too_many(pattern: str, count: int) -> UserError:
    return UserError(f"{pattern} stands for {count:,} shards; at most {MOST:,} are possible.")
