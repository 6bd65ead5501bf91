"""Samples of a run: drawn, written, walked through, classified."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from zerosum.api.run import Run
from zerosum.latents import Exhibit
from zerosum.latents import explore as look_around
from zerosum.latents.exhibit import refuse_ending
from zerosum.latents.sampling import WHOLE
from zerosum.latents.ways import STEPPING, way
from zerosum.runs.classifying import Classes
from zerosum.runs.classifying import classify as ask_classifier
from zerosum.runs.writing import refuse_unwritable, write
from zerosum.training.devices import resolve_compile, resolve_device


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
