"""The pictures of docs/latents.md: a generator of digits, trained for about a minute, looked at in every way.

A picture carries the command that made it, but for the names of the run and of the folder of pictures.
"""

import argparse
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import zerosum
from trainings import training
from zerosum.draw import Draw
from zerosum.runs.commands import flag

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "latents"
LENGTH = 20_000
HELD_OUT = (0, 36, 108, 180)
"""Which held-out digits are inverted."""
TABLE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "interpolate": ("interpolate", {"rows": 6}),
    "truncate": ("truncate", {"rows": 4}),
    "sefa": ("directions", {"count": 5}),
    "ganspace": ("directions", {"count": 5, "by": "ganspace"}),
    "labels": ("directions", {"count": 5, "positive": "7", "negative": "1"}),
    "arithmetic": ("arithmetic", {"expression": "7 - 1 + 4"}),
    "invert": ("invert", {"picture": "digits/"}),
    "edit": ("edit", {"picture": "digits/", "positive": "0"}),
    "nearest": ("nearest", {"rows": 5}),
}
"""By name of the file: how is looked, and with which options."""


def main(words: Sequence[str] | None = None) -> None:
    """Train once, and make the pictures that are asked for."""
    parser = argparse.ArgumentParser(prog="python benchmarks/latents_pictures.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", default=list(TABLE), choices=list(TABLE), metavar="NAME")
    parser.add_argument("--length-samples", type=int, default=LENGTH, help="of the training")
    parser.add_argument("--run", type=Path, help="an earlier one, instead of a new training")
    parser.add_argument("--out", type=Path, default=PICTURES, help="the folder of the pictures")
    asked = parser.parse_args(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    unwatched = {"evaluate": "off", "doctor": "off"}
    if asked.run is not None:
        look(zerosum.Run(asked.run), asked.only, asked.out)
        return
    with training("r3gan", data="digits", length_samples=asked.length_samples, **unwatched) as (played, seconds):
        print(f"trained in {seconds:.0f} s", flush=True)
        look(played, asked.only, asked.out)


def look(played: zerosum.Run, names: Sequence[str], out: Path) -> None:
    """Make the pictures of these names."""
    with tempfile.TemporaryDirectory() as digits:
        write_digits(played, Path(digits))
        for name in names:
            print(make(played, name, Path(digits), out), flush=True)


def write_digits(played: zerosum.Run, folder: Path) -> None:
    """Some held-out digits as files."""
    data = played.latents(progress=False).data
    real = data.held_out.batch(torch.tensor(HELD_OUT), Draw("held out")).real
    data.space.save_each(real, folder, [f"{place:03d}" for place in HELD_OUT])


def make(played: zerosum.Run, name: str, digits: Path, folder: Path) -> Path:
    """One picture, with its command."""
    what, options = TABLE[name]
    given = {**options, **({"picture": str(digits)} if "picture" in options else {})}
    path = folder / f"{name}.png"
    zerosum.explore(played, what, out=path, device="cpu", progress=False, **given)
    words = [word for option, value in options.items() for word in flag(option, value)]
    about = PngInfo()
    about.add_text("command", shlex.join(["zerosum", "explore", "RUN", "--what", what, *words]))
    with Image.open(path) as picture:
        picture.load()
        picture.save(path, optimize=True, pnginfo=about)
    return path


if __name__ == "__main__":
    main()
