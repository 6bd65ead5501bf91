"""What commands print on standard output."""

from rich.console import Console, RenderableType


def show(renderable: RenderableType) -> None:
    """Print; long lines are left to the terminal, so that paths and commands can be copied whole."""
    Console(highlight=False).print(renderable, soft_wrap=True)
