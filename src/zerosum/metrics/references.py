"""What one look at a reference left behind, kept from one evaluation to the next.

An entry is one file: tensors, and in its head the key it answers (fingerprint and split of the data, number of samples,
digest of the feature network) and a digest of the tensors. It is written beside its place and renamed, so that it is
whole or not there, whoever else writes; one that is stale, damaged or of another key is made anew.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zerosum.data.packing import default_root as packed_root
from zerosum.metrics.statistics import FeatureNetwork, Shown, Statistics, look
from zerosum.spaces import describe

VERSION = 1
TENSORS = ("features", "kept", "logits", "labels")
STALE_SECONDS = 24 * 3600.0


def default_root() -> Path:
    """Where references are kept: beside packed data in the user's cache, see `ZEROSUM_CACHE`."""
    return packed_root().parent / "references"


@dataclass(frozen=True)
class References:
    """A directory of looks at references.

    Args:
        root: the directory.
    """

    root: Path = field(default_factory=default_root)

    def look(
        self, samples: Shown, network: FeatureNetwork, tell: Callable[[int], None] = lambda seen: None
    ) -> Statistics:
        """As `statistics.look`; samples whose fingerprint is known beforehand are looked at once for ever.

        A cache that cannot be written is no reason to fail: then the look is repeated next time.
        """
        if samples.fingerprint is None:
            return look(samples, network, tell)
        key = key_of(samples, network)
        path = self.root / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
        found = read(path, key, samples)
        if found is None:
            found = look(samples, network, tell)
            if found.n == samples.n:
                with contextlib.suppress(OSError):
                    write(path, key, found)
        return found


def key_of(samples: Shown, network: FeatureNetwork) -> str:
    """What a look depends on, as JSON."""
    parts = {
        "version": VERSION,
        "fingerprint": samples.fingerprint,
        "about": dict(samples.about),
        "space": describe(samples.space),
        "n": samples.n,
        "network": network.digest,
    }
    return json.dumps(parts, sort_keys=True)


def read(path: Path, key: str, samples: Shown) -> Statistics | None:
    """The look at `path`, if it is whole and answers `key`."""
    try:
        with safe_open(path, framework="pt") as file:
            head: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (OSError, SafetensorError):
        return None
    if head.get("key") != key or head.get("digest") != digest_of(tensors):
        return None
    return Statistics(space=samples.space, fingerprint=str(samples.fingerprint), **tensors)


def write(path: Path, key: str, found: Statistics) -> None:
    """Put a look at `path`, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    held = {name: getattr(found, name) for name in TENSORS}
    tensors = {name: value.contiguous() for name, value in held.items() if value is not None}
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    os.close(handle)
    try:
        save_file(tensors, temporary, {"key": key, "digest": digest_of(tensors)})
        os.replace(temporary, path)
    except SafetensorError as error:  # which is how it tells of a full disk
        raise OSError(str(error)) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes, types and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value: Any = tensors[name].contiguous().numpy()
        digest.update(repr((name, value.shape, value.dtype.str)).encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()


def sweep(root: Path) -> None:
    """Remove what processes that were killed left behind."""
    for leftover in root.glob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # another process may sweep, too
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                leftover.unlink()
