"""Tensors that are kept from one evaluation to the next: one safetensors file, with texts in its head.

It is written under a temporary name beside its place, flushed and renamed, so that it is whole or not there, whoever
else writes; what a killed process left behind is swept away after a day.
"""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

STALE_SECONDS = 24 * 3600.0


def read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]] | None:
    """Head and tensors of a file; None where there is none, or one that cannot be read.

    The file is opened once: `safe_open` opens it again for the tensors, when another may have taken its place.
    """
    try:
        content = path.read_bytes()
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        return json.loads(content[8 : 8 + size]).get("__metadata__", {}), tensors
    except (OSError, SafetensorError, ValueError):
        return None


def write(path: Path, head: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    """Put a file in its place, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(save({name: tensor.contiguous() for name, tensor in tensors.items()}, dict(head)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left behind."""
    for leftover in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):  # another process sweeps, too, or it is another user's
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                leftover.unlink()
