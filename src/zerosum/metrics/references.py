"""What one look at a reference left behind, kept from one evaluation to the next.

An entry is one file: tensors, and in its head the key it answers (fingerprint and split of the data, number of samples,
digest of the feature network) and a digest of the tensors. One that is damaged or of another key is made anew.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from zerosum.data.packing import default_root as packed_root
from zerosum.metrics import files
from zerosum.metrics.networks.preparation import digest_of
from zerosum.metrics.statistics import FeatureNetwork, Shown, Statistics, look
from zerosum.spaces import describe

VERSION = 1
TENSORS = ("features", "kept", "logits", "labels")


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
        found = recalled(path, key, samples)
        if found is None:
            found = look(samples, network, tell)
            if found.n == samples.n:
                with contextlib.suppress(OSError):
                    keep(path, key, found)
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


def recalled(path: Path, key: str, samples: Shown) -> Statistics | None:
    """The look at `path`, if it is whole and answers `key`."""
    head, tensors = files.read(path) or ({}, {})
    if head.get("key") != key or head.get("digest") != digest_of(tensors):
        return None
    return Statistics(space=samples.space, fingerprint=str(samples.fingerprint), **tensors)


def keep(path: Path, key: str, found: Statistics) -> None:
    """Put a look at `path`.

    Raises:
        OSError: it cannot be written.
    """
    tensors = {name: value for name in TENSORS if (value := getattr(found, name)) is not None}
    files.write(path, {"key": key, "digest": digest_of(tensors)}, tensors)
