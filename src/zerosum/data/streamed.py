"""Images that stay where they are, in shards, and are read while they are trained on: data that fits no disk.

A position is a place in a shard, so that a batch is a function of positions here as everywhere. Training goes through
the shards a window at a time (`zerosum.data.windows`) and reads ahead (`zerosum.data.ahead`). What is held out is
packed once, as other data is; it says what form all images are brought to, and how many of them cannot be read.

In memory there are at most two windows of opened shards, and so many decoded samples as `read_ahead` says.
"""

import hashlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from zerosum.data import decode
from zerosum.data.ahead import Ahead
from zerosum.data.augmentation import Variation, augmentation
from zerosum.data.core import Batch, Source
from zerosum.data.options import DataOptions
from zerosum.data.packed import MEASURED_FROM, image_space, vary
from zerosum.data.packing import NAMES_SHOWN, Cache, listed, refuse_unreadable
from zerosum.data.parallel import in_parallel
from zerosum.data.pictures import Form, Pictures, conform
from zerosum.data.recent import Recent
from zerosum.data.samples import FEWEST, Samples
from zerosum.data.shards import Label, Opened, Shard
from zerosum.data.splits import LARGEST_HELD_OUT, tell_of_cap
from zerosum.data.windows import Windows
from zerosum.draw import Draw
from zerosum.errors import Notice, UserError
from zerosum.spaces import Images

