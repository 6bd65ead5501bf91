"""`zerosum compare A B … [--metrics …] [--out compare.html]`."""

from pathlib import Path

from rich.text import Text

from zerosum.cli.flags import Flag, parse
from zerosum.cli.output import show

FLAGS = [
    Flag("subjects", tuple[str, ...], (), "Runs, or .json files of records; two or more.", "A B …", positional=True),
    Flag("metrics", str | None, None, "Only these, with commas between them.", "A,B"),
    Flag("out", Path, Path("compare.html"), "The page."),
]


def run(words: list[str]) -> None:
    """Compare, print, and say where the page is."""
    values = parse({"": FLAGS}, words, command="compare", description="Runs side by side, as a table and a page.")
    names = values["metrics"]
    metrics = None if names is None else [name.strip() for name in names.split(",") if name.strip()]

    from zerosum import api

    found = api.compare(values["subjects"], metrics=metrics, out=values["out"])
    show(found.table())
    show(Text(f"\n{values['out']}"))
