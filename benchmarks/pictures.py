"""The pictures of the front page: what the default run and points come to; those of recipes are the gallery's.

A picture carries the command that made it, and the page that lists the pictures is written from them.
"""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainings import training
from zerosum.runs.commands import flag

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"

HEAD = """# Pictures

Made by `python benchmarks/pictures.py`, each by the command beside it: the last grid of samples that the run left
behind. Figures are in [RESULTS.md](../../benchmarks/RESULTS.md).

| picture | command |
| --- | --- |
"""


@dataclass(frozen=True)
class Picture:
    """What is trained for a picture.

    Args:
        name: of the file, without ending.
        data: that is trained on.
        recipe: by name; None for the one that suits the data.
        length_samples: None for the recipe's own.
        options: of recipe and data.
    """

    name: str
    data: str
    recipe: str | None = None
    length_samples: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def command(self, length_samples: int | None) -> str:
        """The command line that trains it for so long."""
        length = {} if length_samples is None else {"length_samples": length_samples}
        words = [word for name, value in {**length, **self.options}.items() for word in flag(name, value)]
        return shlex.join(["zerosum", "train", *([self.recipe] if self.recipe else []), "--data", self.data, *words])


TABLE = (
    Picture("digits", "digits"),
    Picture("ring", "ring", "r3gan", 4_096_000),
    Picture("grid", "grid", "r3gan", 4_096_000, {"gamma": 4e-3}),
)


def main(words: Sequence[str] | None = None) -> None:
    """Make the pictures that are asked for, then the page."""
    asked = parse(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    for picture in TABLE:
        if any(fnmatchcase(picture.name, pattern) for pattern in asked.only):
            print(make(picture, asked.length_samples or picture.length_samples, asked.out), flush=True)
    (asked.out / "README.md").write_text(page(asked.out))


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python benchmarks/pictures.py", description=__doc__.split("\n\n")[0])
    names = [picture.name for picture in TABLE]
    parser.add_argument(
        "--only", nargs="+", default=["*"], metavar="NAME", help=f"names or patterns of {', '.join(names)}"
    )
    parser.add_argument("--length-samples", type=int, help="instead of each picture's own length")
    parser.add_argument("--out", type=Path, default=PICTURES, help="the folder of the pictures")
    asked = parser.parse_args(words)
    for pattern in asked.only:
        if not any(fnmatchcase(name, pattern) for name in names):
            parser.error(f"no picture is called {pattern!r}; there are {', '.join(names)}")
    return asked


def make(picture: Picture, length_samples: int | None, folder: Path) -> str:
    """Train, keep the last grid of samples, and say how long it took."""
    how = {"data": picture.data, **picture.options}
    if length_samples is not None:
        how["length_samples"] = length_samples
    path = folder / f"{picture.name}.png"
    with training(picture.recipe, **how) as (run, seconds):
        about = PngInfo()
        about.add_text("command", picture.command(length_samples))
        with Image.open(run.grid) as grid:
            grid.save(path, optimize=True, pnginfo=about)
    return f"{path}: {picture.command(length_samples)} ({seconds:.0f} s)"


def page(folder: Path) -> str:
    """The list of the pictures in a folder, in the order of the table."""
    paths = [folder / f"{picture.name}.png" for picture in TABLE]
    known = {path: command for path in paths if path.exists() and (command := command_of(path))}
    return HEAD + "".join(f"| [{path.stem}]({path.name}) | `{command}` |\n" for path, command in known.items())


def command_of(path: Path) -> str:
    """The command that a picture carries; empty where it carries none."""
    with Image.open(path) as picture:
        return str(picture.info.get("command", ""))


if __name__ == "__main__":
    main()
