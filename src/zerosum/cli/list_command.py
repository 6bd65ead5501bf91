"""`zerosum list`."""

from zerosum.cli.flags import parse
from zerosum.cli.output import show


def run(words: list[str]) -> None:
    """Print every recipe and every source of data with one line about it."""
    from zerosum import recipes
    from zerosum.data import DATA
    from zerosum.runs.summary import table

    parse({}, words, command="list", description="All recipes and all data, one line each.")
    auto = {recipes.AUTO: "what suits your data and device, recipe and sizes; the doctor treats it"}
    show(table("recipes", recipes.names() | auto))
    show(
        table(
            "data",
            DATA | {"PATH": "a folder or .zip of images (sub-folders are classes), .npy, .npz, or IDX as of MNIST"},
        )
    )
