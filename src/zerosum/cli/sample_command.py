"""`zerosum sample RUN [--n] [--seed] [--label] [--out X] [--compile]`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from zerosum.cli.flags import Flag, parse
from zerosum.cli.options import COMPILE, RUN, TRUNCATION, run_named
from zerosum.cli.output import show

FLAGS = [
    RUN,
    Flag("n", int, 64, "How many samples."),
    Flag("seed", int, 0, "Of the latents: the same seed gives the same samples."),
    Flag("label", str | None, None, "Only this class, by name or number."),
    *TRUNCATION,
    Flag("out", Path | None, None, "A picture (.png), an array (.npz) or a folder (a file a sample); none: a picture."),
    Flag("live", bool, False, "Use the generator as trained last, not its average."),
    Flag("checkpoint", str | None, None, "best, or samples seen; none: the newest.", "best|NUMBER"),
    Flag("sampler", str | None, None, "Which of the model's samplers (translation has one for each direction)."),
    replace(COMPILE, help="Compile the generator; auto: where so many samples are made that it pays."),
]


def run(words: list[str]) -> None:
    """Draw samples and say where they are."""
    values = parse({"": FLAGS}, words, command="sample", description="Draw samples from a run.")
    path = run_named(values.pop("run"), "sample")
    out = values["out"] or path / picture_name(values)

    from zerosum import api

    averaged = not values.pop("live")
    api.write_samples(path, **values | {"out": out, "averaged": averaged}, tell=show)
    show(f"{values['n']} samples: {out}")


def picture_name(values: dict[str, Any]) -> str:
    """A name that tells what was asked for, so that another request does not overwrite it.

    >>> picture_name({"n": 64, "seed": 0, "label": "7", "live": True, "sampler": None, "checkpoint": None})
    'drawn-64-seed-0-label-7-live.png'
    """
    words = ["drawn", str(values["n"]), "seed", str(values["seed"])]
    words += ["label", str(values["label"])] if values["label"] is not None else []
    truncation = {"psi": 1.0, "threshold": None}
    cut = {name: values[name] for name, whole in truncation.items() if values.get(name, whole) != whole}
    words += [word for name, value in cut.items() for word in (name, str(value))]
    words += [values["sampler"]] if values["sampler"] else []
    words += ["live"] if values["live"] else []
    words += ["at", str(values["checkpoint"])] if values["checkpoint"] is not None else []
    return "-".join("".join(c if c.isalnum() else "_" for c in word) for word in words) + ".png"
