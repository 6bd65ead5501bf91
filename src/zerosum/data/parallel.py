"""The same work for every item of a long list, in threads, with a progress bar; failures are gathered, not raised."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from zerosum.errors import UserError

T = TypeVar("T")
_AT_ONCE = 32


def in_parallel(
    work: Callable[[int], T], count: int, title: str, progress: bool = False
) -> tuple[dict[int, T], dict[int, str]]:
    """What `work` returned for each of `count` items, and why it failed for the others.

    A `UserError` is not gathered: it is raised.
    """
    done: dict[int, T] = {}
    failed: dict[int, str] = {}

    def part(start: int) -> int:
        items = range(start, min(start + _AT_ONCE, count))
        for item in items:
            try:
                done[item] = work(item)
            except UserError:
                raise
            except Exception as error:  # decoders raise all sorts
                failed[item] = _reason(error)
        return len(items)

    with _bar(title, count, progress) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for finished in pool.map(part, range(0, count, _AT_ONCE)):
                advance(finished)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return done, failed


def _reason(error: Exception) -> str:
    """One line, without the object addresses that Pillow prints."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "not an image"
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _bar(title: str, count: int, progress: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, to stderr, else nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not (progress and console.is_terminal)) as bar:
        task = bar.add_task(title, total=count)
        yield lambda finished: bar.advance(task, finished)
