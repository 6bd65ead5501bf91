"""What all pages have in common: templates, pictures that travel inside the page, and writing it in one step."""

import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from zerosum.errors import UserError
from zerosum.runs.commands import short
from zerosum.runs.pictures import data_uri, size


def fill(template: str, **values: Any) -> str:
    """A template of `page/`, filled in."""
    return _environment().get_template(template).render(**values)


def data_of_picture(picture: Path) -> str | None:
    """A picture as a data URI; None where there is no whole picture."""
    return data_uri(picture) if size(picture) else None


def write_page(path: Path, page: str) -> Path:
    """Write a page; an older one is replaced in one step.

    Raises:
        UserError: it cannot be written.
    """
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UserError(f"Cannot write {str(path)!r}: {error.strerror}.") from error
    return path


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("zerosum.runs", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["short"] = short
    made.policies["json.dumps_kwargs"] = {"sort_keys": False}  # curves keep their order, hence their colours
    return made
