"""`zerosum evaluate RUN|FILE|FOLDER [--against DATA] [--metrics …]`."""

from pathlib import Path
from typing import Literal

from rich.console import RenderableType
from rich.text import Text

from zerosum.cli.flags import Flag, parse
from zerosum.cli.options import TRUNCATION, Device
from zerosum.cli.output import show, write_text
from zerosum.errors import UserError

Features = Literal["auto", "classifier", "inception", "dinov2", "clip", "raw"]
Split = Literal["held-out", "train", "all"]

FLAGS = [
    Flag(
        "samples",
        str | None,
        None,
        "A run, a folder of images (sub-folders are classes), a .zip, .npz or .npy.",
        "RUN|FILE|FOLDER",
        positional=True,
    ),
    Flag("against", str | None, None, "Real data: a name or a path; none: the run's own.", "DATA"),
    Flag("split", Split, "held-out", "Which of the real samples."),
    Flag("metrics", str | None, None, "Names with commas between them (see --list); none: all that can be had.", "A,B"),
    Flag("features", Features, "auto", "The feature network; auto: classifier for images, raw for points."),
    Flag("weights", str | None, None, "Weights of the feature network: a file (inception), a folder.", "PATH"),
    Flag("n", int | None, None, "Samples to make, or to take of a file; none: about as many as are real, or all."),
    Flag("seed", int, 0, "Of all that is drawn."),
    Flag(
        "time_limit", float | None, None, "About so many seconds: fewer samples, and only metrics that fit.", "SECONDS"
    ),
    Flag("checkpoint", str | None, None, "Of a run: best, or samples seen; none: the newest.", "best|NUMBER"),
    Flag("sampler", str | None, None, "Which of the run's samplers (translation has one for each direction)."),
    *TRUNCATION,
    Flag("device", Device, "auto", "Where samples are made and looked at; auto: the fastest there is."),
    Flag("json", bool, False, "Print the records, and nothing else, on standard output."),
    Flag("out", Path | None, None, "Write the records into this file, too.", "X.json"),
    Flag("list", bool, False, "Name all metrics and stop."),
]
DESCRIPTION = """Measure how good generated samples are, against held-out real ones. What is found of a run is
kept in it and shown by its report."""


def run(words: list[str]) -> None:
    """Measure, print, and say where the report is."""
    values = parse({"": FLAGS}, words, command="evaluate", description=DESCRIPTION)
    as_json, out, listed = (values.pop(name) for name in ("json", "out", "list"))
    if listed:
        show(metric_list())
        return
    if values["samples"] is None:
        raise UserError("What is to be measured? zerosum evaluate RUN, or a file or folder of samples.")
    names = values.pop("metrics")
    values["metrics"] = None if names is None else [name for name in names.split(",") if name.strip()]

    from zerosum import api
    from zerosum.metrics.records import to_text
    from zerosum.runs.figures import records_table

    records = api.evaluate(values.pop("samples"), **values)
    if out is not None:
        write_text(out, to_text(records) + "\n")
    show(Text(to_text(records)) if as_json else records_table(records))


def metric_list() -> RenderableType:
    """All metrics, a line each."""
    from zerosum.metrics import registry
    from zerosum.runs.summary import table

    return table("metrics", registry.listed())
