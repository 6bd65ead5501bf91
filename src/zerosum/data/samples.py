"""Real samples as they lie in memory or on disk: what every reader of files and arrays produces."""

import hashlib
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from zerosum.data.augmentation import Variation, augmentation
from zerosum.data.core import Source
from zerosum.data.options import DataOptions
from zerosum.data.packed import PackedSource, PairedSource, UnpairedSource, image_space, vary
from zerosum.data.spacing import ENOUGH, spacing
from zerosum.data.splits import split, tell_of_cap
from zerosum.draw import Draw
from zerosum.errors import Notice, UserError
from zerosum.spaces import Images, Points

FEWEST = 3
_BLOCK_BYTES = 64 * 2**20
Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Images or points with what is known of them.

    Attributes:
        values: images `(n, channels, height, width)`, uint8, uint16, or float32 in [0, 1]; or points
            `(n, dimensions)`, float32. An array or a memory map.
        labels: class numbers `(n,)`, int64.
        classes: names of the classes.
        groups: numbers `(n,)` of sets of samples that a split must not part.
        names: of the samples, by which two domains are paired; None pairs by position.
        unreadable: what was skipped, each with the reason.
        skipped: the positions of what was skipped, among all there was.
        variations: what varies between two visits by the nature of the samples; in both splits.
        fingerprint: a hash of values, labels and classes.
    """

    values: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    unreadable: tuple[str, ...] = ()
    skipped: tuple[int, ...] = ()
    variations: tuple[Variation, ...] = ()
    fingerprint: str

    def __len__(self) -> int:
        return len(self.values)

    def sources(self, options: DataOptions) -> tuple[Source, Source]:
        """The samples to train on, with augmentation, and those held out, without."""
        known = self.known()
        return known.packed(options, known.split(options))

    def known(self) -> "Samples":
        """The same without labels, with a word about it, where no class has two samples: then they are names."""
        if self.labels is None or len(np.unique(self.labels)) < len(self):
            return self
        warnings.warn(
            f"{len(self)} samples of {len(self.classes)} classes: no class has two, so they are taken for names, and "
            "left out.",
            Notice,
            stacklevel=2,
        )
        return replace(self, labels=None, classes=())

    def split(self, options: DataOptions) -> Rows:
        """Rows to train on and rows held out."""
        if len(self) < FEWEST:
            raise UserError(
                f"{len(self)} usable sample(s); at least {FEWEST} are needed: 2 training samples and 1 held out."
            )
        rows = split(len(self), options.held_out, self.labels, self.groups)
        tell_of_cap(len(self), options.held_out)
        return rows

    def packed(self, options: DataOptions, rows: Rows) -> tuple[PackedSource, PackedSource]:
        """Sources of the `rows` to train on and of those held out."""
        if self.values.ndim == 2:
            points_have_no(options)
            train, held_out = self._plain(rows, self._points())
            return train, held_out
        train, held_out = self._plain(rows, Images(self._shape(), preprocessing="[0,1]"))
        space = image_space(self._shape(), options, train, self.classes)
        varied: tuple[Variation, ...] = (*self.variations, *augmentation(options))
        return replace(train, space=space, variations=varied), replace(held_out, space=space)

    def _plain(self, rows: Rows, space: Images | Points) -> tuple[PackedSource, PackedSource]:
        labels = None if self.labels is None else torch.from_numpy(self.labels)
        whole = PackedSource(
            space=space,
            values=torch.from_numpy(self.values),
            labels=labels,
            rows=torch.from_numpy(rows[0]),
            variations=self.variations,
        )
        return whole, replace(whole, rows=torch.from_numpy(rows[1]))

    def _shape(self) -> tuple[int, ...]:
        """Of one image after variation, which may colour it."""
        one = vary(torch.from_numpy(self.values[:1]), self.variations, Draw("shape"))
        return tuple(one.shape[1:])

    def _points(self) -> Points:
        extent = 1.1 * float(np.abs(self.values).max()) or 1.0
        few = torch.from_numpy(self.values[:: max(1, len(self.values) // ENOUGH)]).float()
        return Points((self.values.shape[1],), classes=self.classes, extent=extent, spacing=spacing(few))


@dataclass(frozen=True)
class Domains:
    """Two sets of images, of which the second is to be made from the first.

    Attributes:
        condition: the first domain (A).
        real: the second (B).
        paired: whether samples belong together, by name where both have names, else by position.
    """

    condition: Samples
    real: Samples
    paired: bool

    def __post_init__(self) -> None:
        given, wanted = self.condition.values.shape[1:], self.real.values.shape[1:]
        if given != wanted or len(given) != 3:
            raise UserError(
                f"Two domains must be images of one shape (channels, height, width); these are {given} and {wanted}. "
                "Set resolution and channels to make them equal."
            )

    @property
    def fingerprint(self) -> str:
        """Of both domains."""
        return f"{self.condition.fingerprint}-{self.real.fingerprint}"

    def sources(self, options: DataOptions) -> tuple[Source, Source]:
        """Pairs, or what does not belong together, to train on and held out."""
        condition, real = self.condition.known(), self.real.known()
        if not self.paired:
            halves = [samples.packed(options, samples.split(options)) for samples in (condition, real)]
            return self._joined(UnpairedSource, *halves)
        partner = partners(condition, real)
        train, held_out = condition.split(options)
        theirs = real.packed(options, (partner[train], partner[held_out]))
        return self._joined(PairedSource, condition.packed(options, (train, held_out)), theirs)

    @staticmethod
    def _joined(
        kind: type[PairedSource] | type[UnpairedSource],
        condition: tuple[PackedSource, PackedSource],
        real: tuple[PackedSource, PackedSource],
    ) -> tuple[Source, Source]:
        """Both domains in the space of the second, so that one encoding serves all, with the classes of the first."""
        space = replace(real[0].space, classes=condition[0].space.classes)
        train, held_out = (
            kind(replace(a, space=space), replace(b, space=space)) for a, b in zip(condition, real, strict=True)
        )
        return train, held_out


def with_names(samples: Samples, names: list[str]) -> Samples:
    """The samples, named; `names` are of all there was, what was skipped included."""
    skipped = set(samples.skipped)
    return replace(samples, names=tuple(name for item, name in enumerate(names) if item not in skipped))


def partners(condition: Samples, real: Samples) -> np.ndarray:
    """The row of `real` that belongs to each row of `condition`."""
    if condition.names is None or real.names is None:
        if len(condition) != len(real):
            raise UserError(f"Cannot pair {len(condition)} samples with {len(real)}: the numbers must be equal.")
        return np.arange(len(real))
    rows = {name: row for row, name in enumerate(real.names)}
    lonely = sorted(set(condition.names) ^ set(real.names))
    if lonely or len(rows) < len(real):
        raise UserError(
            "Cannot pair these folders: every image needs one of the same name (without its ending) in the other. "
            + (f"Without a partner: {', '.join(lonely[:10])}." if lonely else "Some names occur twice.")
        )
    return np.array([rows[name] for name in condition.names])


def points_have_no(options: DataOptions) -> None:
    """Refuse options that mean nothing for points."""
    plain = DataOptions()
    names = ("resolution", "channels", "preprocessing", "fit", "flip", "shift", "rotate", "scale", "crop")
    set_anyway = [name for name in names if getattr(options, name) != getattr(plain, name)]
    if set_anyway:
        raise UserError(f"The options {', '.join(set_anyway)} are for images; these samples are points.")


def fingerprint(values: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...]) -> str:
    """A hash of what is trained on, wherever it lies."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((values.shape, values.dtype.str, classes)).encode())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(_digest, blocks(values)):
            digest.update(part)
    if labels is not None:
        digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()


def _digest(block: np.ndarray) -> bytes:
    """A hash of some rows; SHA-256, for which processors have instructions."""
    return hashlib.sha256(np.ascontiguousarray(block).data).digest()


def blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an array, as many at a time as are held in memory with ease."""
    step = max(1, _BLOCK_BYTES * len(values) // max(1, values.nbytes))
    for start in range(0, len(values), step):
        yield values[start : start + step]
