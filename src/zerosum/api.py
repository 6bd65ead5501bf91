"""zerosum from Python: train, resume, sample, explore, evaluate, diagnose, compare."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from zerosum.data import DataOptions
from zerosum.errors import UserError, nearest
from zerosum.games import Game
from zerosum.importing import import_weights as read_published
from zerosum.latents import Exhibit, Explorer
from zerosum.latents import explore as look_around
from zerosum.latents.exhibit import refuse_ending
from zerosum.latents.sampling import WHOLE, truncated_samples, truncated_shown
from zerosum.latents.ways import STEPPING, way
from zerosum.metrics.evaluation import evaluate as judge
from zerosum.metrics.records import Record
from zerosum.metrics.statistics import FeatureNetwork
from zerosum.recipes import AUTO
from zerosum.recipes.options import Recipe
from zerosum.runs.checking import Check, chosen_for
from zerosum.runs.checking import check as check_data
from zerosum.runs.classifying import Classes
from zerosum.runs.classifying import classify as ask_classifier
from zerosum.runs.commands import DOCTOR, EVALUATION, TRAINING
from zerosum.runs.comparison import Comparison, comparison
from zerosum.runs.diagnosing import Diagnosis
from zerosum.runs.diagnosing import diagnose as diagnose_training
from zerosum.runs.diagnosing import store as store_findings
from zerosum.runs.directory import find_run, read_log, read_plan, refuse_taken
from zerosum.runs.doctoring import Doctoring
from zerosum.runs.evaluating import Given, feature_network, matter_of
from zerosum.runs.evaluations import store
from zerosum.runs.findings_page import write_check, write_diagnosis
from zerosum.runs.judging import Wishes
from zerosum.runs.playing import Training, planned, prepare
from zerosum.runs.report import write_report
from zerosum.runs.seeds import seeded, train_side_by_side
from zerosum.runs.setup import Setup, parted, settle, settle_again, split
from zerosum.runs.setup import recommend as recommend_for
from zerosum.runs.trained import Trained
from zerosum.runs.watching import watcher
from zerosum.runs.writing import Samples, joined, refuse_unwritable, write
from zerosum.training.devices import refuse_uneven, resolve_compile, resolve_device
from zerosum.training.observers import Observer
from zerosum.training.plan import Plan


@dataclass(frozen=True, init=False)
class Run:
    """A training on disk.

    Args:
        run: a name under `runs/`, or a path.
        game: the players, where they came from Python; the run can then be sampled from while this object lives.

    Attributes:
        path: its directory.
        game: see there.

    Raises:
        UserError: there is no such run.
    """

    path: Path
    game: Game | None = field(default=None, repr=False)

    def __init__(self, run: str | Path, game: Game | None = None) -> None:
        object.__setattr__(self, "path", find_run(run))
        object.__setattr__(self, "game", game)

    @property
    def plan(self) -> dict[str, Any]:
        """`plan.json`."""
        return read_plan(self.path)

    @property
    def log(self) -> list[dict[str, float | None]]:
        """The lines of the log, oldest first."""
        return read_log(self.path)

    @property
    def report(self) -> Path:
        """The report page."""
        return self.path / "report.html"

    @property
    def grid(self) -> Path:
        """The latest picture of samples."""
        pictures = [p for p in (self.path / "samples").glob("*.png") if p.stem.isdecimal()]
        return max(pictures, key=lambda picture: int(picture.stem), default=self.path / "samples")

    def sample(self, n: int = 64, **how: Any) -> Tensor:
        """`n` samples, `(n, *shape)`; see `zerosum.sample`."""
        return self.samples(n, **how).values

    def samples(self, n: int = 64, **how: Any) -> Samples:
        """`n` samples with their labels and how to save them."""
        return joined(self.pieces(n, **how))

    def pieces(
        self,
        n: int,
        *,
        checkpoint: int | str | None = None,
        psi: float = WHOLE,
        threshold: float | None = None,
        **how: Any,
    ) -> Iterator[Samples]:
        """The same piece by piece, as they are made; arguments as of `write_samples`."""
        if psi == WHOLE and threshold is None:
            return Trained(self.path, self.game, checkpoint).pieces(n, **how)
        if not how.get("averaged", True):
            raise UserError("psi and threshold truncate latents of the averaged generator, not of the live one.")
        explorer = self.latents(checkpoint=checkpoint, sampler=how.get("sampler"))
        asked = {name: value for name, value in how.items() if name not in ("averaged", "sampler", "compile", "tell")}
        return truncated_samples(explorer, n, psi=psi, threshold=threshold, **asked)

    def latents(self, **how: Any) -> Explorer:
        """Its generator, seen from its latents; `checkpoint`, `sampler`, `data`, `device` as of `zerosum.explore`."""
        return Explorer(self.path, self.game, **how)


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
        Interrupted: a signal ended it after a whole round.
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
        Interrupted: a signal ended it after a whole round.
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
        seeded(setup, seeds)
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


def sample(
    run: str | Path | Run,
    n: int = 64,
    *,
    seed: int = 0,
    label: int | str | None = None,
    psi: float = WHOLE,
    threshold: float | None = None,
    out: str | Path | None = None,
    averaged: bool = True,
    sampler: str | None = None,
    checkpoint: int | str | None = None,
) -> Tensor:
    """Samples of a trained run, `(n, *shape)`, in network values.

    Args:
        run: a name under `runs/`, or a path.
        n: how many.
        seed: the same seed gives the same samples.
        label: a class by name or number, where the model knows classes; None goes through them in turn.
        psi: truncation: what is left of the distance of latents, or styles, from their mean.
        threshold: truncation of normal latents beyond so many deviations; see docs/latents.md.
        out: where to write them: `.png` a grid, `.npz` arrays, no ending a folder with a file a sample.
        averaged: whether the averaged generator makes them, or the live one.
        sampler: which way of sampling, where a game has several (`A2B`, `B2A`).
        checkpoint: samples seen, `best`, or None for the newest.

    Raises:
        UserError: no such run, class, sampler or checkpoint, or `out` cannot be written.
    """
    opened = run if isinstance(run, Run) else Run(run)
    how: dict[str, Any] = {"averaged": averaged, "sampler": sampler, "checkpoint": checkpoint}
    samples = opened.samples(n, seed=seed, label=label, psi=psi, threshold=threshold, **how)
    if out is not None:
        samples.save(Path(out))
    return samples.values


def explore(
    run: str | Path | Run,
    what: str = "interpolate",
    *,
    out: str | Path | None = None,
    checkpoint: int | str | None = None,
    sampler: str | None = None,
    data: Any = None,
    device: str = "auto",
    progress: bool = True,
    **options: Any,
) -> Exhibit:
    """Walk through the latents of a trained generator; see docs/latents.md.

    Args:
        run: a name under `runs/`, or a path.
        what: `interpolate`, `truncate`, `mix`, `arithmetic`, `directions`, `invert`, `edit`, `nearest` or `codes`.
        out: where to write it: `.png` a grid, `.gif` or `.mp4` its columns one by one, `.npz` arrays.
        checkpoint: samples seen, `best`, or None for the newest.
        sampler: which way of sampling, where a game has several.
        data: the run's data once more, where it came from Python and is needed (labels, neighbours, features).
        device: `auto`, `cpu`, `cuda` or `mps`.
        progress: whether packing of data shows a bar.
        options: of that way of looking.

    Raises:
        UserError: the run makes no samples from latents, an option is not possible, or `out` cannot be written.
    """
    way(what)  # what is refused is refused before anything is opened
    if out is not None:
        refuse_ending(Path(out), steps=what in STEPPING)
    opened = run if isinstance(run, Run) else Run(run)
    explorer = opened.latents(
        checkpoint=checkpoint, sampler=sampler, data=data, device=resolve_device(device), progress=progress
    )
    found = look_around(explorer, what, options)
    if out is not None:
        found.save(Path(out))
    return found


def write_samples(
    run: str | Path | Run,
    out: str | Path,
    n: int = 64,
    *,
    seed: int = 0,
    label: int | str | None = None,
    psi: float = WHOLE,
    threshold: float | None = None,
    averaged: bool = True,
    sampler: str | None = None,
    checkpoint: int | str | None = None,
    compile: str = "auto",
    tell: Callable[[str], None] = lambda text: None,
) -> None:
    """Write samples of a trained run as they are made: of an `.npz` or a folder, any number in the same memory.

    Args:
        run, n, seed, label, psi, threshold, averaged, sampler, checkpoint: as for `sample`.
        compile: `on`, `off`, or `auto`: the generator is compiled where so many samples are made that it pays. They
            are the same samples up to rounding. Truncated ones are not made by compiled code.
        tell: hears what is done, in a line.
        out: `.npz` arrays, no ending a folder with a file a sample, `.png` a grid (which needs them all at once).

    Raises:
        UserError: no such run, class, sampler or checkpoint, or `out` cannot be written.
    """
    opened = run if isinstance(run, Run) else Run(run)
    refuse_unwritable(Path(out))
    how = resolve_compile(compile, own=opened.game is not None)
    asked: dict[str, Any] = {"averaged": averaged, "sampler": sampler, "checkpoint": checkpoint}
    asked |= {"compile": how, "tell": tell}
    write(Path(out), n, opened.pieces(n, seed=seed, label=label, psi=psi, threshold=threshold, **asked))


def classify(
    run: str | Path | Run,
    data: Any = None,
    *,
    out: str | Path | None = None,
    checkpoint: int | str | None = None,
    progress: bool = True,
) -> Classes:
    """Classes of samples, by a run that has learned to tell them (`acgan`, `sgan`).

    Args:
        run: a name under `runs/`, or a path.
        data: a name, a path, an array or a tensor, as `train` takes them; None: what the run held out.
        out: where to write the probabilities, as CSV.
        checkpoint: samples seen, `best`, or None for the newest.
        progress: whether packing of data shows a bar.

    Raises:
        UserError: the run has learned no classifier, or the samples cannot be had or are of another form.
    """
    opened = run if isinstance(run, Run) else Run(run)
    found = ask_classifier(opened.path, data, game=opened.game, checkpoint=checkpoint, progress=progress)
    if out is not None:
        found.save(Path(out))
    return found


def evaluate(
    samples: Given | Run,
    against: Any = None,
    metrics: Sequence[str] | None = None,
    *,
    features: str | FeatureNetwork | nn.Module = "auto",
    weights: str | Path | None = None,
    split: str = "held-out",
    n: int | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    checkpoint: int | str | None = None,
    sampler: str | None = None,
    psi: float = WHOLE,
    threshold: float | None = None,
    device: str = "auto",
    confidence: bool = True,
    progress: bool = True,
) -> list[Record]:
    """Measure how good samples are; see docs/metrics.md. Results on a run are also written into it and its report.

    Args:
        samples: a run (its averaged generator is judged), or samples made elsewhere: a folder of images, `.zip`,
            `.npz`, `.npy`, an array or a tensor.
        against: real data: a name, a path, an array …; None: a run's own.
        metrics: names; None: all that can be had.
        features: a name of `zerosum.metrics.networks.NETWORKS`, a feature network, or a module of your own that maps
            float32 samples (images in [0, 1]) to features.
        weights: of the feature network, where it needs a file.
        split: of the real data: `held-out`, `train` or `all`.
        n: samples made, or taken of a file; None: about as many as there are real ones, or all.
        seed: of all that is drawn.
        time_limit: seconds, about: fewer samples, and only metrics that fit.
        checkpoint: of a run: samples seen, `best`, or None for the newest.
        sampler: of a run that has several.
        psi, threshold: truncation of a run's latents, as of `sample`; of paths between them nothing is measured then.
        device: `auto`, `cpu`, `cuda` or `mps`.
        confidence: whether costly confidence intervals are wanted.
        progress: whether progress is shown.

    Raises:
        UserError: something given cannot be used, or a metric that was named cannot be had.
    """
    place = resolve_device(device)
    matter = matter_of(
        samples.path if isinstance(samples, Run) else samples,
        game=samples.game if isinstance(samples, Run) else None,
        against=against,
        split=split,
        n=n,
        seed=seed,
        checkpoint=checkpoint,
        sampler=sampler,
        device=place,
        progress=progress,
    )
    if psi != WHOLE or threshold is not None:
        if matter.run is None:
            raise UserError("psi and threshold truncate latents; these samples are made already.")
        game = samples.game if isinstance(samples, Run) else None
        explorer = Explorer(matter.run, game, checkpoint=checkpoint, sampler=sampler, device=place)
        generated = truncated_shown(matter.generated, explorer, seed, psi=psi, threshold=threshold)
        matter = replace(matter, generated=generated, path=None, placing=None)
    with watcher(progress) as seen:
        found = judge(
            matter.generated,
            matter.real,
            network=feature_network(features, matter.data, weights, place),
            metrics=metrics,
            train=matter.train,
            modes=matter.modes,
            path=matter.path,
            placing=matter.placing,
            seed=seed,
            time_limit=time_limit,
            confidence=confidence,
            tell=seen.tell,
            note=seen.note,
        )
    if matter.run is not None:
        found = store(matter.run, found)
        write_report(matter.run)
    return found


def compare(
    subjects: Sequence[str | Path | Run], *, metrics: Sequence[str] | None = None, out: str | Path | None = None
) -> Comparison:
    """Runs, or files of records, side by side.

    Args:
        subjects: runs by name or path, or `.json` files of records, two or more.
        metrics: only these; None: all.
        out: where to write the comparison as one HTML page.

    Raises:
        UserError: fewer than two, something cannot be read, or records that are not comparable; the message says why.
    """
    found = comparison([s.path if isinstance(s, Run) else s for s in subjects], metrics)
    if out is not None:
        found.write(Path(out))
    return found


def diagnose(
    subject: str | Path | Run | None = None,
    *,
    samples: Given | None = None,
    against: Any = None,
    spectral: bool = False,
    checkpoint: int | str | None = None,
    out: str | Path | None = None,
    progress: bool = True,
) -> Diagnosis:
    """What went wrong in a training, since when, by what evidence, and what helps; see docs/doctor.md.

    What is found of a run is also written into it, as `findings.json`, and into its report.

    Args:
        subject: a run by name or path, or the losses of another program: a CSV or JSONL.
        samples: of another program: a folder of images, `.zip`, `.npz`, `.npy`, an array or a tensor.
        against: real data to hold these samples against: a name, a path, an array …
        spectral: whether the spectral norm of every weight of a run's networks is found, too.
        checkpoint: whose weights: samples seen, `best`, or None for the newest.
        out: where to write what was found as one HTML page, with plots and pictures.
        progress: whether packing of data shows a bar.

    Raises:
        UserError: nothing is given, or something that cannot be used.
    """
    path, game = (subject.path, subject.game) if isinstance(subject, Run) else (subject, None)
    found = diagnose_training(
        path, samples, against, spectral=spectral, checkpoint=checkpoint, game=game, progress=progress
    )
    if found.run is not None:
        store_findings(found)
        write_report(found.run, found.spectral)
    if out is not None:
        write_diagnosis(found, Path(out))
    return found


def check(
    data: Any, *, device: str = "auto", out: str | Path | None = None, progress: bool = True, **options: Any
) -> Check:
    """Examine a data set before it is trained on, and recommend how to train on it; see docs/check.md.

    Args:
        data: a name, a path, an array, a tensor, a data set with length and index, a density, or a `Data`.
        device: that will train: `auto`, `cpu`, `cuda` or `mps`.
        out: where to write what was found as one HTML page, with the samples concerned.
        progress: whether packing shows a bar.
        options: of the data (`zerosum.data.DataOptions`).

    Raises:
        UserError: something given cannot be used, or the data have values that are not finite.
    """
    data_options, rest = split(options)
    if rest:
        known = [field.name for field in fields(DataOptions)]
        name = next(iter(rest))
        raise UserError(f"Unknown option {name!r}.{nearest(name, known)} Allowed: {', '.join(sorted(known))}.")
    found = check_data(data, data_options, device=device, progress=progress)
    if out is not None:
        write_check(found, Path(out))
    return found


def recommend(data: str, **options: Any) -> str:
    """The recipe that `train` takes for data when none is named."""
    data_options, _ = split(options)
    return recommend_for(data, data_options)
