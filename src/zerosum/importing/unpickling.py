"""Pickles read without executing what they ask for.

A pickle is a program: it names functions and classes, and calls them. Here every name that genuine files of networks
contain stands for something inert of our own, and any other name is refused. What the names give has no attribute
that a pickle could set to change a later read.
"""

import io
import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.storage import TypedStorage

from zerosum.errors import UserError

NUMPY = tuple(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct"))


@dataclass
class Persistent:
    """An object of published code, whose source the file holds as well and nobody reads.

    Attributes:
        class_name: of what it was.
        state: its attributes by name.
    """

    class_name: str
    state: dict[str, Any]


class Unread:
    """Stands for what no network needs: whatever it is made of or told is dropped."""

    __slots__ = ()

    def __new__(cls, *given: object) -> "Unread":
        """Drops what is given."""
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Drops the state."""


class Unpickler(pickle.Unpickler):
    """Makes tensors, plain containers, `Persistent` and `Unread`; every other name in the file is a UserError."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for.

        Raises:
            UserError: it is not known.
        """
        wanted = f"{module}.{name}"
        if wanted in (*NUMPY, "numpy.ndarray", "numpy.dtype"):
            return type("Unread", (Unread,), {"__slots__": ()})  # a class of its own, since a pickle may alter it
        if wanted not in self.known:
            raise refused(wanted)
        return self.known[wanted]

    @property
    def known(self) -> dict[str, Callable[..., Any]]:
        """Names, and what stands for them: methods, and classes that cannot be altered."""
        return {
            "torch_utils.persistence._reconstruct_persistent_obj": self.persistent,
            "dnnlib.util.EasyDict": OrderedDict,
            "collections.OrderedDict": OrderedDict,
            "builtins.set": set,
            "__builtin__.set": set,
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch._utils._rebuild_parameter": self.parameter,
            "torch.storage._load_from_bytes": self.storage,
        }

    @staticmethod
    def persistent(meta: Any) -> Persistent:
        """What `torch_utils.persistence` of StyleGAN2-ADA writes for an object."""
        if not (isinstance(meta, dict) and meta.get("type") == "class" and isinstance(meta.get("state"), dict)):
            raise pickle.UnpicklingError("an object is not described by its class and state")
        return Persistent(str(meta.get("class_name")), meta["state"])

    @staticmethod
    def tensor(storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: object) -> Tensor:
        """A view of a storage; that it lies inside is checked by torch."""
        if not isinstance(storage, TypedStorage):
            raise pickle.UnpicklingError("a tensor has no storage")
        whole = torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage)
        return whole.as_strided(size, stride, offset)  # `set_` itself would make the storage larger

    @staticmethod
    def parameter(data: Any, *rest: object) -> Tensor:
        """A parameter's tensor."""
        if not isinstance(data, Tensor):
            raise pickle.UnpicklingError("a parameter is no tensor")
        return data

    @staticmethod
    def storage(written: Any) -> Any:
        """A storage, a pickle inside the pickle, which torch reads by its own list of what is harmless."""
        return tensors_only(io.BytesIO(written))


def read_pickle(path: Path) -> Any:
    """What a pickle holds.

    Raises:
        UserError: it wants something that is not known here.
        Exception: whatever a malformed program brings about.
    """
    with path.open("rb") as file:
        return Unpickler(file).load()


def tensors_only(file: Any) -> Any:
    """What a file of `torch.save` holds, on the CPU: nothing but tensors and containers.

    Raises:
        UserError: there is something else.
        Exception: whatever a malformed file brings about.
    """
    from argparse import Namespace  # the options that trainings put beside their weights: attributes and nothing else

    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([Namespace]):
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL ([\w.]+) (?:was not|whose)", str(error))
        if name is None:
            raise pickle.UnpicklingError("tensors and plain containers are not all it holds") from error
        raise refused(name[1]) from error


def refused(wanted: str) -> UserError:
    """The error to raise for a name that is not known."""
    return UserError(f"The file wants {wanted}, which zerosum does not execute; nothing was read from it.")
