"""`zerosum train [RECIPE] [--data …] [options]`."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from zerosum.cli.flags import Flag, Groups, free_words, given, parse
from zerosum.cli.options import (
    COMPILE,
    DEVICE,
    DEVICES,
    DOCTOR,
    EVALUATION,
    MICROBATCH,
    PRECISION,
    SEED,
    data_flags,
    recipe_flags,
    with_defaults,
)
from zerosum.cli.output import show
from zerosum.errors import UserError, choose
from zerosum.recipes import AUTO

RECIPE = Flag(
    "recipe",
    str | None,
    None,
    "A name (see `zerosum list`); auto: and its sizes; none: what suits the data.",
    "[RECIPE]",
    positional=True,
)
DATA = Flag("data", str, "digits", "A name (see `zerosum list`), a folder or archive of images, an array, hf:NAME.")
OUT = Flag("out", str | None, None, "Directory of the new run; none: the next free name under runs/.")
DRY_RUN = Flag("dry_run", bool, False, "Print the resolved plan and stop.")
SEEDS = Flag("seeds", int | None, None, "So many seeds from --seed up, side by side: a run each.")
COMMON = [RECIPE, DATA, OUT, SEED, SEEDS, DEVICE, DEVICES, PRECISION, COMPILE, MICROBATCH, DRY_RUN]

DESCRIPTION = """Train a model on data. This page shows the options of the recipe {recipe!r}; those of another:
zerosum train RECIPE --help."""


def run(words: list[str]) -> None:
    """Train, then say where everything is."""
    from zerosum import api
    from zerosum.runs import places, plan_tables

    automatic, words = without_auto(words)
    recipe = resolved_recipe(words)
    groups = flag_groups(recipe, automatic)
    asks = {"-h", "--help"} & set(words)
    values = parse(
        groups, ["--help"] if asks else words, command="train", description=DESCRIPTION.format(recipe=recipe)
    )
    if automatic and values["recipe"] is not None:
        raise UserError(f"auto chooses the recipe: leave {values['recipe']!r} out, or auto.")
    if values["recipe"] not in (None, recipe):
        raise UserError(f"Name the recipe first: zerosum train {values['recipe']} …")
    options = given(values, groups, words) | {"recipe": AUTO if automatic else recipe}
    if options.pop("dry_run", False):
        show(plan_tables(api.describe(**options)))
    elif "seeds" in options:
        for run in api.train_seeds(**options):
            print(run.path)
    else:
        show(places(api.train(**options).path))


def without_auto(words: list[str]) -> tuple[bool, list[str]]:
    """Whether everything is left to zerosum, and the other words.

    >>> without_auto(["auto", "--data", "digits"]), without_auto(["gan", "--precision", "auto"])
    ((True, ['--data', 'digits']), (False, ['gan', '--precision', 'auto']))
    """
    return (True, words[1:]) if words[:1] == [AUTO] else (False, words)


def flag_groups(recipe: str, automatic: bool = False) -> Groups:
    """All flags of a training with `recipe`; what is left to zerosum is treated."""
    own, care = recipe_flags(recipe), with_defaults(DOCTOR, {"doctor": "treat"} if automatic else {})
    taken = {flag.name for flag in [*COMMON, *EVALUATION, *DOCTOR, *own]}
    data = [flag for flag in data_flags() if flag.name not in taken]
    return {"": COMMON, recipe: own, "data": data, "evaluation": EVALUATION, "doctor": care}


def resolved_recipe(words: Sequence[str]) -> str:
    """The recipe that a command line names, or else the one that suits its data.

    Raises:
        UserError: its first word is no flag and no recipe either.
    """
    from zerosum import api, recipes

    names = recipes.names()
    if words and not words[0].startswith("-"):
        choose("recipe", words[0], {**names, AUTO: ""})
    about = {name: value for name in ("data", "target") if (value := named_value(words, f"--{name}")) is not None}
    return named_recipe(words, names) or api.recommend(**{"data": DATA.default} | about)


def named_recipe(words: Sequence[str], names: Collection[str]) -> str | None:
    """The first word that is a recipe and not the value of a flag (`--network dcgan`)."""
    switches = {DRY_RUN.spelling, *(flag.spelling for flag in data_flags() if flag.type is bool)}
    return next((word for word in free_words(words, switches) if word in names), None)


def named_value(words: Sequence[str], spelling: str) -> str | None:
    """The last value given to a flag, read before all flags are known."""
    behind = [value for word, value in pairwise(words) if word == spelling]
    behind += [word.split("=", 1)[1] for word in words if word.startswith(f"{spelling}=")]
    return behind[-1] if behind else None
