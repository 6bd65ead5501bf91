"""`zerosum explore RUN --what interpolate|truncate|mix|arithmetic|directions|invert|edit|nearest|codes [--out X]`."""

from pathlib import Path
from typing import Any

from rich.text import Text

from zerosum.cli.flags import Flag, Groups, given, parse
from zerosum.cli.options import RUN, Device, declared_flags, run_named
from zerosum.cli.output import show
from zerosum.cli.train_command import named_value

WHAT = Flag("what", str, "interpolate", "How to look; see above.", "WHAT")
COMMON = [
    RUN,
    WHAT,
    Flag("out", Path | None, None, "A grid (.png), its columns in turn (.gif, .mp4) or arrays (.npz); none: a grid."),
    Flag("checkpoint", str | None, None, "best, or samples seen; none: the newest.", "best|NUMBER"),
    Flag("sampler", str | None, None, "Which of the model's samplers, where it has several."),
    Flag("device", Device, "auto", "Where samples are made; auto: the fastest there is."),
]
DESCRIPTION = """Walk through the latents of a trained generator. --what is one of: {whats}. This page shows the options
of {what!r}; those of another: zerosum explore --what WHAT --help."""


def run(words: list[str]) -> None:
    """Look, write what is seen, and say where it is and what the rows are."""
    from zerosum import api
    from zerosum.latents.ways import WAYS, way

    what = named_value(words, WHAT.spelling) or WHAT.default
    groups: Groups = {"": COMMON, what: declared_flags(way(what))}
    asks = {"-h", "--help"} & set(words)
    about = DESCRIPTION.format(whats=", ".join(WAYS), what=what)
    values = parse(groups, ["--help"] if asks else words, command="explore", description=about)
    path = run_named(values["run"], "explore")
    options = {name: value for name, value in given(values, groups, words).items() if name not in ("run", "what")}
    out = options.pop("out", None) or path / picture_name(what, options)
    found = api.explore(path, what, out=out, **options)
    show(Text("\n".join([*found.captions, f"{what}: {out}"])))


def picture_name(what: str, options: dict[str, Any]) -> str:
    """A name that tells what was asked for, so that another request does not overwrite it.

    >>> picture_name("mix", {"rows": 3, "label": "7"})
    'explored-mix-rows-3-label-7.png'
    """
    words = [word for name, value in options.items() for word in (name, str(value))]
    return "-".join("".join(c if c.isalnum() else "_" for c in word) for word in ["explored", what, *words]) + ".png"
