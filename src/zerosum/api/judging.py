"""Samples measured, runs compared, trainings diagnosed, data checked."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from torch import nn

from zerosum.api.run import Run
from zerosum.data import DataOptions
from zerosum.errors import UserError, nearest
from zerosum.games import Game
from zerosum.latents import Explorer
from zerosum.latents.sampling import WHOLE, truncated_samples, truncated_shown
from zerosum.metrics.evaluation import evaluate as judge
from zerosum.metrics.records import Record
from zerosum.metrics.statistics import FeatureNetwork
from zerosum.runs.checking import Check
from zerosum.runs.checking import check as check_data
from zerosum.runs.comparison import Comparison, comparison
from zerosum.runs.diagnosing import Diagnosis
from zerosum.runs.diagnosing import diagnose as diagnose_training
from zerosum.runs.diagnosing import store as store_findings
from zerosum.runs.evaluating import Given, Matter, feature_network, matter_of
from zerosum.runs.evaluations import store
from zerosum.runs.findings_page import write_check, write_diagnosis
from zerosum.runs.report import write_report
from zerosum.runs.setup import split
from zerosum.runs.watching import watcher
from zerosum.training.devices import resolve_device


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
    """Measure how good samples are; see docs/metrics.md.

    Results on a run are also written into it and its report, but not those of truncated samples.

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
    game = samples.game if isinstance(samples, Run) else None
    matter = matter_of(
        samples.path if isinstance(samples, Run) else samples,
        game=game,
        against=against,
        split=split,
        n=n,
        seed=seed,
        checkpoint=checkpoint,
        sampler=sampler,
        device=place,
        progress=progress,
    )
    whole = psi == WHOLE and threshold is None
    if not whole:
        explored = {"checkpoint": checkpoint, "sampler": sampler, "device": place}
        matter = _truncated(matter, game, explored, seed, psi, threshold)
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
    if matter.run is not None and whole:
        found = store(matter.run, found)
        write_report(matter.run)
    return found


def _truncated(
    matter: Matter, game: Game | None, explored: Mapping[str, Any], seed: int, psi: float, threshold: float | None
) -> Matter:
    """The same, with samples of latents nearer to their mean; paths between latents are those of whole ones."""
    if matter.run is None:
        raise UserError("psi and threshold truncate latents; these samples are made already.")
    explorer = Explorer(matter.run, game, **explored)
    truncated_samples(explorer, 1, seed=seed, psi=psi, threshold=threshold)  # what cannot be is told before the work
    generated = truncated_shown(matter.generated, explorer, seed, psi=psi, threshold=threshold)
    return replace(matter, generated=generated, path=None, placing=None)


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
