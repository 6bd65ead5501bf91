"""The ways to look at latents by name, and how their options are given."""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from zerosum.errors import UserError, choose, nearest
from zerosum.latents.arithmetic import arithmetic
from zerosum.latents.codes import codes
from zerosum.latents.exhibit import Exhibit
from zerosum.latents.explorer import Explorer
from zerosum.latents.looking import directions, edit, invert
from zerosum.latents.nearest import nearest as nearest_training
from zerosum.latents.walking import interpolate, mix, truncate
from zerosum.recipes.options import as_declared, check, group_of, keywords, options

Way = Callable[..., Exhibit]

WAYS: dict[str, Way] = {
    "interpolate": interpolate,
    "truncate": truncate,
    "mix": mix,
    "arithmetic": arithmetic,
    "directions": directions,
    "invert": invert,
    "edit": edit,
    "nearest": nearest_training,
    "codes": codes,
}
"""Functions `(explorer, *, …) -> Exhibit`, whose typed keywords are options as those of recipes are."""
STEPPING = frozenset({"interpolate", "truncate", "directions", "edit", "codes"})
"""Those whose columns are steps, which can follow one another in an animation."""


def way(name: str) -> Way:
    """The way that is called `name`.

    Raises:
        UserError: there is none.
    """
    return choose("what", name, WAYS)


def explore(explorer: Explorer, what: str, given: Mapping[str, Any]) -> Exhibit:
    """Look at a generator's latents.

    Args:
        explorer: the generator.
        what: a name of `WAYS`.
        given: options of that way, flat.

    Raises:
        UserError: there is no such way, it has no such option, or an option cannot have its value.
    """
    function = way(what)
    return function(explorer, **arranged(function, what, given))


def arranged(function: Any, what: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Flat options as the arguments of a way.

    Raises:
        UserError: see `explore`.
    """
    known = options(function)
    for name, value in given.items():
        if name not in known:
            allowed = ", ".join(sorted(known))
            raise UserError(f"Unknown option {name!r} of {what}.{nearest(name, known)} Allowed: {allowed}.")
        check(known[name], value)
    arguments: dict[str, Any] = {}
    for name, (_, default) in keywords(function).items():
        if is_dataclass(default) and not isinstance(default, type):
            mine = {key: as_declared(given[key]) for key in group_of(default) if key in given}
            arguments[name] = replace(default, **mine)
        elif name in given:
            arguments[name] = given[name]
    return arguments
