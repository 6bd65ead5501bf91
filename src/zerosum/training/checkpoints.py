"""Checkpoints: directories that are either whole or not there, and whose loading executes nothing.

`checkpoints/<samples seen>/` holds `model.safetensors` (live and averaged networks), `training.safetensors` (optimizer
tensors by parameter name, game state, sums of the report that was under way) and `state.json` (everything else, with
the digests of all three). It is written under a temporary name, flushed, and committed by a rename.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from zerosum.errors import UserError

FORMAT = 1
TEMPORARY = ".writing-"
MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"


class Damaged(Exception):
    """A checkpoint that cannot be read; the message says why."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint: tensors by name, and a JSON record."""

    model: dict[str, Tensor]
    training: dict[str, Tensor]
    state: dict[str, Any]


def save(folder: Path, samples_seen: int, checkpoint: Checkpoint, *, keep: int = 2, best: int | None = None) -> Path:
    """Write a checkpoint, then remove all but the latest `keep` and the best.

    Those with more samples seen go, too: they are damaged, or of a course that was given up.

    Raises:
        OSError: it could not be written; the checkpoints before are as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    temporary, final = folder / f"{TEMPORARY}{os.getpid()}", folder / f"{samples_seen:09d}"
    try:
        temporary.mkdir()
        digests = {
            name: write_tensors(temporary / name, tensors)
            for name, tensors in ((MODEL, checkpoint.model), (TRAINING, checkpoint.training))
        }
        state = {"format": FORMAT, "digests": digests, **checkpoint.state}
        write_durably(temporary / STATE, json.dumps(state | {"seal": seal_of(state)}))
        sync(temporary)
        if final.exists():  # the same round once more: equal by construction
            shutil.rmtree(final)
        temporary.rename(final)
        sync(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    whole = [name for name in names(folder) if int(name) <= samples_seen]
    kept = {*whole[-keep:], *(name for name in whole if int(name) == best)}
    for name in names(folder):
        if name not in kept:
            shutil.rmtree(folder / name)
    return final


def load(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read a checkpoint.

    Raises:
        Damaged: a file is missing, cut short or altered.
        UserError: it is of another format.
    """
    try:
        state = json.loads((path / STATE).read_text())
        if state["format"] != FORMAT:
            raise UserError(f"{path} has format {state['format']!r}; this version of zerosum reads format {FORMAT}.")
        files = {name: digest_of(path / name) for name in (MODEL, TRAINING)}
        if state.pop("seal") != seal_of(state) or files != state["digests"]:
            raise Damaged(f"{path} is not what was written")
        model, training = (load_file(path / name, device=str(device)) for name in (MODEL, TRAINING))
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise Damaged(f"{path} cannot be read ({error})") from error
    return Checkpoint(model, training, state)


def newest(
    folder: Path,
    device: torch.device | str = "cpu",
    *,
    at_most: float = math.inf,
    tell: Callable[[str], None] = lambda text: None,
) -> Checkpoint | None:
    """The newest checkpoint that is whole and has seen no more than `at_most` samples; `tell` hears of damaged ones.

    Raises:
        UserError: one is of another format.
    """
    for name in reversed([name for name in names(folder) if int(name) <= at_most]):
        try:
            return load(folder / name, device)
        except Damaged as error:
            tell(f"A damaged checkpoint is left out: {error}.")
    return None


def names(folder: Path) -> list[str]:
    """Names of the committed checkpoints, oldest first."""
    if not folder.is_dir():
        return []
    return sorted((entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name.isdecimal()), key=int)


def sweep(folder: Path) -> None:
    """Remove what a killed writer left behind."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors and return the file's digest. Of tensors that share memory the first name is kept."""
    unique: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
    for name, tensor in tensors.items():
        address = (tensor.data_ptr(), tensor.shape, tensor.stride())
        unique.setdefault(address if tensor.numel() else (id(tensor), tensor.shape, ()), name)
    try:
        save_file({name: tensors[name].detach().contiguous().clone() for name in unique.values()}, path)
    except SafetensorError as error:  # which is how it tells of a full disk
        raise OSError(str(error)) from error
    sync(path)
    return digest_of(path)


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_of(state: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON record, however it is written down."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def write_durably(path: Path, text: str) -> None:
    """Write a text file that is on the disk when this returns."""
    path.write_text(text)
    sync(path)


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_durably(temporary, text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file or a directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
