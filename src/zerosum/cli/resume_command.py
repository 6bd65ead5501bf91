"""`zerosum resume RUN [--length-samples …]`."""

from dataclasses import replace

from zerosum.cli.flags import Flag, Groups, free_words, given, parse
from zerosum.cli.options import (
    DEVICE,
    DEVICES,
    DOCTOR,
    EVALUATION,
    PRECISION,
    RUN,
    SEED,
    Device,
    data_flags,
    recipe_flags,
    run_named,
    with_defaults,
)
from zerosum.cli.output import show
from zerosum.runs import places, read_plan
from zerosum.runs.directory import Plan

LENGTH = Flag("length_samples", int | None, None, "New length of the whole training; none: as planned.")
WHERE = [
    replace(DEVICE, type=Device | None, default=None, help="Where to train; none: as before."),
    replace(DEVICES, type=int | None, default=None, help="How many of them; none: as before."),
]

DESCRIPTION = """Go on with a run. Only its length, where it runs, how it is evaluated and whether the doctor looks
after it can change: an option that shapes the training is refused unless it is the run's own."""


def run(words: list[str]) -> None:
    """Resume, then say where everything is."""
    from zerosum import api

    named = next(iter(free_words(words)), None)
    asks = {"-h", "--help"} & set(words)
    groups = flag_groups(None if asks and named is None else read_plan(run_named(named, "resume")))
    values = parse(groups, words, command="resume", description=DESCRIPTION)
    changes = given(values, groups)
    path = run_named(changes.pop("run"), "resume")
    show(places(api.resume(path, **changes).path))


def flag_groups(plan: Plan | None) -> Groups:
    """The flags of a resume; those that shaped the run have its values as defaults."""
    from zerosum import recipes

    common = [RUN, LENGTH, *WHERE]
    if plan is None or plan["recipe"] not in recipes.names():
        return {"": common}
    own = [flag for flag in recipe_flags(plan["recipe"]) if flag.name != LENGTH.name]
    names = {flag.name for flag in [*common, *own]}
    data = [flag for flag in data_flags() if flag.name not in names]
    return {
        "": [*common, *with_defaults([SEED, PRECISION], plan["training"])],
        plan["recipe"]: with_defaults(own, plan["options"]),
        "data": with_defaults(data, plan["data"].get("options", {})),
        "evaluation": with_defaults(EVALUATION, plan.get("evaluation", {})),
        "doctor": with_defaults(DOCTOR, plan.get("doctor", {"doctor": "off"})),
    }
