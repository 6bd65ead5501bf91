"""How far an evaluation is, on the screen: a bar on a terminal, plain lines elsewhere, or nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


@dataclass
class Watcher:
    """Is told what an evaluation does, on stderr.

    Args:
        console: where messages go; None says nothing.
        bar: that moves, on a terminal.
    """

    console: Console | None
    bar: Progress
    _task: TaskID | None = None
    _what: str = ""

    def tell(self, what: str, done: int, total: int) -> None:
        """`done` of `total` are done of what is going on."""
        if what.partition(" ")[0] != self._what:  # looking, then measuring: a bar each
            self._what = what.partition(" ")[0]
            if self._task is not None:
                self.bar.remove_task(self._task)
            self._task = self.bar.add_task(what, total=total)
        assert self._task is not None
        self.bar.update(self._task, description=what, completed=done, total=total)

    def note(self, text: str) -> None:
        """Say something that stays."""
        if self.console is not None:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watcher(show: bool) -> Iterator[Watcher]:
    """A bar as long as the evaluation goes on."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not (show and console.is_terminal and not console.is_dumb_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        yield Watcher(console if show else None, bar)