FEWEST_TRAINED_ON = 2
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A shard that is open.

    Attributes:
        name: of the shard.
        opened: what is read from.
        rows: those that are trained on, and those that are held out.
        numbers: class numbers of all rows; zeros where there are no classes.
    """

    name: str
    opened: Opened
    rows: tuple[np.ndarray, np.ndarray]
    numbers: np.ndarray

    def describe(self, row: int) -> str:
        """A name for messages."""
        return f"{self.name}: {self.opened.listing.keys[row]}"

    def file(self, row: int) -> io.BytesIO:
        """An image file.

        Raises:
            UserError: the shard is gone.
        """
        try:
            return io.BytesIO(self.opened.read(row))
        except OSError as error:
            raise _gone(self.name, error) from error


class Shelf:
    """Shards of which a few are open at a time.

    Args:
        shards: in order.
        last: samples whose keys have hashes up to this are held out.
        classes: numbers of the labels.
        most: shards that are open at a time.
    """

    def __init__(self, shards: Sequence[Shard], last: int, classes: dict[Label, int], most: int) -> None:
        self.shards, self.last, self.classes = shards, last, classes
        self.open: Recent[int, Part] = Recent(self._open, most)

    def _open(self, number: int) -> Part:
        shard = self.shards[number]
        try:
            opened = shard.open()
        except Exception as error:  # readers raise all sorts
            raise _gone(shard.name, error) from error
        held, labels = hashes(opened.listing.keys) <= self.last, opened.listing.labels
        numbers = [0] * len(held) if labels is None else [self.classes[label] for label in labels]
        return Part(shard.name, opened, (np.flatnonzero(~held), np.flatnonzero(held)), np.array(numbers, np.int64))


@dataclass(frozen=True, eq=False, kw_only=True)
class Streamed:
    """Images in shards, listed and split.

    Attributes:
        shelf: they are read from.
        trained_on, held_out: samples of each shard, `(shards,)`, int64.
        classes: names of the classes.
        fingerprint: a hash of keys, labels and sizes of the samples, and of the order in which they are trained on.
        cache: where what is held out is packed.
    """

    shelf: Shelf
    trained_on: np.ndarray
    held_out: np.ndarray
    classes: tuple[str, ...]
    fingerprint: str
    cache: Cache

    def sources(self, options: DataOptions) -> tuple[Source, Source]:
        """What is read while it is trained on, with augmentation; and what is held out, packed."""
        held = self.cache.samples(("streamed", self.fingerprint, options.held_out), self._pictures, options)
        everything = np.arange(len(held))
        _, held_out = held.packed(options, (everything, everything))
        train = self._train(held, options)
        space = image_space(tuple(held.values.shape[1:]), options, train.some(), self.classes)
        return replace(train, space=space, variations=augmentation(options)), replace(held_out, space=space)

    def _train(self, held: Samples, options: DataOptions) -> "StreamedSource":
        """Images in [0, 1], in the form of those that are held out."""
        channels, height, width = held.values.shape[1:]
        form = Form(height, width, channels, held.values.dtype)
        windows = Windows(torch.from_numpy(self.trained_on), options.shard_window)
        reading = Reading(self.shelf, windows, form, options)
        ahead = Ahead(reading, reading.blank, options.read_ahead)
        space = Images((channels, height, width), preprocessing="[0,1]")
        return StreamedSource(space=space, windows=windows, ahead=ahead, labelled=bool(self.classes))

    def _pictures(self) -> Pictures:
        """Those that are held out."""
        places = [(shard, place) for shard, count in enumerate(self.held_out) for place in range(count)]

        def at(item: int) -> tuple[Part, int]:
            shard, place = places[item]
            part = self.shelf.open(shard)
            return part, int(part.rows[1][place])

        def described(item: int) -> str:
            part, row = at(item)
            return part.describe(row)

        def file(item: int) -> io.BytesIO:
            part, row = at(item)
            return part.file(row)

        def number(item: int) -> int:
            part, row = at(item)
            return int(part.numbers[row])

        return Pictures(
            count=len(places),
            describe=described,
            probe=lambda item: decode.probe(file(item)),
            read=lambda item, side: decode.decode(file(item), side),
            labels=np.array([number(item) for item in range(len(places))], np.int64) if self.classes else None,
            classes=self.classes,
        )


def streamed(
    name: str, shards: Sequence[Shard], options: DataOptions, cache: Cache, classes: Sequence[str] = ()
) -> Streamed:
    """Images in shards.

    Args:
        name: for messages.
        shards: in order.
        options: `held_out`, `allow_unreadable` and `shard_window` matter.
        cache: where what is held out is packed.
        classes: names of the classes that labels number; none: labels are classes, sorted.

    Raises:
        UserError: too many shards cannot be read, too few samples are left, or only some have labels.
    """
    good = readable(name, "shards", [(shard.name, partial(Listed, shard)) for shard in shards], options, cache)
    labels = _labels(name, good)
    numbers: dict[Label, int] = {
        label: number for number, label in enumerate(range(len(classes)) if classes else labels)
    }
    names = tuple(map(str, classes or labels)) if labels else ()
    last = _last_held_out(name, [one.hashes for one in good], options.held_out)
    held_out = np.array([int((one.hashes <= last).sum()) for one in good])
    content = repr(([one.digest for one in good], names, options.shard_window))
    return Streamed(
        shelf=Shelf([one.shard for one in good], last, numbers, 2 * options.shard_window),
        trained_on=np.array([len(one.hashes) for one in good]) - held_out,
        held_out=held_out,
        classes=names,
        fingerprint=hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
        cache=cache,
    )


def readable(
    name: str, what: str, looks: Sequence[tuple[str, Callable[[], T]]], options: DataOptions, cache: Cache
) -> list[T]:
    """What looks at many files come to; those that fail are listed and skipped.

    Args:
        name, what: the data, and what there are many of (`shards`), for messages.
        looks: the name of a file, and what looks at it.
        options: `allow_unreadable` matters.
        cache: says whether there is a progress bar.

    Raises:
        UserError: more than 5 % fail, unless that is allowed; or all.
    """
    found, failed = in_parallel(lambda item: looks[item][1](), len(looks), f"Listing the {what}", cache.progress)
    bad = tuple(f"{looks[item][0]} ({failed[item]})" for item in sorted(failed))
    if not found:
        raise UserError(f"None of the {len(looks)} {what} of {name} can be read: {listed(bad)}.")
    refuse_unreadable(bad, len(looks), options.allow_unreadable, what)
    if bad:
        warnings.warn(f"Skipped unreadable {what}: {listed(bad)}.", Notice, stacklevel=2)
    return [found[item] for item in sorted(found)]


class Listed:
    """What is kept of a shard's listing: hashes of the keys, which labels there are, and a digest of all."""

    def __init__(self, shard: Shard) -> None:
        listing = shard.listing()
        self.shard = shard
        self.hashes = hashes(listing.keys)
        self.labels = None if listing.labels is None else set(listing.labels)
        self.digest = listing.digest


