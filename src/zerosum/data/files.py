"""Folders and zip archives of images.

Sub-folders are classes: the class of an image is the path of its folder, seen from the deepest folder that has all
images in it (images that lie there beside sub-folders are of the class `.`). Archives are read in place.
"""

import io
import os
import posixpath
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from zerosum.data import decode
from zerosum.data.digests import digests
from zerosum.data.options import DataOptions
from zerosum.data.packing import Cache
from zerosum.data.pictures import Form, Pictures
from zerosum.data.samples import Samples, with_names
from zerosum.errors import UserError

LARGEST_FILE = 2**30


def folder_samples(path: Path, options: DataOptions, cache: Cache) -> Samples:
    """The images in a folder and the folders below it; links are followed, hidden files left out."""
    files = sorted(_walk(path))
    _refuse_empty(str(path), files)
    content = digests({name: path / name for name in files}, path, cache.root, cache.progress)
    key = ("folder", list(content.items()))
    return _samples(files, key, lambda name: (path / name).open("rb"), options, cache)


def zip_samples(path: Path, options: DataOptions, cache: Cache) -> Samples:
    """The images in a zip archive.

    Raises:
        UserError: it is no archive, or holds names that point outside of it.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} cannot be read as a zip archive: {error}.") from error
    with archive:
        for name in archive.namelist():
            _refuse_outside(path, name)
        entries = {info.filename: info for info in archive.infolist() if _is_image(info.filename)}
        files = sorted(entries)
        _refuse_empty(str(path), files)
        key = ("zip", [(name, entries[name].file_size, entries[name].CRC) for name in files])

        def open_entry(name: str) -> BinaryIO:
            if entries[name].file_size > LARGEST_FILE:
                raise ValueError("larger than 1 GiB")
            return io.BytesIO(archive.read(entries[name]))

        return _samples(files, key, open_entry, options, cache)


def _samples(
    files: list[str],
    key: tuple[object, ...],
    open_file: Callable[[str], BinaryIO],
    options: DataOptions,
    cache: Cache,
) -> Samples:
    samples = cache.samples(key, lambda: file_pictures(files, open_file), options)
    stems = [str(PurePosixPath(name).with_suffix("")) for name in files]
    return with_names(samples, stems)


def file_pictures(files: list[str], open_file: Callable[[str], BinaryIO]) -> Pictures:
    """Image files that are opened by name, labelled by the folders in their names."""

    def probe(item: int) -> Form:
        with open_file(files[item]) as file:
            return decode.probe(file)

    def read(item: int, side: int) -> np.ndarray:
        with open_file(files[item]) as file:
            return decode.decode(file, side)

    labels, classes = classes_of(files)
    return Pictures(
        count=len(files), describe=files.__getitem__, probe=probe, read=read, labels=labels, classes=classes
    )


def classes_of(files: list[str]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Class numbers and names from the folders in file names; none if all files lie in one folder.

    >>> classes_of(["data/cat/1.png", "data/cat/2.png", "data/dog/1.png"])
    (array([0, 0, 1]), ('cat', 'dog'))
    >>> classes_of(["data/1.png", "data/2.png"])
    (None, ())
    """
    folders = [PurePosixPath(name).parent for name in files]
    above = posixpath.commonpath(folders)
    names = [str(folder.relative_to(above)) for folder in folders]
    classes, labels = np.unique(names, return_inverse=True)
    return (labels.astype(np.int64), tuple(map(str, classes))) if len(classes) > 1 else (None, ())


def _walk(path: Path) -> list[str]:
    """Names of images below a folder, with `/`, relative to it; a link back into what was seen is not followed."""
    names, seen = [], set()
    for folder, below, files in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = [] if real in seen else [name for name in sorted(below) if not name.startswith(".")]
        if real not in seen:
            names += [Path(folder, name).relative_to(path).as_posix() for name in files if _is_image(name)]
        seen.add(real)
    return names


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts) or "__MACOSX" in path.parts
    return path.suffix.lower() in decode.SUFFIXES and not hidden


def _refuse_empty(where: str, files: list[str]) -> None:
    if not files:
        raise UserError(f"{where} has no images: no file in it ends in {', '.join(sorted(decode.SUFFIXES))}.")


def _refuse_outside(path: Path, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or parts[:1] == ("/",) or (parts and parts[0].endswith(":")):
        raise UserError(f"{path} holds the name {name!r}, which points outside of the archive; it is not used.")
