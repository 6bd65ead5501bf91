"""Training from Python: train, several seeds at once, resume, and what would be trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zerosum.api.run import Run
from zerosum.games import Game
from zerosum.importing import import_weights as read_published
from zerosum.recipes import AUTO
from zerosum.recipes.options import Recipe
from zerosum.runs.checking import Check, chosen_for
from zerosum.runs.commands import DOCTOR, EVALUATION, TRAINING
from zerosum.runs.directory import find_run, read_plan, refuse_taken
from zerosum.runs.doctoring import Doctoring
from zerosum.runs.judging import Wishes
from zerosum.runs.playing import Training, planned, prepare
from zerosum.runs.resuming import settle_again
from zerosum.runs.seeds import seeded, train_side_by_side
from zerosum.runs.setup import Setup, parted, settle, split
from zerosum.runs.setup import recommend as recommend_for
from zerosum.training.devices import refuse_uneven
from zerosum.training.observers import Observer
from zerosum.training.plan import Plan


def train(
    recipe: str | Recipe | Plan | Game | None = None,
    *,
    data: Any = "digits",
    out: str | Path | None = None,
    length_samples: int | None = None,
    seed: int = 0,
    device: str = "auto",
    devices: int = 1,
    precision: str = "auto",
    compile: str = "auto",
    microbatch: int | None = None,
    evaluate: str | Sequence[str] = "auto",
    best: str | None = None,
    patience: int | None = None,
    evaluate_every_samples: int | None = None,
    evaluate_n: int | None = None,
    evaluate_share: float = 0.05,
    doctor: str | None = None,
    doctor_switch: bool = True,
    doctor_every_samples: int | None = None,
    observers: Sequence[Observer] = (),
    progress: bool = True,
    **options: Any,
) -> Run:
    """Train a recipe on data.

    Args:
        recipe: a name (`zerosum list`), `auto` for the recipe and sizes that `check` recommends, a function
            `(space, *, …) -> Plan`, a `Plan` or a `Game` of your own, or None for one that suits the data.
        data: a name, a path, an array, a tensor, two of them as `(images, labels)`, a data set with length and index,
            or a `Data`.
        out: the run directory; by default a new one under `runs/`.
        length_samples: real samples seen when the training ends.
        seed: of all randomness.
        device: `auto`, `cpu`, `cuda` or `mps`.
        devices: processes on this machine, one device each.
        precision: `auto`, `float32` or `bfloat16`.
        compile: whether losses are compiled: `on`, `off`, or `auto`, where the training is long enough for it.
        microbatch: samples of a batch that are worked on at a time, at most, so that it fits the memory; gradients are
            added up. None: the whole batch, and less when memory runs out.
        evaluate: what is measured on the way: `auto`, `off`, or names of metrics; see docs/metrics.md.
        best: the metric that tells the best checkpoint, which is kept.
        patience: evaluations without a better one after which the training ends.
        evaluate_every_samples, evaluate_n: how often, and of how many samples; None: as the time allows.
        evaluate_share: of the training's time that evaluations may take.
        doctor: `watch`: signals and findings go into the log, and what is serious is told; `treat`: and something is
            done about it; or `off`; see docs/doctor.md. None: `treat` for `auto`, else `watch`.
        doctor_switch: whether treatment may put another recipe, and so another loss, in the place of one that fails.
        doctor_every_samples: between two looks; None: fifty in all, and never more often than the time allows.
        observers: called at their times.
        progress: whether progress is shown.
        options: of the data (`zerosum.data.DataOptions`) and of the recipe, and `generator` and `critic`, networks of
            your own for a recipe of a pair.

    Raises:
        UserError: something given cannot be used; nothing was written.
        TrainingFailed: training cannot go on.
        Interrupted: a signal ended it, after a whole round or at once.
    """
    wishes = Wishes(
        evaluate=evaluate,
        best=best,
        patience=patience,
        evaluate_every_samples=evaluate_every_samples,
        evaluate_n=evaluate_n,
        evaluate_share=evaluate_share,
    )
    usual = "treat" if recipe == AUTO else "watch"
    doctoring = Doctoring(
        doctor=usual if doctor is None else doctor,
        doctor_switch=doctor_switch,
        doctor_every_samples=doctor_every_samples,
    )
    name, chosen, checked = chosen_for(recipe, data, options, device=device, progress=progress)
    setup = settle(
        name,
        data,
        chosen | options,
        length_samples=length_samples,
        seed=seed,
        device=device,
        devices=devices,
        precision=precision,
        compile=compile,
        microbatch=microbatch,
        progress=progress,
    )
    training = prepare(setup, wishes, doctoring, observers, progress, checked)
    path, played = training.begin(out)
    return _played(played, path)


def train_seeds(
    recipe: str | None = None,
    *,
    seeds: int,
    data: Any = "digits",
    out: str | Path | None = None,
    observers: Sequence[Observer] = (),
    progress: bool = True,
    **how: Any,
) -> list[Run]:
    """Train the same with many seeds, side by side: what one launch computes, it computes for all of them.

    Each becomes a run of its own, as if it had been trained alone, up to the rounding of sums.

    Args:
        recipe: a name.
        seeds: how many; from `seed` up.
        data: as for `train`, like all below.
        out: the new directory of all; by default one under `runs/`. The runs are `seed-0`, `seed-1`, … in it.
        observers: called for every seed.
        progress: whether progress is shown.
        how: everything else that `train` takes.

    Raises:
        UserError: something given cannot be used; nothing was written.
        TrainingFailed: nothing can be written.
        Interrupted: a signal ended it, after a whole round or at once.
    """
    setup, wishes, doctoring, checked = _settled(recipe, data, how, progress)
    trainings = [prepare(one, wishes, doctoring, observers, progress, checked) for one in seeded(setup, seeds)]
    return [_played(*played) for played in zip(trainings, train_side_by_side(trainings, out), strict=True)]


def describe(
    recipe: str | None = None,
    *,
    data: Any = "digits",
    out: str | Path | None = None,
    seeds: int | None = None,
    **how: Any,
) -> dict[str, Any]:
    """What `train`, or with `seeds` `train_seeds`, would do, as the content of `plan.json`; nothing is written.

    Raises:
        UserError: they would refuse it.
    """
    setup, wishes, doctoring, _ = _settled(recipe, data, how, progress=False)
    plan = setup.plan()
    refuse_uneven(plan.batch_size, setup.devices)
    if out is not None:
        refuse_taken(Path(out))
    if seeds is not None:
        setup = seeded(setup, seeds)[0]
    return planned(setup, plan, wishes, doctoring)


def _settled(
    recipe: str | None, data: Any, how: Mapping[str, Any], progress: bool
) -> tuple[Setup, Wishes, Doctoring, Check | None]:
    """What flat arguments ask for, and the check that it was chosen by."""
    training, rest = parted(how, TRAINING)
    wishes, rest = parted(rest, EVALUATION)
    doctor, options = parted(rest, DOCTOR)
    device = training.get("device", "auto")
    name, chosen, checked = chosen_for(recipe, data, options, device=device, progress=progress)
    setup = settle(name, data, chosen | options, **training, progress=progress)
    doctoring = Doctoring(**{"doctor": "treat" if recipe == AUTO else "watch", **doctor})
    return setup, Wishes(**wishes), doctoring, checked


def resume(
    run: str | Path | Run,
    *,
    length_samples: int | None = None,
    device: str | None = None,
    devices: int | None = None,
    recipe: Recipe | Plan | Game | None = None,
    data: Any = None,
    observers: Sequence[Observer] = (),
    progress: bool = True,
    **options: Any,
) -> Run:
    """Go on with a run from its newest whole checkpoint.

    Args:
        run: a name under `runs/`, or a path.
        length_samples: a new length, when it shall go on for longer.
        device, devices: where, if elsewhere than before.
        recipe, data: once more what the run was given, where it came from Python.
        observers, progress: as in `train`.
        options: `evaluate`, `best`, `patience`, `evaluate_every_samples`, `evaluate_n` and `evaluate_share` change how
            the run is evaluated from here on, and `doctor` who looks after it; others are only compared with the
            run's, and another value is refused.

    Raises:
        UserError: the run cannot be resumed like this; it is as it was.
        Interrupted: a signal ended it, after a whole round or at once.
    """
    path = run.path if isinstance(run, Run) else find_run(run)
    document = read_plan(path)
    changes, rest = parted(options, EVALUATION)
    care, given = parted(rest, DOCTOR)
    setup = settle_again(
        path,
        document,
        given,
        recipe=recipe,
        data=data,
        device=device,
        devices=devices,
        length_samples=length_samples,
        progress=progress,
    )
    wishes, doctoring = replace(Wishes.recorded(document), **changes), replace(Doctoring.recorded(document), **care)
    training = prepare(setup, wishes, doctoring, observers, progress)
    evaluation = {"evaluation": training.document["evaluation"]} if changes else {}
    doctor = {"doctor": training.document["doctor"]} if care else {}
    moved = {"data": document["data"] | {"name": setup.data.name}}
    return _played(training.resume(path, document | evaluation | doctor | moved), path)


def _played(training: Training, path: Path) -> Run:
    """A run that was just played, with its players where no file can describe them."""
    return Run(path, training.plan.game if training.setup.own else None)


def import_weights(file: str | Path, *, out: str | Path | None = None) -> Run:
    """Read published weights of StyleGAN2 as a run, without executing anything that the file asks for.

    Args:
        file: `.pkl` of stylegan2-ada-pytorch or stylegan3, or `.pt` of rosinality's stylegan2-pytorch.
        out: the run directory; by default a new one under `runs/`.

    Raises:
        UserError: the file wants to run something, is damaged or holds other networks; nothing was written.
    """
    return Run(read_published(Path(file), out))


def recommend(data: str, **options: Any) -> str:
    """The recipe that `train` takes for data when none is named."""
    data_options, _ = split(options)
    return recommend_for(data, data_options)
