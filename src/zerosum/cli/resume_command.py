"""`zerosum resume RUN [--length-samples …]`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from zerosum.cli import train_command
from zerosum.cli.flags import Flag, Groups, free_words, given, parse
from zerosum.cli.options import DEVICE, DEVICES, RUN, Device, run_named, with_defaults
from zerosum.cli.output import show
from zerosum.runs import places, read_plan
from zerosum.runs.directory import Plan, run_at

LENGTH = Flag("length_samples", int | None, None, "New length of the whole training; none: as planned.")
WHERE = [
    replace(DEVICE, type=Device | None, default=None, help="Where to train; none: as before."),
    replace(DEVICES, type=int | None, default=None, help="How many of them; none: as before."),
]
OF_ANOTHER = {train_command.RECIPE.name, train_command.DRY_RUN.name}
"""Flags of `train` that ask for another training, or for none."""

DESCRIPTION = """Go on with a run. Only its length, where it runs, how it is evaluated and whether the doctor looks
after it can change: an option that shapes the training is refused unless it is the run's own."""


def run(words: list[str]) -> None:
    """Resume, then say where everything is."""
    from zerosum import api

    named = word_of_run(words)
    asks = {"-h", "--help"} & set(words)
    groups = flag_groups(None if asks and named is None else plan_of(named))
    values = parse(groups, words, command="resume", description=DESCRIPTION)
    changes = given(values, groups)
    path = run_named(changes.pop("run"), "resume")
    show(places(api.resume(path, **changes).path))


def word_of_run(words: Sequence[str]) -> str | None:
    """The word that names the run, told before it is known which flags take how many values: the first that is one."""
    free = free_words(words)
    return next((word for word in [*free, *words] if run_at(word) is not None), next(iter(free), None))


def plan_of(named: str | None) -> Plan:
    """The plan of the run of this name.

    Raises:
        UserError: there is no such run, or the command line cannot go on with it.
    """
    from zerosum.runs.resuming import refuse_imported, refuse_made_in_python

    path = run_named(named, "resume")
    plan = read_plan(path)
    refuse_imported(path, plan)
    refuse_made_in_python(path, plan)
    return plan


def flag_groups(plan: Plan | None) -> Groups:
    """All flags of `train`, with the run's values as defaults."""
    from zerosum import recipes

    common = [RUN, LENGTH, *WHERE]
    if plan is None or plan["recipe"] not in recipes.names():
        return {"": common}
    (_, training), (_, own), *others = train_command.flag_groups(plan["recipe"]).items()
    names = {flag.name for flag in common}
    recorded = {
        "": plan["training"] | {"data": plan["data"]["name"]},
        "data": plan["data"].get("options", {}),
        "evaluation": plan.get("evaluation", {}),
        "doctor": plan.get("doctor", {"doctor": "off"}),
    }
    return {
        "": [*common, *with_defaults(without(training, names | OF_ANOTHER), recorded[""])],
        plan["recipe"]: with_defaults(without(own, names), plan["options"]),
        **{title: with_defaults(flags, recorded[title]) for title, flags in others},
    }


def without(flags: Iterable[Flag], names: set[str]) -> list[Flag]:
    """The flags of other names."""
    return [flag for flag in flags if flag.name not in names]
