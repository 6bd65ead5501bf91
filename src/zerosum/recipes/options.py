"""Options of a recipe: typed keywords with a default, a range and a line of help, in one flat list of names.

A recipe is a function `(space, *, ...) -> Plan`. A keyword whose default is a dataclass stands for the dataclass's
fields; that is how recipes share groups of options and still give each its own defaults.
"""

import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Annotated, Any, get_args, get_origin

from zerosum.errors import UserError, choose, nearest
from zerosum.kinds import fits, refuse_misfit
from zerosum.spaces import Space
from zerosum.training.plan import Plan

Recipe = Callable[..., Plan]


@dataclass(frozen=True)
class Opt:
    """Marks an option: `Annotated[int, Opt("what it is", low=1)]`.

    Args:
        help: one line.
        low, high: bounds, both allowed.
    """

    help: str
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Option:
    """One option of a recipe, as a command line or a page shows it."""

    name: str
    type: Any
    default: Any
    help: str
    low: float
    high: float


def suited(**by_kind: Mapping[str, Any]) -> Callable[[Recipe], Recipe]:
    """Give a recipe other defaults for some kinds of samples: `@suited(points={"lr": 1e-3})`."""

    def attach(recipe: Recipe) -> Recipe:
        SUITED[recipe] = dict(by_kind)
        return recipe

    return attach


SUITED: dict[Recipe, dict[str, Mapping[str, Any]]] = {}
"""Defaults by kind of sample, of the recipes that have some."""


def presets(**by_name: Mapping[str, Any]) -> Callable[[Recipe], Recipe]:
    """Give a recipe published configurations, `@presets(ffhq256={"lr": 2.5e-3})`: it then has the option `preset`.

    A preset stands for the options that it sets; what is given beside it goes before. It may say `at` which
    resolution it plays, which is an option of the data.
    """

    def attach(recipe: Recipe) -> Recipe:
        PRESETS[recipe] = dict(by_name)
        return recipe

    return attach


def at(side: int) -> dict[str, Any]:
    """The part of a preset that says how high and wide images are."""
    return {RESOLUTION: str(side)}


RESOLUTION = "resolution"
"""The one option of the data that a preset may set."""
PRESETS: dict[Recipe, dict[str, Mapping[str, Any]]] = {}
"""Published configurations by name, of the recipes that have some."""


def with_preset(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options with those that their preset stands for.

    Raises:
        UserError: the recipe has no such preset.
    """
    known = PRESETS.get(recipe, {})
    if not known or given.get("preset") is None:
        return dict(given)
    return {**choose("preset", str(given["preset"]), known), **given}


def options(recipe: Recipe, kind: str | None = None) -> dict[str, Option]:
    """All options of a recipe by name, with the defaults that suit a kind of sample."""
    found: dict[str, Option] = {}
    own = SUITED.get(recipe, {}).get(kind or "", {})
    for name, (annotation, default) in keywords(recipe).items():
        group = group_of(default) if is_dataclass(default) else {name: (annotation, default)}
        for inner, (hint, value) in group.items():
            mark = mark_of(hint)
            if mark is not None:
                suiting = own.get(inner, value)
                found[inner] = Option(inner, get_args(hint)[0], suiting, mark.help, mark.low, mark.high)
    if recipe in PRESETS:
        help = f"Published configuration, which sets what is not given: {', '.join(PRESETS[recipe])}."
        found["preset"] = Option("preset", str | None, None, help, -math.inf, math.inf)
    return found


def build(recipe: Recipe, space: Space, given: Mapping[str, Any]) -> Plan:
    """Call a recipe with flat options.

    Raises:
        UserError: an option that the recipe has not, or a value of the wrong type or out of range.
    """
    arguments = keywords(recipe)
    groups = {name: group_of(default) for name, (_, default) in arguments.items() if is_dataclass(default)}
    known = options(recipe)
    allowed = {*arguments, *known, *(field for group in groups.values() for field in group)} - set(groups)
    given = {name: value for name, value in with_preset(recipe, given).items() if name != RESOLUTION}
    for name, value in given.items():
        if name not in allowed:
            raise UserError(f"Unknown option {name!r}.{nearest(name, allowed)} Allowed: {', '.join(sorted(known))}.")
        if name in known:
            check(known[name], value)
    given = {**SUITED.get(recipe, {}).get(space.kind, {}), **given}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if name in arguments}
    for name, group in groups.items():
        changes = {key: as_declared(value) for key, value in given.items() if key in group}
        chosen[name] = replace(arguments[name][1], **changes)
    return recipe(space, **chosen)


def keywords(recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of every keyword."""
    hints = typing.get_type_hints(recipe, include_extras=True)
    parameters = list(inspect.signature(recipe).parameters.values())[1:]
    return {p.name: (hints.get(p.name, Any), p.default) for p in parameters}


def group_of(default: Any) -> dict[str, tuple[Any, Any]]:
    """Annotation and value of every field of a dataclass instance."""
    hints = typing.get_type_hints(type(default), include_extras=True)
    return {field.name: (hints[field.name], getattr(default, field.name)) for field in fields(default)}


def mark_of(hint: Any) -> Opt | None:
    """The `Opt` of an annotation, if it has one."""
    if get_origin(hint) is not Annotated:
        return None
    return next((mark for mark in get_args(hint)[1:] if isinstance(mark, Opt)), None)


def check(option: Option, value: Any) -> None:
    """Raise a UserError when `value` is not what the option takes."""
    refuse_misfit(option.name, value, option.type)
    numbers = [n for n in (value if isinstance(value, list | tuple) else [value]) if isinstance(n, int | float)]
    if any(n in (math.inf, -math.inf) for n in numbers):
        raise UserError(f"{option.name} = {value!r} is not possible: it must be finite.")
    if any(not option.low <= n <= option.high for n in numbers):
        raise UserError(f"{option.name} = {value!r} is out of range: {bounds(option)}.")


def bounds(option: Option) -> str:
    """A range in words."""
    low, high = option.low, option.high
    if high == math.inf:
        return f"at least {low:g}"
    return f"at most {high:g}" if low == -math.inf else f"{low:g} to {high:g}"


def spelled(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are recorded: a whole number that stands for a text, as in `critic_steps=2`, is that text."""
    known = options(recipe)
    numbers = {name for name, value in given.items() if isinstance(value, int) and not isinstance(value, bool)}
    texts = {
        name
        for name in numbers & known.keys()
        if not fits(given[name], known[name].type) and fits("", known[name].type)
    }
    return {name: str(value) if name in texts else value for name, value in given.items()}


def as_declared(value: Any) -> Any:
    """JSON knows no tuples; options do."""
    return tuple(value) if isinstance(value, list) else value
