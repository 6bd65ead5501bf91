"""`zerosum import FILE [--out RUN]`."""

from pathlib import Path

from zerosum.cli.flags import Flag, parse
from zerosum.cli.output import show
from zerosum.errors import UserError

FLAGS = [
    Flag(
        "file",
        str | None,
        None,
        "A .pkl of stylegan2-ada-pytorch or stylegan3, or a .pt of rosinality's.",
        "FILE",
        positional=True,
    ),
    Flag("out", Path | None, None, "The new run directory; none: the next free one under runs/.", "RUN"),
]
DESCRIPTION = "Read published StyleGAN2 or StyleGAN3 weights as a run, without executing anything of the file."


def run(words: list[str]) -> None:
    """Import, say where the run is and what it can be used for."""
    values = parse({"": FLAGS}, words, command="import", description=DESCRIPTION)
    if values["file"] is None:
        raise UserError("Which file? zerosum import FILE.pkl")

    from zerosum import api

    made = api.import_weights(values["file"], out=values["out"])
    carried = made.plan["imported"]["networks"]
    lines = [f"{name}: {source}" for name, source in carried.items()]
    show(
        "\n".join(
            [*lines, f"run: {made.path}", f"next: zerosum sample {made.path}", f"      zerosum explore {made.path}"]
        )
    )
