"""What evaluations of a run have found: `evaluations.jsonl`, a record a line, and pictures in `evaluations/`."""

import contextlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from zerosum.errors import UserError
from zerosum.metrics.records import Record

NAME, PICTURES = "evaluations.jsonl", "evaluations"


def store(run: Path, records: Iterable[Record]) -> list[Record]:
    """Append records to a run and save their pictures; the records as they are written.

    A record is written in one go, so that evaluations that run at once do not mix their lines.

    Raises:
        UserError: nothing can be written there.
    """
    try:
        written = [with_pictures(run, record) for record in records]
        handle = os.open(run / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            for record in written:
                os.write(handle, (json.dumps(record.to_json(), allow_nan=False) + "\n").encode())
        finally:
            os.close(handle)
    except OSError as error:
        raise UserError(f"Cannot write to {str(run)!r} ({error.strerror or error}).") from error
    return written


def read(run: Path) -> list[Record]:
    """All records of a run, oldest first; lines that are not whole, or of another format, are left out."""
    path = run / NAME
    found: list[Record] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        with contextlib.suppress(ValueError):  # a UserError is one
            found.append(Record.from_json(json.loads(line)))
    return found


def latest(records: Iterable[Record]) -> list[Record]:
    """The last record of every metric, in the order in which metrics came first."""
    return list({record.metric: record for record in records}.values())


def with_pictures(folder: Path, record: Record) -> Record:
    """Save a record's pictures under `folder`; the record with their paths."""
    seen = record.generated.get("samples_seen")
    head = [f"{seen:09d}"] if isinstance(seen, int) else []
    paths = {
        name: f"{PICTURES}/{'-'.join([*head, *map(file_name, (record.metric, name))])}.png" for name in record.images
    }
    for name, picture in record.images.items():
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{paths[name]}.{os.getpid()}.tmp"
        picture.save(temporary, format="png")
        temporary.replace(folder / paths[name])
    return replace(record, pictures={**record.pictures, **paths})


def file_name(words: str) -> str:
    """Words as a part of a file's name.

    >>> file_name("kid[classifier]"), file_name("closest pairs")
    ('kid-classifier', 'closest-pairs')
    """
    return re.sub(r"[^\w.]+", "-", words).strip("-")
