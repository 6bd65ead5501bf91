"""What files hold, as hashes of their content, by which packings are found again wherever the files lie.

A file is read once and its hash remembered with what the system says of it: size, times of change, device and inode.
While those are as they were it is not read again; a write changes the time of its inode even where somebody sets the
time of its content back. The hashes of a folder are one JSON file in the cache, replaced whole; one that is damaged or
gone costs only reading the files anew.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zerosum.data.parallel import in_parallel

VERSION = 1
SETTLED_NS = 2_000_000_000
"""A file that changed less than this ago, in ns, is not remembered: another change might leave all times as they were.
"""
Stamp = list[int]


def digests(files: Mapping[str, Path], of: Path, root: Path, progress: bool = False) -> dict[str, str]:
    """The hash of the content of every file; empty for one that cannot be read.

    Args:
        files: name -> path.
        of: the folder or file that they make up, under which their hashes are remembered.
        root: the directory of packings.
        progress: whether reading them shows a bar on a terminal.
    """
    memory = root / "digests" / f"{_hashed(str(of.resolve()))}.json"
    known, stamps = _remembered(memory), {name: _stamp(path) for name, path in files.items()}
    found = {name: known[name][1] for name in files if name in known and known[name][0] == stamps[name]}
    unread = [name for name in files if name not in found]
    began = time.time_ns()
    done, _ = in_parallel(lambda item: _digest(files[unread[item]]), len(unread), "Reading the images", progress)
    found |= {name: done.get(item, "") for item, name in enumerate(unread)}
    settled = {name: [stamps[name], found[name]] for name in files if _is_settled(stamps[name], began) and found[name]}
    if settled != known:
        _remember(memory, settled)
    return {name: found[name] for name in files}


def digest(path: Path, root: Path) -> str:
    """The hash of the content of one file."""
    return digests({"": path}, path, root)[""]


def _stamp(path: Path) -> Stamp:
    """What tells that a file has changed; nothing for a link to nothing."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino]


def _is_settled(stamp: Stamp, now: int) -> bool:
    return bool(stamp) and max(stamp[1], stamp[2]) < now - SETTLED_NS


def _digest(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        digest = hashlib.blake2b(digest_size=16)
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def _remembered(memory: Path) -> dict[str, list[Any]]:
    """Of each file its stamp and its hash."""
    try:
        stored = json.loads(memory.read_text(encoding="utf-8"))
        files = stored["files"] if stored["version"] == VERSION else {}
        return {name: [list(stamp), str(digest)] for name, (stamp, digest) in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _remember(memory: Path, files: Mapping[str, list[Any]]) -> None:
    """Replace what is remembered; a cache that cannot be written is told by who packs."""
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=memory.parent)
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump({"version": VERSION, "files": files}, file)
        os.replace(name, memory)
    except OSError:
        Path(name).unlink(missing_ok=True)


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