def hashes(keys: Sequence[str]) -> np.ndarray:
    """A number for each key, evenly spread over 64 bits, the same everywhere, `(n,)`, uint64."""
    digests = b"".join(hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _labels(name: str, listed: Sequence[Listed]) -> list[Label]:
    """All labels there are, numbers first; none where samples have none."""
    found = [one.labels for one in listed if one.labels is not None]
    if found and len(found) < len(listed):
        raise UserError(
            f"{len(listed) - len(found)} of {len(listed)} shards of {name} have no labels; all or none must."
        )
    return sorted(set[Label]().union(*found), key=lambda label: (isinstance(label, str), label))


def _last_held_out(name: str, hashed: Sequence[np.ndarray], share: float) -> int:
    """The largest hash that is held out: a `share` of the samples is, those with the smallest ones."""
    every = np.concatenate(hashed)
    tell_of_cap(len(every), share)
    wanted = max(FEWEST, min(round(share * len(every)), LARGEST_HELD_OUT, len(every) - FEWEST_TRAINED_ON))
    last = int(np.partition(every, wanted - 1)[wanted - 1]) if wanted < len(every) else 2**64 - 1
    if int((every > last).sum()) < FEWEST_TRAINED_ON:
        raise UserError(
            f"{name} has {len(every)} sample(s) of different names; at least {FEWEST + FEWEST_TRAINED_ON} are needed: "
            f"{FEWEST_TRAINED_ON} training samples and {FEWEST} held out."
        )
    return last


def _gone(name: str, error: Exception) -> UserError:
    return UserError(f"The shard {name} can no longer be read: {' '.join(str(error).split())}.")


class Reading:
    """Reads the picture at a position. For one that cannot be decoded the next of its shard stands in.

    Args:
        shelf: read from.
        windows: knows what lies where.
        form: pictures are brought to.
        options: `fit` and `allow_unreadable` matter.
    """

    def __init__(self, shelf: Shelf, windows: Windows, form: Form, options: DataOptions) -> None:
        self.shelf, self.windows, self.form, self.options = shelf, windows, form, options
        self._failed: set[str] = set()
        self._lock = Lock()

    def __call__(self, position: int) -> tuple[Tensor, int]:
        """The picture, `(channels, height, width)`, and its class number.

        Raises:
            UserError: none of the shard's can be read, more than 5 % of all, or the shard is gone.
        """
        shard = int(torch.searchsorted(self.windows.first, position, right=True)) - 1
        part, place = self.shelf.open(shard), position - int(self.windows.first[shard])
        rows = part.rows[0]
        for step in range(len(rows)):
            row = int(rows[(place + step) % len(rows)])
            try:
                picture = decode.decode(part.file(row), max(self.form.height, self.form.width))
                return torch.from_numpy(conform(picture, self.form, self.options.fit).copy()), int(part.numbers[row])
            except UserError:
                raise
            except Exception as error:  # decoders raise all sorts
                self._note(part.describe(row), error)
        raise UserError(f"None of the {len(rows)} images of the shard {part.name} can be read.")

    def blank(self, n: int) -> Tensor:
        """Room for `n` pictures."""
        return torch.from_numpy(np.empty((n, self.form.channels, self.form.height, self.form.width), self.form.dtype))

    def _note(self, name: str, error: Exception) -> None:
        with self._lock:
            if name in self._failed:
                return
            self._failed.add(name)
            names = tuple(sorted(self._failed))
        refuse_unreadable(names, len(self.windows), self.options.allow_unreadable)
        if len(names) <= NAMES_SHOWN:
            warnings.warn(f"{name} cannot be read ({error}); the next image stands in for it.", Notice, stacklevel=2)


@dataclass(frozen=True, eq=False, kw_only=True)
class StreamedSource:
    """Images in shards that are trained on.

    Args:
        space: of the batches.
        windows: the order of training.
        ahead: reads.
        labelled: whether there are classes.
        variations: what happens to values in [0, 1] on the device, in this order.
    """

    space: Images
    windows: Windows
    ahead: Ahead
    labelled: bool = False
    variations: tuple[Variation, ...] = ()

    @property
    def size(self) -> int:
        """How many samples are trained on."""
        return len(self.windows)

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """The samples at `positions`, on `draw.device`."""
        values, labels = self.ahead.take(positions)
        stored = values.to(draw.device, non_blocking=True, copy=True)
        real = self.space.encode(vary(stored, self.variations, draw))
        return Batch(real, labels.to(draw.device, non_blocking=True, copy=True) if self.labelled else None)

    def order(self, epoch: Draw, stream: Draw, start: int, count: int) -> Tensor:
        """As of `zerosum.data.core.Ordered`."""
        return self.windows.order(epoch, stream, start, count)

    def expect(self, positions: Tensor) -> bool:
        """As of `zerosum.data.core.Ordered`."""
        return self.ahead.expect(positions)

    def some(self) -> "Some":
        """So many of the samples as a mean is taken of, from few shards."""
        draw = Draw("measure")
        return Some(self, self.order(draw, draw, 0, MEASURED_FROM))


@dataclass(frozen=True, eq=False)
class Some:
    """Some samples of a source.

    Args:
        whole: the source.
        positions: of those samples.
    """

    whole: StreamedSource
    positions: Tensor

    @property
    def space(self) -> Images:
        """Of the source."""
        return self.whole.space

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.positions)

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """Those at `positions`."""
        return self.whole.batch(self.positions[positions], draw)
