"""`zerosum show RUN`."""

from zerosum.cli.flags import parse
from zerosum.cli.options import RUN, run_named
from zerosum.cli.output import show
from zerosum.runs import summary


def run(words: list[str]) -> None:
    """Print what a run is and how far it came."""
    values = parse({"": [RUN]}, words, command="show", description="What a run is and how far it came.")
    show(summary(run_named(values["run"], "show")))
