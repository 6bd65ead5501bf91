"""Options as flags of a command line, and how words become values.

The flags of a command are known only when its recipe is, so the dataclass that tyro parses into is built anew for
each command line, a field a flag and a group of help text for each group of flags.
"""

import contextlib
import io
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from itertools import pairwise
from typing import Annotated, Any, NoReturn, get_args

import tyro

from zerosum.errors import UserError, nearest

HELP = {"-h", "--help"}
WORDINGS = {
    r"Error parsing (\S+?):": r"\1 cannot be used:",
    r"invalid literal for int\(\) with base 10: ('.*')": r"\1 is not a whole number",
    r"could not convert string to float: ('.*')": r"\1 is not a number",
    r"no type matching \{None\}\|INT could be instantiated from \[('.*')\]": r"\1 is not a whole number",
    r"no type matching \{None\}\|FLOAT could be instantiated from \[('.*')\]": r"\1 is not a number",
    r"^invalid choice ('.*') for argument '(\S+)'. Expected one of \((.*)\)": r"\2 cannot be \1. Allowed: \3",
    r"^Missing value for argument '(\S+)'. Expected 1 values": r"\1 needs a value",
    r"^Missing value for argument '(\S+)'. Expected (\d+) values": r"\1 needs \2 values",
    r"^Unrecognized options: ": "Too much on the command line: ",
}
"""How tyro says it -> how a user reads it; what is not here is passed on as it is."""


@dataclass(frozen=True)
class Flag:
    """One option on the command line.

    Args:
        name: as in Python; the flag has dashes for underscores.
        type: a typing object that tyro can parse into.
        default: when the flag is not given.
        help: one line.
        placeholder: what stands for the value in the help text; without one the type says it.
        positional: given by its place, without a name.
    """

    name: str
    type: Any
    default: Any
    help: str
    placeholder: str | None = None
    positional: bool = False

    @property
    def spelling(self) -> str:
        """As a user writes it."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def annotation(self) -> Any:
        """The type with what tyro should know of it."""
        hint = "" if self.default is None else None
        argument = tyro.conf.arg(
            help=self.help, help_behavior_hint=hint, metavar=self.placeholder or metavar(self.type)
        )
        return (
            Annotated[self.type, tyro.conf.Positional, argument] if self.positional else Annotated[self.type, argument]
        )


Groups = Mapping[str, Sequence[Flag]]


def parse(groups: Groups, words: Sequence[str], *, command: str, description: str) -> dict[str, Any]:
    """The value of every flag. `--help` prints and ends the process.

    Args:
        groups: title -> flags; flags under the title "" come first and have no heading of their own.
        words: the command line behind the command.
        command: for example `train`.
        description: what the command does.

    Raises:
        UserError: an unknown flag, or a value that its flag does not take.
    """
    _refuse_unknown(groups, words, command)
    with _plain_errors(command), contextlib.nullcontext() if HELP & set(words) else _in_one_line():
        parsed: Any = tyro.cli(
            _nested(groups),
            args=list(words),
            prog=f"zerosum {command}",
            description=description,
            config=(tyro.conf.OmitArgPrefixes,),
        )
    return {flag.name: getattr(_holder(parsed, title), flag.name) for title, flag in _each(groups)}


def given(values: Mapping[str, Any], groups: Groups, words: Sequence[str] = ()) -> dict[str, Any]:
    """Only what differs from the defaults or was spelled out in `words`: the rest is left to whoever has the defaults.

    A default may depend on the data (a recipe's learning rate for points); who writes the usual value means it.
    """
    spelled = {word.split("=")[0].replace("_", "-") for word in words if word.startswith("--")}
    return {
        flag.name: values[flag.name]
        for _, flag in _each(groups)
        if values[flag.name] != flag.default or flag.spelling in spelled
    }


def metavar(kind: Any) -> str | None:
    """What stands for the value of an option that may be None; for others None: tyro knows.

    >>> metavar(float | None), metavar(int)
    ('FLOAT', None)
    """
    match [inner for inner in get_args(kind) if inner is not type(None)]:
        case [inner] if type(None) in get_args(kind):
            return inner.__name__.upper() if isinstance(inner, type) else "{" + ",".join(get_args(inner)) + "}"
    return None


def free_words(words: Sequence[str], switches: Container[str] = ()) -> list[str]:
    """The words that stand for themselves: no flags, and not the first value behind a flag.

    Args:
        words: a command line.
        switches: flags that take no value.

    >>> free_words(["--width", "64", "dcgan", "--lr=1", "x", "--flip", "y"], {"--flip"})
    ['dcgan', 'x', 'y']
    """
    return [
        word
        for before, word in pairwise(["", *words])
        if not word.startswith("-") and (not before.startswith("--") or "=" in before or before in switches)
    ]


def _each(groups: Groups) -> Iterator[tuple[str, Flag]]:
    return ((title, flag) for title, flags in groups.items() for flag in flags)


def _nested(groups: Groups) -> type:
    """A dataclass with the flags of the group "" and a dataclass for every other group."""
    fields: list[tuple[str, Any, Any]] = [(f.name, f.annotation, f.default) for f in groups.get("", ())]
    for title, flags in groups.items():
        if title:
            inner = make_dataclass(_attribute(title), [(f.name, f.annotation, f.default) for f in flags], frozen=True)
            inner.__doc__ = " "  # else tyro shows the generated signature
            named = Annotated[inner, tyro.conf.arg(name=title)]  # type: ignore[valid-type]  # made a line ago
            fields.append((_attribute(title), named, field(default_factory=inner)))
    return make_dataclass("Given", fields, frozen=True)


def _holder(parsed: Any, title: str) -> Any:
    return getattr(parsed, _attribute(title)) if title else parsed


def _attribute(title: str) -> str:
    return "of_" + re.sub(r"\W+", "_", title)  # a flag may be called like a group


def _refuse_unknown(groups: Groups, words: Iterable[str], command: str) -> None:
    known = {"--help"}
    for flag in (flag for _, flag in _each(groups) if not flag.positional):
        known |= {flag.spelling, flag.spelling.replace("--", "--no-", 1)} if flag.type is bool else {flag.spelling}
    for word in words:
        spelling = word.split("=")[0].replace("_", "-")
        if word.startswith("--") and spelling not in known:
            _refuse(f"Unknown option {word.split('=')[0]}.{nearest(spelling, known)}", command)


@contextlib.contextmanager
def _plain_errors(command: str) -> Iterator[None]:
    """Make of tyro's boxed message and exit the one error that every mistake of a user is."""
    stderr = io.StringIO()
    try:
        with contextlib.redirect_stderr(stderr):
            yield
    except SystemExit as stop:
        if not stop.code:
            raise
        _refuse(_unboxed(stderr.getvalue()), command)


@contextlib.contextmanager
def _in_one_line() -> Iterator[None]:
    """Have tyro break no message into lines: it breaks words, too, and nobody could put these together again."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _unboxed(text: str) -> str:
    """The message in a box of tyro's: what stands between its title and the next rule, in one line."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip("│╭╮╰╯ ") for line in text.splitlines()]
    _, *body = lines or [""]
    rules = [place for place, line in enumerate(body) if place > 0 and set(line) <= set("-─")]
    inside = [line for line in body[: rules[0] if rules else None] if line.strip("-─")]
    message = " ".join(inside)
    for pattern, wording in WORDINGS.items():
        message = re.sub(pattern, wording, message)
    return message


def _refuse(message: str, command: str) -> NoReturn:
    raise UserError(f"{message.rstrip('.')}. See zerosum {command} --help.".replace("?.", "?"))
