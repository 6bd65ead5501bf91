"""Losses that another program wrote: a table in a CSV or JSONL file, and which of its columns is what.

| role | a column whose words are |
| --- | --- |
| loss of the critic | `d`, `disc`, `discriminator` or `critic`, and nothing else but `loss`, `error`, `mean` … |
| loss of the generator | the same with `g`, `gen` or `generator` |
| gradient norm of the generator | these with `grad` |
| D(x), D(G(z)) | `d x` and `d g z`, with brackets or without |
| when | the first of `samples_seen`, `step`, `iteration`, `epoch` … that increases; else the number of the row |

Capitals begin a word: `errD` is `err d`.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from zerosum.diagnosis.losses import CRITIC, FAKE, GENERATOR, GRADIENT, REAL
from zerosum.errors import UserError

CRITICS = {"d", "dis", "disc", "discriminator", "critic"}
GENERATORS = {"g", "gen", "generator"}
LOSSES = {"loss", "losses", "err", "error", "cost", "adversarial", "adv", "gan"}
GRADIENTS = {"grad", "gradient", "gradients", "norm"}
BESIDES = {"train", "training", "mean", "avg", "average", "total", "epoch"}
MOMENTS = ("samples_seen", "samples", "kimg", "step", "steps", "iteration", "iterations", "iter", "batch", "epoch")
GLUED = {
    f"{head}{tail}" for heads, tails in ((("d", "g"), LOSSES), (LOSSES, ("d", "g"))) for head in heads for tail in tails
}
"""`dloss`, `errg` and the like, which nothing parts."""
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Losses:
    """A table that was read.

    Attributes:
        moments: of each row, increasing.
        unit: what they count, in words.
        columns: role -> a value a row; None where there is none, NaN and infinity as they were.
        taken: role -> name of the column in the file.
    """

    moments: list[float]
    unit: str
    columns: dict[str, list[float | None]]
    taken: dict[str, str]

    def __len__(self) -> int:
        return len(self.moments)


def read_losses(path: Path) -> Losses:
    """The losses in a file.

    Raises:
        UserError: it cannot be read, is no table, or has no column that can be a loss of a pair.
    """
    names, rows = read_table(path)
    taken = roles(names)
    if not {CRITIC, GENERATOR} & set(taken):
        found = ", ".join(map(repr, names[:12])) or "none"
        raise UserError(
            f"{path} has no column that can be the loss of a critic or generator (d_loss, g_loss, D …); it has {found}."
        )
    columns = {
        role: [figure(path, number, name, row.get(name)) for number, row in rows] for role, name in taken.items()
    }
    moments, unit = moments_of(rows, names)
    return Losses(moments, unit, columns, taken)


# --- files ---

Rows = Sequence[tuple[int, Mapping[str, Any]]]
"""Line number and content."""


def read_table(path: Path) -> tuple[list[str], Rows]:
    """The columns' names, and the rows.

    Raises:
        UserError: the file cannot be read, or is no table.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("["):
        raise UserError(f"{path} is a JSON array; losses are read from JSONL, an object a line, or from CSV.")
    rows = (objects if first.lstrip().startswith("{") else separated)(path, lines)
    if not rows:
        raise UserError(f"{path} has no rows: a CSV with a line of names, or JSONL with an object a line, is needed.")
    return list(dict.fromkeys(name for _, row in rows for name in row)), rows


def objects(path: Path, lines: Sequence[str]) -> Rows:
    """JSONL."""
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number}, is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}, is no JSON object.")
        rows.append((number, row))
    return rows


def separated(path: Path, lines: Sequence[str]) -> Rows:
    """CSV, with commas, semicolons or tabs."""
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(DELIMITERS, key=head.count)
    try:
        reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
        return [(reader.line_num, {n: v for n, v in row.items() if n is not None}) for row in reader]
    except csv.Error as error:
        raise UserError(f"{path} is no table: {error}.") from error


def figure(path: Path, line: int, name: str, value: Any) -> float | None:
    """A cell as a number; None where it is empty.

    Raises:
        UserError: it is none.
    """
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"{path}, line {line}: {name!r} is {value!r}, not a number.") from None


# --- columns ---


def roles(names: Sequence[str]) -> dict[str, str]:
    """Which column is what, where one is; of several the one of the fewest words, then the first."""
    fits: Mapping[str, Callable[[list[str]], bool]] = {
        CRITIC: lambda words: about(words, CRITICS, LOSSES),
        GENERATOR: lambda words: about(words, GENERATORS, LOSSES),
        GRADIENT: lambda words: about(words, GENERATORS, GRADIENTS) and not GRADIENTS.isdisjoint(words),
        REAL: lambda words: words == ["d", "x"],
        FAKE: lambda words: words[:3] == ["d", "g", "z"] and "".join(words[3:]) in ("", "1"),
    }
    found = {role: [name for name in names if fit(words_of(name))] for role, fit in fits.items()}
    return {role: min(fitting, key=lambda n: len(words_of(n))) for role, fitting in found.items() if fitting}


def about(words: list[str], player: set[str], kind: set[str]) -> bool:
    """Whether a name speaks of a player, and of nothing else but this kind of figure."""
    return not player.isdisjoint(words) and player | kind | BESIDES >= set(words)


def words_of(name: str) -> list[str]:
    """The words of a column's name.

    >>> words_of("Loss_D"), words_of("errD_real"), words_of("D(G(z))"), words_of("gloss"), words_of("GAN/d_loss")
    (['loss', 'd'], ['err', 'd', 'real'], ['d', 'g', 'z'], ['g', 'loss'], ['gan', 'd', 'loss'])
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    return [part for word in words for part in unglued(word)]


def unglued(word: str) -> list[str]:
    """The parts of `dloss` and the like."""
    if word not in GLUED:
        return [word]
    return [word[0], word[1:]] if word[1:] in LOSSES else [word[:-1], word[-1]]


def moments_of(rows: Rows, names: Sequence[str]) -> tuple[list[float], str]:
    """When each row was, and what that counts."""
    by_words = {"_".join(words_of(name)): name for name in reversed(names)}
    for moment in MOMENTS:
        if moment in by_words and (found := increasing([row.get(by_words[moment]) for _, row in rows])) is not None:
            return found, by_words[moment].replace("_", " ")
    return [float(number) for number in range(1, len(rows) + 1)], "row"


def increasing(values: Sequence[Any]) -> list[float] | None:
    """Numbers that increase from row to row; None where they do not."""
    try:
        found = [float(value) for value in values]
    except (TypeError, ValueError):
        return None
    return found if all(a < b for a, b in pairwise(found)) and all(map(math.isfinite, found)) else None
