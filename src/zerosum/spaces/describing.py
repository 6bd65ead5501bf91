"""Spaces as JSON, so that a run can be sampled from where its data is not."""

from dataclasses import asdict, fields
from typing import Any

from zerosum.errors import choose
from zerosum.spaces.core import Space
from zerosum.spaces.images import Images
from zerosum.spaces.points import Points

KINDS: dict[str, type[Space]] = {space.kind: space for space in (Images, Points)}


def describe(space: Space) -> dict[str, Any]:
    """The kind and all fields of a space."""
    return {"kind": space.kind, **asdict(space)}


def restore(description: dict[str, Any]) -> Space:
    """The space that `describe` described; other entries are left alone."""
    kind = choose("kind of sample", description["kind"], KINDS)
    values = {field.name: description[field.name] for field in fields(kind) if field.name in description}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
