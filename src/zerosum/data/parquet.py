"""Row groups of parquet files, on this machine or wherever `fsspec` reaches (extra `hub`)."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerosum.data.recent import Recent
from zerosum.data.shards import Label, Listing, Opened, listed_once


@dataclass(frozen=True)
class GroupShard:
    """A row group: some of the rows of a file, which are read together.

    Args:
        file: path or address.
        number: of the group.
        first: row of the file, the first of the group.
        rows, size: how many there are, and bytes of all their columns.
        image, label: columns; no label: None.
        folder: where listings are kept.
    """

    file: str
    number: int
    first: int
    rows: int
    size: int
    image: str
    label: str | None
    folder: Path

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.file}, row group {self.number}"

    def listing(self) -> Listing:
        """What it holds: samples are called by the file's name and their row in it."""
        return listed_once(self.folder, (self.file, self.number, self.first, self.rows, self.size), self._list)

    def open(self) -> Opened:
        """The same, to be read; the image files of all rows are in memory then."""
        once = Recent[str, list[Any]](self._column, 1)
        return Opened(self.listing(), lambda row: _content(once(self.image)[row]))

    def _list(self) -> Listing:
        file = posixpath.basename(self.file)
        labels: list[Label] | None = self._column(self.label) if self.label else None
        if labels and (None in labels or min(map(int, labels)) < 0):
            labels = None
        rows = range(self.first, self.first + self.rows)
        return Listing([f"{file}/{row}" for row in rows], labels, [[row, self.size] for row in rows])

    def _column(self, name: str) -> list[Any]:
        with _opened(self.file) as stored:
            column: list[Any] = stored.read_row_group(self.number, columns=[name]).column(0).to_pylist()
            return column


class Table:
    """A parquet file.

    Args:
        file: path or address.

    Attributes:
        about: what it says of itself, `FileMetaData` of pyarrow.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        with _opened(file) as stored:
            self.about = stored.metadata

    def groups(self, image: str, label: str | None, folder: Path) -> Iterator[GroupShard]:
        """Its row groups; arguments as of `GroupShard`."""
        first = 0
        for number in range(self.about.num_row_groups):
            group = self.about.row_group(number)
            yield GroupShard(self.file, number, first, group.num_rows, group.total_byte_size, image, label, folder)
            first += group.num_rows


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    import fsspec
    import pyarrow.parquet

    with fsspec.open(file) as stored:
        yield pyarrow.parquet.ParquetFile(stored)


def _content(stored: Any) -> bytes:
    """An image as `datasets` stores it, or bare."""
    content = stored["bytes"] if isinstance(stored, dict) else stored
    if not isinstance(content, bytes):
        raise ValueError("no image in this row")
    return content
