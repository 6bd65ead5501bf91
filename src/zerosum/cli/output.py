"""What commands print on standard output."""

from pathlib import Path

from rich.console import Console, RenderableType

from zerosum.errors import UserError
from zerosum.processes import is_first_process


def show(renderable: RenderableType) -> None:
    """Print, of several processes the first; long lines are left to the terminal, so that commands can be copied."""
    if is_first_process():
        Console(highlight=False).print(renderable, soft_wrap=True)


def write_text(path: Path, text: str) -> None:
    """Write a file that the user named.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"Cannot write {str(path)!r}: {error.strerror or error}.") from error
