"""What commands print on standard output."""

from rich.console import Console, RenderableType

from zerosum.processes import is_first_process


def show(renderable: RenderableType) -> None:
    """Print, of several processes the first; long lines are left to the terminal, so that commands can be copied."""
    if is_first_process():
        Console(highlight=False).print(renderable, soft_wrap=True)
