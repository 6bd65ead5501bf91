"""Whether a value is of the type that an option is declared with, and that type in words."""

import math
import types
from typing import Any, Literal, Union, get_args, get_origin

from zerosum.errors import UserError

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}


def refuse_misfit(name: str, value: Any, kind: Any) -> None:
    """Raise a UserError when `value` is not of the type `kind`.

    >>> refuse_misfit("width", 8, int | None)
    >>> refuse_misfit("flip", "no", bool)
    Traceback (most recent call last):
    zerosum.errors.UserError: flip = 'no' is not possible: it takes true or false.
    """
    if not fits(value, kind):
        raise UserError(f"{name} = {value!r} is not possible: it takes {wording(kind)}.")


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of the type `kind`."""
    origin = get_origin(kind)
    if origin is Literal:
        return isinstance(value, str | int) and value in get_args(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, inner) for inner in get_args(kind))
    if origin is tuple:
        inner = get_args(kind)
        return isinstance(value, list | tuple) and len(value) == len(inner) and all(map(fits, value, inner))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def wording(kind: Any) -> str:
    """A type in words."""
    origin = get_origin(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if origin in (Union, types.UnionType):
        return " or ".join(wording(inner) for inner in get_args(kind))
    if origin is tuple:
        return f"{len(get_args(kind))} numbers"
    return WORDS.get(kind, "text")
