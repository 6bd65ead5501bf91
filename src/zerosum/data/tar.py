"""WebDataset: tar files in which the files of one sample follow each other and share a name up to its first dot.

`shards:PATTERN`, where the pattern is a folder, a path, or a `file:`, `http:` or `https:` address, with `{000..099}` or
`{a,b}` for several. An image is the file of a sample that ends in the suffix of one; its label is in `.cls`, or under
`label` (or `cls`) in `.json`. Nothing is unpacked: samples are read in place. Shards from elsewhere are fetched whole,
and each is kept only for as long as it is in use.
"""

import json
import os
import tarfile
import tempfile
import urllib.parse
import urllib.request
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from zerosum.data import decode
from zerosum.data.files import LARGEST_FILE
from zerosum.data.recent import Recent
from zerosum.data.shards import Label, Listing, Opened, expanded, listed_once
from zerosum.errors import UserError

COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
TIMEOUT_SECONDS = 60.0


class Local:
    """A file on this machine; one that was fetched goes when nobody uses it any more."""

    def __init__(self, path: Path, fetched: bool = False) -> None:
        self.path = path
        if fetched:
            weakref.finalize(self, path.unlink, missing_ok=True)


@dataclass(frozen=True)
class TarShard:
    """A tar file.

    Args:
        name: the path or address.
        stamp: () -> what changes when its content does.
        fetch: () -> it, on this machine.
        folder: where listings are kept.
    """

    name: str
    stamp: Callable[[], tuple[Any, ...]]
    fetch: Callable[[], Local]
    folder: Path

    def listing(self) -> Listing:
        """What it holds."""
        return listed_once(self.folder, (self.name, *self.stamp()), self._list)

    def open(self) -> Opened:
        """The same, to be read."""
        listing, once = self.listing(), Recent[str, Local](lambda name: self.fetch(), 1)

        def read(row: int) -> bytes:
            offset, size = listing.places[row]
            with once(self.name).path.open("rb") as file:
                file.seek(offset)
                return file.read(size)

        return Opened(listing, read)

    def _list(self) -> Listing:
        local = self.fetch()  # gone with this name
        return list_tar(local.path)


def tar_shards(pattern: str, folder: Path) -> list[TarShard]:
    """The shards that a pattern names.

    Args:
        pattern: after `shards:`.
        folder: of the cache, for listings and for what is fetched.

    Raises:
        UserError: there is none, or the address is of a kind that cannot be read.
    """
    scheme = urllib.parse.urlsplit(pattern).scheme
    if scheme in ("http", "https"):
        names = expanded(pattern)
        return [TarShard(name, partial(_answered, name), partial(_fetched, name, folder), folder) for name in names]
    if len(scheme) > 1 and scheme != "file":  # one letter is a drive
        raise UserError(f"shards:{pattern} is of no kind that can be read: a path, file:, http: or https: can.")
    local = urllib.request.url2pathname(urllib.parse.urlsplit(pattern).path) if scheme else pattern
    place = Path(local).expanduser()
    is_folder = os.path.isdir(place)  # False for whatever cannot be a path
    paths = sorted(place.glob("*.tar")) if is_folder else [Path(name) for name in expanded(str(place))]
    if not any(os.path.isfile(path) for path in paths):
        raise UserError(
            f"No shard matches shards:{pattern}: " + ("the folder has no .tar." if is_folder else "no such file.")
        )
    paths = [path.resolve() for path in paths]
    return [TarShard(str(path), partial(_stamp, path), partial(Local, path), folder) for path in paths]


def list_tar(path: Path) -> Listing:
    """The samples of a tar file, in the order in which they begin.

    Raises:
        ValueError: it is compressed or cut off, has no images, or labels for some of them only.
        tarfile.TarError: it is no tar file, or damaged.
    """
    with path.open("rb") as file:
        _refuse_compressed(file.read(8))
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as archive:
            members = [member for member in archive if member.isreg()]
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
                raise ValueError("damaged: what follows its last readable file is no tar")
            samples = {key: parts for key, parts in _grouped(members).items() if _image(parts)}
            labels = [_label(archive, parts) for parts in samples.values()]
    images = [image for parts in samples.values() if (image := _image(parts))]
    if not images:
        raise ValueError("no images in it")
    if None in labels and any(label is not None for label in labels):
        raise ValueError("labels for some samples only")
    known = [label for label in labels if label is not None]
    return Listing(list(samples), known or None, [[image.offset_data, image.size] for image in images])


def _grouped(members: list[tarfile.TarInfo]) -> dict[str, dict[str, tarfile.TarInfo]]:
    """Files by the key of their sample and by their ending."""
    samples: dict[str, dict[str, tarfile.TarInfo]] = {}
    for member in members:
        folder, _, name = member.name.rpartition("/")
        stem, _, ending = name.partition(".")
        samples.setdefault(f"{folder}/{stem}" if folder else stem, {}).setdefault(ending.lower(), member)
    return samples


def _image(parts: dict[str, tarfile.TarInfo]) -> tarfile.TarInfo | None:
    found = (member for ending, member in parts.items() if f".{ending}" in decode.SUFFIXES)
    return next((member for member in found if member.size <= LARGEST_FILE), None)


def _label(archive: tarfile.TarFile, parts: dict[str, tarfile.TarInfo]) -> Label | None:
    """What `.cls` says, or `.json`; None where neither does."""
    if "cls" in parts:
        return _as_label(_text(archive, parts["cls"]).strip())
    said = json.loads(_text(archive, parts["json"])) if "json" in parts else None
    return _as_label(said.get("label", said.get("cls"))) if isinstance(said, dict) else None


def _as_label(said: object) -> Label | None:
    if isinstance(said, str):
        return int(said) if said.isdecimal() else said or None
    return said if isinstance(said, int) else None


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member)
    assert file is not None, member
    return file.read().decode()


def _refuse_compressed(head: bytes) -> None:
    for mark, name in COMPRESSED.items():
        if head.startswith(mark):
            raise ValueError(f"compressed with {name}, so that no sample can be read by itself; unpack it to .tar")


def _stamp(path: Path) -> tuple[Any, ...]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _answered(address: str) -> tuple[Any, ...]:
    """What a server says of a file without sending it."""
    request = urllib.request.Request(address, method="HEAD")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return tuple(answer.headers.get(name) for name in ("Content-Length", "Last-Modified", "ETag"))


def _fetched(address: str, folder: Path) -> Local:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer,
        tempfile.NamedTemporaryFile(prefix=".", suffix=".tmp", dir=folder, delete=False) as file,
    ):
        copy = Local(Path(file.name), fetched=True)  # also when it breaks off
        copyfileobj(answer, file, 2**20)
        wanted = answer.headers.get("Content-Length")
        if wanted is not None and file.tell() != int(wanted):
            raise OSError(f"broke off after {file.tell():,} of {int(wanted):,} bytes")
    return copy
