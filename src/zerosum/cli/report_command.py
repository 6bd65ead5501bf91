"""`zerosum report RUN`."""

from zerosum.cli.flags import parse
from zerosum.cli.options import RUN, run_named
from zerosum.cli.output import show
from zerosum.runs import write_report


def run(words: list[str]) -> None:
    """Write the report page and say where it is."""
    values = parse({"": [RUN]}, words, command="report", description="Write a run's report page anew.")
    show(str(write_report(run_named(values["run"], "report"))))
