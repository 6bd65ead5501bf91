"""The run directory: where it is, what stands in it, and how a person gets to see it."""

from zerosum.runs.directory import find_run, list_runs, new_run_directory, read_log, read_notes, read_plan
from zerosum.runs.report import write_report
from zerosum.runs.summary import places, plan_tables, summary

__all__ = [
    "find_run",
    "list_runs",
    "new_run_directory",
    "places",
    "plan_tables",
    "read_log",
    "read_notes",
    "read_plan",
    "summary",
    "write_report",
]
