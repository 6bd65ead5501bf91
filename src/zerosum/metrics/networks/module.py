"""A network of the user's own."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.metrics.networks.preparation import digest_of, in_parts
from zerosum.metrics.statistics import Look

AT_ONCE = 64


@dataclass(frozen=True)
class Own:
    """See `own`."""

    module: nn.Module
    name: str
    preprocessing: Callable[[Tensor], Tensor] | None
    device: torch.device
    classes: tuple[str, ...] = ()

    @property
    def preparation(self) -> str:
        """In words."""
        further = "" if self.preprocessing is None else f", then {_called(self.preprocessing)}"
        return f"images as float32 in [0, 1], all else as it is{further}"

    @cached_property
    def digest(self) -> str:
        """Of weights, class, layers and preparation."""
        return digest_of(self.module.state_dict(), _called(type(self.module)), repr(self.module), self.preparation)

    def __call__(self, shown: Tensor) -> Look:
        """Shown samples `(n, *shape)` -> features, and logits if the module gives any."""
        return in_parts(self._look, shown.to(self.device), AT_ONCE)

    def _look(self, shown: Tensor) -> Look:
        values = shown.float().div(255) if shown.dtype == torch.uint8 else shown.float()
        if self.preprocessing is not None:
            values = self.preprocessing(values)
        return _as_look(self.module(values), len(shown), self.name)


def own(
    module: nn.Module,
    name: str = "own",
    preprocessing: Callable[[Tensor], Tensor] | None = None,
    *,
    device: torch.device | str = "cpu",
    classes: Sequence[str] = (),
) -> Own:
    """Make any module a feature network.

    Args:
        module: float32 samples `(n, *shape)`, images in [0, 1], to features `(n, d)`; or to a pair (features, logits)
            or a dictionary with `features` and, perhaps, `logits`. A copy of it is put in eval mode.
        name: which figures carry: `kid[own]`. Names of other networks are not for it.
        preprocessing: what values go through first (resizing, standardising …). Its name stands in the record, but
            its content cannot be hashed: name different ones differently.
        device: where it computes.
        classes: names of what the logits are of.

    Raises:
        UserError: (when it looks) the module gives something else.
    """
    place = torch.device(device)
    copied = copy.deepcopy(module).eval().requires_grad_(False).to(place)
    return Own(copied, name, preprocessing, place, tuple(classes))


def _as_look(result: Any, n: int, name: str) -> Look:
    """What a module gave, if it can be understood."""
    if isinstance(result, Mapping):
        found = {key: result.get(key) for key in ("features", "logits")}
    elif isinstance(result, tuple | list):
        found = dict(zip(("features", "logits"), result, strict=True)) if len(result) == 2 else {}
    else:
        found = {"features": result}
    features, logits = found.get("features"), found.get("logits")
    good = _is_table(features, n) and (logits is None or _is_table(logits, n))
    if not good:
        raise UserError(
            f"The feature network {name!r} gave {_described(result)} for {n} sample(s). It must give features (n, d), "
            "a pair (features, logits), or a dictionary with 'features' and perhaps 'logits'."
        )
    return Look(features.float(), None if logits is None else logits.float())  # type: ignore[union-attr]


def _is_table(value: Any, n: int) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2 and len(value) == n


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return "a dictionary of " + (
            ", ".join(f"{key!r}: {_described(part)}" for key, part in value.items()) or "nothing"
        )
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of " + (", ".join(map(_described, value)) or "nothing")
    return f"a {type(value).__name__}"


def _called(thing: Any) -> str:
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"
