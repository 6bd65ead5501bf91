"""Where the data of a run lies: found from anywhere, known again where it was moved to, and missed where it is gone."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zerosum.data import DATA, Data
from zerosum.errors import UserError
from zerosum.training.position import refuse_other

INSTEAD = "Leave out what differs to go on with the run as it is, or train anew with `zerosum train`."


def one_place(given: str | Path, recorded: str) -> bool:
    """Whether two words are equal, or two spellings of one path.

    >>> one_place("faces/", "./faces"), one_place("ring", "grid")
    (True, False)
    """
    return str(given) == recorded or _place(given) == _place(recorded)


def _place(word: str | Path) -> str:
    """Where a word leads to, if it is a path; what cannot be one is itself."""
    try:
        return os.path.realpath(os.path.expanduser(word))
    except ValueError:
        return str(word)


def refuse_other_name(data: Any, recorded: str) -> None:
    """Raise a UserError for data that cannot be the run's, by its name alone; a path may be where it was moved to."""
    if not isinstance(data, str | Path) or one_place(data, recorded):
        return
    if recorded in DATA or not os.path.exists(os.path.expanduser(data)):
        refuse_other({"data": recorded}, {"data": str(data)}, INSTEAD)


def located(data: Any) -> Any:
    """Data by its name; a path from the root, so that it is found from wherever the run is gone on with."""
    if not isinstance(data, str | Path) or str(data) in DATA:
        return data
    try:
        path = os.path.abspath(os.path.expanduser(data))
        return path if os.path.exists(path) else data
    except ValueError:  # what cannot be a path is told when it is opened
        return data


def refuse_gone(name: str, instead: str) -> None:
    """Raise a UserError for data of a run that is no longer where it was."""
    if os.path.isabs(name) and not os.path.exists(name):
        raise UserError(f"The data of this run is no longer at {name}. Say where it is now: {instead}.")


def as_recorded(data: Data, recorded: Mapping[str, Any]) -> Data:
    """The run's data, wherever it lies today; what has no place has the name that it has in the run.

    Raises:
        UserError: these are other samples.
    """
    if data.fingerprint != recorded["fingerprint"]:
        then, now = (
            f"{name} ({mark[:12]})"
            for name, mark in ((recorded["name"], recorded["fingerprint"]), (data.name, data.fingerprint))
        )
        refuse_other({"data": then}, {"data": now}, INSTEAD)
    return data if os.path.isabs(data.name) else replace(data, name=recorded["name"])
