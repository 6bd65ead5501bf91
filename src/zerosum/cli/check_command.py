"""`zerosum check DATA [--resolution …] [--out PAGE]`."""

import json

from rich.text import Text

from zerosum.cli.flags import Flag, given, parse
from zerosum.cli.options import Device, data_flags
from zerosum.cli.output import show
from zerosum.errors import UserError

FLAGS = [
    Flag("data", str | None, None, "A name (see `zerosum list`) or a path.", "DATA", positional=True),
    Flag("device", Device, "auto", "Where the training will be; auto: the fastest there is."),
    Flag("out", str | None, None, "A page to write: findings, evidence and pictures in one HTML file.", "PAGE.html"),
    Flag("json", bool, False, "Print a document, and nothing else, on standard output."),
]
DESCRIPTION = """Examine a data set before it is trained on: copies, empty images, balance, value range, doubtful
labels, leakage between splits, diversity; and recommend how to train on it."""


def run(words: list[str]) -> None:
    """Examine and print; whatever is found, that is no failure."""
    of_data = data_flags()
    values = parse({"": FLAGS, "data": of_data}, words, command="check", description=DESCRIPTION)
    if values["data"] is None:
        raise UserError("Which data? zerosum check DATA, where DATA is a name (zerosum list) or a path.")

    from zerosum import api
    from zerosum.runs.checking import check_page

    options = given(values, {"data": of_data}, words)
    found = api.check(
        values["data"], device=values["device"], out=values["out"], progress=not values["json"], **options
    )
    show(Text(json.dumps(found.document(), indent=2)) if values["json"] else check_page(found))
