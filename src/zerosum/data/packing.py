"""Pictures are decoded once, into an array on disk, and read from there ever after.

The cache has one directory a packing, named by a hash of where the pictures come from and of the options that shape
them: `values.npy`, `rows.npz` (labels and groups) and `about.json`. It is built under a temporary name beside its
place, flushed to the disk and renamed, so it is whole or not there; when another process was first, its work is used.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from zerosum.data.options import DataOptions
from zerosum.data.parallel import in_parallel
from zerosum.data.pictures import Form, Pictures, common_form, conform
from zerosum.data.samples import FEWEST, Samples, blocks, fingerprint
from zerosum.errors import Notice, UserError

VERSION = 1
PROBED = 256
"""Pictures whose heads are read before they are decoded, evenly spaced."""
IN_MEMORY = 512 * 2**20
"""Arrays up to this size, in bytes, are read into memory; larger ones are memory-mapped."""
UNREADABLE_SHARE = 0.05
NAMES_SHOWN = 10
_STALE_SECONDS = 24 * 3600.0


def default_root() -> Path:
    """Where packings are kept: the environment's `ZEROSUM_CACHE`, or the user's cache directory."""
    return Path(os.environ.get("ZEROSUM_CACHE") or platformdirs.user_cache_dir("zerosum")).expanduser() / "packed"


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A directory of packings.

    Args:
        root: the directory.
        progress: whether packing shows a bar on a terminal.
    """

    root: Path = field(default_factory=default_root)
    progress: bool = True

    def samples(self, key: tuple[Any, ...] | None, pictures: Callable[[], Pictures], options: DataOptions) -> Samples:
        """The pictures, packed in the form that `options` ask for.

        Args:
            key: where the pictures come from and whatever else tells them from others; None when only their content
                can tell: then they are packed anew each time.
            pictures: opens them; called only when they must be packed.
            options: `resolution`, `channels`, `fit` and `allow_unreadable` matter.

        Raises:
            UserError: too many are unreadable, too few are left, or the cache cannot be written.
        """
        place = None if key is None else self.root / _hash(VERSION, key, options.size, options.channels, options.fit)
        found = None if place is None else _opened(place)
        if found is None:
            place = self._build(place, pictures(), options)
            found = _opened(place)
            assert found is not None, place
        refuse_unreadable(found.unreadable, len(found) + len(found.unreadable), options.allow_unreadable)
        if found.unreadable:
            warnings.warn(f"Skipped unreadable images: {listed(found.unreadable)}.", Notice, stacklevel=2)
        return found

    def _build(self, place: Path | None, pictures: Pictures, options: DataOptions) -> Path:
        """Pack into a temporary directory and move it to its place, which is returned."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            _sweep(self.root)
            folder = Path(tempfile.mkdtemp(prefix=".", suffix=".tmp", dir=self.root))
            try:
                content = pack(pictures, folder, options, self.progress)
                return _commit(folder, place or self.root / _hash(VERSION, content))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            raise UserError(
                f"Cannot pack the data into {self.root}: {error.strerror or error}. "
                "Set ZEROSUM_CACHE to a directory that can be written and has room."
            ) from error


def pack(pictures: Pictures, folder: Path, options: DataOptions, progress: bool = False) -> str:
    """Write the pictures into `folder` and return the fingerprint of what was written."""
    forms, failed = _probed(pictures)
    good = _readable(pictures, failed, options)
    form, done = None, good[:0]
    while form != (form := common_form({forms[item] for item in good if item in forms}, pictures.sides, options)):
        values, seen, undecodable = _written(pictures, good, form, folder / "values.npy", options, progress)
        forms, failed = seen | forms, failed | undecodable
        done, good = good, _readable(pictures, failed, options)  # what cannot be decoded has no say in the form
    values = _compacted(values, np.flatnonzero(np.isin(done, good)), folder / "values.npy")
    rows = {"labels": pictures.labels, "groups": pictures.groups}
    rows = {name: np.asarray(array)[good] for name, array in rows.items() if array is not None}
    np.savez(folder / "rows.npz", **rows)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as pool:  # the disk has to do what the processor has not
        flushed = pool.submit(_sync, folder / "values.npy")
        mark = fingerprint(values, rows.get("labels"), pictures.classes)
        flushed.result()
    about = {
        "version": VERSION,
        "classes": list(pictures.classes),
        "unreadable": [f"{pictures.describe(item)} ({failed[item]})" for item in sorted(failed)],
        "skipped": sorted(failed),
        "fingerprint": mark,
    }
    (folder / "about.json").write_text(json.dumps(about))
    return mark


def _probed(pictures: Pictures) -> tuple[dict[int, Form], dict[int, str]]:
    """The forms of some pictures, by position, and why others have none; of all, where none of these has.

    What some have in common is mostly what all have. Whether it is shows when they are decoded.
    """
    for count in (min(PROBED, pictures.count), pictures.count):
        items = np.linspace(0, pictures.count - 1, count).astype(int).tolist()
        forms, failed = in_parallel(lambda place: pictures.probe(items[place]), count, "")  # noqa: B023
        if forms:
            break
    return {items[place]: form for place, form in forms.items()}, {items[place]: why for place, why in failed.items()}


def _written(
    pictures: Pictures, items: np.ndarray, form: Form, path: Path, options: DataOptions, progress: bool
) -> "tuple[np.memmap[Any, Any], dict[int, Form], dict[int, str]]":
    """The `items` in the given form, a row each, in an array at `path`; what form each had, or why it failed.

    One that is larger may have come reduced (`Pictures.read`), but not to the size that is wanted.
    """
    values = _allocated(path, (len(items), form.channels, form.height, form.width), form)

    with _writing(values, path) as write:

        def packed(row: int) -> Form:
            picture = pictures.read(int(items[row]), max(form.height, form.width))
            write(row, conform(picture, form, options.fit))
            return Form.of(picture)

        forms, failed = in_parallel(packed, len(items), "Packing the images", progress)
    names = items.tolist()
    return values, {names[row]: had for row, had in forms.items()}, {names[row]: why for row, why in failed.items()}


def _readable(pictures: Pictures, failed: dict[int, str], options: DataOptions) -> np.ndarray:
    """The items that did not fail, if they are enough."""
    names = tuple(f"{pictures.describe(item)} ({failed[item]})" for item in sorted(failed))
    left = pictures.count - len(failed)
    if left == 0 and failed:
        raise UserError(f"None of the {pictures.count} image(s) can be read: {listed(names)}.")
    refuse_unreadable(names, pictures.count, options.allow_unreadable)
    good = np.delete(np.arange(pictures.count), sorted(failed))
    if left < FEWEST:
        raise UserError(
            f"{left} usable image(s), {listed(tuple(pictures.describe(item) for item in good.tolist()))}; "
            f"at least {FEWEST} are needed: 2 training samples and 1 held out."
            + (f" Unreadable: {listed(names)}." if names else "")
        )
    return good


def refuse_unreadable(names: tuple[str, ...], total: int, allowed: bool, what: str = "images") -> None:
    """Stop when more than 5 % of the images (or `what` there is) cannot be read, unless that is allowed."""
    if not allowed and len(names) > UNREADABLE_SHARE * total:
        raise UserError(
            f"{len(names)} of {total} {what} cannot be read: {listed(names)}. "
            "Mend or remove them, or skip them with allow_unreadable."
        )


def listed(names: tuple[str, ...]) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _allocated(path: Path, shape: tuple[int, ...], form: Form) -> "np.memmap[Any, Any]":
    """An array on disk whose room is reserved: writing to a full disk through a map would kill the process."""
    values = np.lib.format.open_memmap(path, mode="w+", dtype=form.dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return values


@contextmanager
def _writing(values: "np.memmap[Any, Any]", path: Path) -> "Iterator[Callable[[int, np.ndarray], None]]":
    """How a row of an array on disk is written, from several threads.

    Written through the map, every page would be fetched first: that takes as long as a JPEG takes to decode.
    """
    if not hasattr(os, "pwrite"):
        yield values.__setitem__
        return
    with path.open("r+b") as file:

        def write(row: int, value: np.ndarray) -> None:
            rest = np.ascontiguousarray(value).data.cast("B")
            place = values.offset + row * len(rest)
            while rest:
                done = os.pwrite(file.fileno(), rest, place)
                rest, place = rest[done:], place + done

        yield write


def _compacted(values: "np.memmap[Any, Any]", kept: np.ndarray, path: Path) -> "np.memmap[Any, Any]":
    """The array at `path` with only the `kept` rows."""
    if len(kept) == len(values):
        return values
    form = Form(values.shape[2], values.shape[3], values.shape[1], values.dtype)
    fresh = _allocated(path.with_suffix(".part"), (len(kept), *values.shape[1:]), form)
    done = 0
    for rows in blocks(kept):
        fresh[done : done + len(rows)] = values[rows]
        done += len(rows)
    fresh.flush()
    os.replace(path.with_suffix(".part"), path)
    return fresh


def _commit(folder: Path, place: Path) -> Path:
    """Make a finished directory durable and visible at once; one that is already there stays."""
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)
    try:
        os.rename(folder, place)
    except OSError:
        if not place.is_dir():
            raise
    _sync(place.parent)
    return place


def _sync(path: Path) -> None:
    """Flush a file or, where the system can, a directory to the disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(place: Path) -> Samples | None:
    """The packing at `place`; one that is damaged is removed and counts as none."""
    if not place.is_dir():
        return None
    try:
        about = json.loads((place / "about.json").read_text())
        with np.load(place / "rows.npz", allow_pickle=False) as stored:
            rows = dict(stored)
        return Samples(
            values=load_values(place / "values.npy"),
            labels=rows.get("labels"),
            groups=rows.get("groups"),
            classes=tuple(about["classes"]),
            unreadable=tuple(about["unreadable"]),
            skipped=tuple(about["skipped"]),
            fingerprint=about["fingerprint"],
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        shutil.rmtree(place, ignore_errors=True)
        return None


def load_values(path: Path) -> np.ndarray:
    """A stored array, in memory if it is small, else mapped (copy-on-write, because tensors want to be writable)."""
    if path.stat().st_size <= IN_MEMORY:
        return np.asarray(np.load(path, allow_pickle=False))
    return np.asarray(np.load(path, allow_pickle=False, mmap_mode="c"))


def _sweep(root: Path) -> None:
    """Remove what processes that were killed left behind."""
    for folder in root.glob(".*.tmp"):
        try:
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:  # another process swept it
            continue


def _hash(*parts: Any) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
