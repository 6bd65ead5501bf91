"""The network that belongs to a data set: trained on its training split once, and kept.

It is one file, named by a hash of the data's fingerprint and of the version of all that training depends on; its head
says what it is, in JSON. When another process was first, its work is used. A damaged file counts as none.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zerosum.data import Data
from zerosum.data.packed import UnpairedSource
from zerosum.data.packing import default_root
from zerosum.draw import Draw
from zerosum.errors import Notice, UserError
from zerosum.metrics import files
from zerosum.metrics.networks.classifier import (
    FEATURES,
    SIDE,
    STEPS,
    Classifier,
    Encoder,
    train_classifier,
    train_self_supervised,
    untrained,
)
from zerosum.metrics.networks.preparation import at_most
from zerosum.metrics.statistics import show
from zerosum.spaces import Images

VERSION = 1
"""Raise it when anything changes that the weights depend on: architecture, training, which samples are taken."""
MOST = 10_000
"""Training samples that are taken, evenly spaced."""
_AT_ONCE = 250
_FEW_STEPS = 10


def classifier_for(data: Data, *, cache: Path | None = None, device: torch.device | str = "cpu") -> Encoder:
    """The data's own feature network: `Classifier` where it has labels of two classes or more, else `Encoder`.

    Args:
        data: images; only the training split is looked at.
        cache: the network is kept in its folder `features`; default: `ZEROSUM_CACHE`, or the user's cache directory.
        device: where it looks; it is trained on the CPU.

    Raises:
        UserError: the samples are no images, or fewer than two.
    """
    if not isinstance(data.space, Images):
        raise UserError(f"A classifier looks at images; {data.name!r} has {data.space.kind}. Use the network 'raw'.")
    place = _place(data, cache)
    found = _opened(place) or _stored(_trained(data), place)
    found.learned.to(device)
    return found


def preparation_seconds(data: Data, *, cache: Path | None = None) -> float:
    """How long `classifier_for` may take, about, from a few steps of training; 0 where the network is kept."""
    if _place(data, cache).is_file():
        return 0.0
    begin = time.monotonic()
    shown, labels = training_samples(data)
    taken = time.monotonic() - begin
    for _ in range(2):  # the first time pays for what is done only once
        begin = time.monotonic()
        _learned(data, shown, labels, _FEW_STEPS)
    return taken + (time.monotonic() - begin) * STEPS / _FEW_STEPS


def _place(data: Data, cache: Path | None) -> Path:
    folder = Path(cache) / "features" if cache is not None else default_root().parent / "features"
    return folder / f"{_key(data)}.safetensors"


def _key(data: Data) -> str:
    return hashlib.sha256(repr((VERSION, data.fingerprint, data.space.shape)).encode()).hexdigest()[:32]


def _trained(data: Data) -> Encoder:
    """Trained on images as a person would get them, made small at once to spare memory."""
    shown, labels = training_samples(data)
    named = data.space.classes if labels is not None else ()
    return replace(_learned(data, shown, labels, STEPS), shape=tuple(data.space.shape), classes=named)


def _learned(data: Data, shown: Tensor, labels: Tensor | None, steps: int) -> Encoder:
    if labels is None:
        return train_self_supervised(shown, steps=steps)
    classes = max(len(data.space.classes), int(labels.max()) + 1)
    return train_classifier(shown, labels, classes=classes, steps=steps)


def training_samples(data: Data) -> tuple[Tensor, Tensor | None]:
    """Training images in uint8, at most `MOST`, at most 64 pixels high and wide; labels if there are two or more."""
    size = data.train.size
    assert size is not None, data.name
    positions = torch.linspace(0, size - 1, min(size, MOST), dtype=torch.float64).round().long()
    shown, labels = [], []
    for number, part in enumerate(torch.split(positions, _AT_ONCE)):
        batch = data.train.batch(part, Draw("feature network", "samples", number))
        shown.append(at_most(show(data.space, batch.real), SIDE))
        if batch.label is not None and not isinstance(data.train, UnpairedSource):  # whose labels are the conditions'
            labels.append(batch.label)
    numbers = torch.cat(labels) if labels else torch.zeros(1)
    return torch.cat(shown), numbers if numbers.min() < numbers.max() else None


def _stored(network: Encoder, place: Path) -> Encoder:
    """The network, once it is on the disk; what another process has put there meanwhile is taken instead."""
    if first := _opened(place):
        return first
    try:
        files.write(place, {"about": json.dumps(_about(network))}, network.learned.state_dict())
    except OSError as error:
        warnings.warn(
            f"The feature network cannot be kept at {place}: {error.strerror or error}; it will be trained anew each "
            "time. Set ZEROSUM_CACHE to a directory that can be written and has room.",
            Notice,
            stacklevel=3,
        )
    return network


def _about(network: Encoder) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": network.name,
        "shape": network.shape,
        "classes": network.classes,
        "digest": network.digest,
    }


def _opened(place: Path) -> Encoder | None:
    """What is kept at `place`; what is damaged counts as none."""
    head, tensors = files.read(place) or ({}, {})
    try:
        about = json.loads(head["about"])
        network, digest = _empty(about, tensors), about["digest"]
        network.learned.load_state_dict(tensors)
    except (ValueError, LookupError, TypeError, RuntimeError):
        return None
    network.learned.eval().requires_grad_(False)
    return network if network.digest == digest else None


def _empty(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Encoder:
    """A network of the kind that is described, whose weights are still to come."""
    shape = tuple(about["shape"])
    if about["name"] == Encoder.name:
        return Encoder(untrained(shape[0], FEATURES)[0], shape)
    trunk, head = untrained(shape[0], len(tensors["head.1.bias"]))
    return Classifier(trunk, shape, classes=tuple(about["classes"]), head=head)
