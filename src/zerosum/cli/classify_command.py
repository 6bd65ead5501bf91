"""`zerosum classify RUN [DATA] [--out X.csv]`."""

from pathlib import Path

from zerosum.cli.flags import Flag, parse
from zerosum.cli.options import RUN, run_named
from zerosum.cli.output import show

FLAGS = [
    RUN,
    Flag("data", str | None, None, "A name or a path; none: what the run held out.", "DATA", positional=True),
    Flag("out", Path | None, None, "Write the probability of every class, a line a sample.", "X.csv"),
    Flag("checkpoint", str | None, None, "best, or samples seen; none: the newest.", "best|NUMBER"),
]
DESCRIPTION = "Ask the classifier that a run has learned (acgan, sgan) for the classes of samples."


def run(words: list[str]) -> None:
    """Classify, print how many are of each class, and how many are found where that is known."""
    values = parse({"": FLAGS}, words, command="classify", description=DESCRIPTION)
    path, out = run_named(values.pop("run"), "classify"), values.pop("out")

    from zerosum import api
    from zerosum.runs.classifying import classes_table

    found = api.classify(path, values.pop("data"), out=out, **values)
    show(classes_table(found))
