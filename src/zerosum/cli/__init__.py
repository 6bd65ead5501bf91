"""The command line: parse, call `zerosum.api`, print. Nothing else is done here.

Only the module of the command that was given is imported, so that `zerosum --help` answers at once.
"""

import contextlib
import importlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from zerosum.errors import Interrupted, Notice, Terminated, TrainingFailed, UserError, choose

COMMANDS = {
    "check": "examine a data set before it is trained on",
    "train": "train a model on data",
    "resume": "go on with a run, also beyond its end",
    "import": "read published StyleGAN2 weights as a run",
    "sample": "draw samples from a run",
    "explore": "walk through a run's latents: interpolate, edit, invert a picture",
    "classify": "ask a run that has learned to tell classes",
    "evaluate": "measure how good samples are: of a run, a file, a folder",
    "diagnose": "what went wrong in a training, why, and what helps",
    "compare": "runs side by side: metrics, curves, samples, options",
    "show": "what a run is, how far it came, where its pictures are",
    "report": "write a run's report page anew",
    "list": "all recipes and all data, one line each",
}

HELP = """\
Train, watch, resume and use generative adversarial networks.

usage: zerosum COMMAND [options]        zerosum COMMAND --help for its options
       zerosum --version

commands:
{commands}

first steps:
  zerosum train                         handwritten digits, a few minutes on any machine
  zerosum train --data path/to/images   a folder of pictures; sub-folders are classes
  zerosum train r3gan --data ring       a recipe by name, on points
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line (that of the process when None) and return its exit code.

    0: done. 1: the training failed. 2: something the user gave cannot be used. 128 + n: ended by signal n.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 is no reason to fail
    try:
        with _plain_notices(), _terminable():
            run(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
    except UserError as error:
        return _fail(error, 2)
    except TrainingFailed as error:
        return _fail(error, 1)
    except Interrupted as error:
        return _fail(error, 128 + error.signal)
    except KeyboardInterrupt as stop:
        return _fail("Stopped.", 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT))
    except BrokenPipeError:  # `zerosum list | head`: the reader has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def run(words: list[str]) -> None:
    """Carry out one command line."""
    command, *rest = words or ["--help"]
    if command in ("-h", "--help", "help"):
        print(HELP.format(commands="\n".join(f"  {name:<8} {line}" for name, line in COMMANDS.items())), end="")
    elif command in ("-V", "--version"):
        print(f"zerosum {_version()}")
    else:
        choose("command", command, COMMANDS)
        importlib.import_module(f"zerosum.cli.{command}_command").run(rest)


@contextlib.contextmanager
def _plain_notices() -> Iterator[None]:
    """Say what is meant for the user as errors are said, once each, and warnings of libraries as they are."""
    usual, said = warnings.showwarning, set[str]()

    def say(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, Notice):
            usual(message, category, *where, **more)
        elif str(message) not in said:
            said.add(str(message))
            print(f"zerosum: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        warnings.showwarning = say
        yield


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM stop what is under way as Ctrl-C does; a training ends its round first."""

    def stop(number: int, frame: object) -> None:
        raise Terminated

    before = signal.getsignal(signal.SIGTERM)
    elsewhere = threading.current_thread() is not threading.main_thread()  # where Python allows no handlers
    if elsewhere or before in (signal.SIG_IGN, None):  # ignored, or not Python's to handle
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(message: object, code: int) -> int:
    print(f"zerosum: {message}", file=sys.stderr)
    return code


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("zerosum")
    except PackageNotFoundError:
        return "(not installed)"
