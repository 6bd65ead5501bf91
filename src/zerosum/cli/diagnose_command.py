"""`zerosum diagnose RUN|FILE [--samples FOLDER --against DATA] [--spectral] [--out PAGE]`."""

import json

from rich.text import Text

from zerosum.cli.flags import Flag, parse
from zerosum.cli.output import show

FLAGS = [
    Flag("subject", str | None, None, "A run, or a CSV or JSONL of another program's losses.", "RUN|FILE", True),
    Flag("samples", str | None, None, "Another program's samples: a folder of images, a .zip, .npz or .npy.", "PATH"),
    Flag("against", str | None, None, "Real data to hold these samples against: a name or a path.", "DATA"),
    Flag("spectral", bool, False, "Also give the spectral norm of every weight of a run's networks."),
    Flag("checkpoint", str | None, None, "Of spectral norms: best, or samples seen; none: the newest.", "best|NUMBER"),
    Flag("out", str | None, None, "A page to write: findings, evidence and pictures in one HTML file.", "PAGE.html"),
    Flag("json", bool, False, "Print a document, and nothing else, on standard output."),
    Flag("list", bool, False, "Name all that can be found and stop."),
]
DESCRIPTION = """Say what went wrong in a training, since when, by what evidence, why it may be and what helps: of a
run, from its log, or of another program's training, from its losses and samples."""


def run(words: list[str]) -> None:
    """Diagnose and print; whatever is found, that is no failure."""
    values = parse({"": FLAGS}, words, command="diagnose", description=DESCRIPTION)
    as_json, listed = (values.pop(name) for name in ("json", "list"))

    from zerosum import api
    from zerosum.runs.findings import diagnosis_page, kinds_list

    if listed:
        show(kinds_list())
        return
    found = api.diagnose(**values, progress=not as_json)
    show(Text(json.dumps(found.document(), indent=2)) if as_json else diagnosis_page(found))
