"""What is to be judged, and against what: runs, files, folders and arrays as samples that metrics can look at.

The reference is the held-out split unless the user asks for another; augmentation is left out of it, so that runs that
differ in nothing else are measured against the same samples. Samples are taken in an order of their own, the same each
time, so that the first of them are as good a choice as any: files are often sorted by class.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zerosum.data import Data, DataOptions, open_data
from zerosum.data.catalogue import material
from zerosum.data.core import Batch, Source
from zerosum.data.packing import Cache
from zerosum.data.parallel import in_parallel
from zerosum.data.pictures import Pictures
from zerosum.data.points import DENSITIES, Density, DensitySource
from zerosum.data.samples import FEWEST, Samples
from zerosum.draw import Draw
from zerosum.errors import UserError, choose
from zerosum.games import Game
from zerosum.metrics.core import Modes, Paths, Placing
from zerosum.metrics.networks import network, own
from zerosum.metrics.statistics import FeatureNetwork, Shown, show
from zerosum.runs.directory import nothing_there, read_plan, run_at
from zerosum.runs.trained import Trained, class_number
from zerosum.runs.whereabouts import refuse_gone
from zerosum.spaces import Images

Given = str | os.PathLike[str] | np.ndarray | Tensor
SPLITS = {"held-out": "never trained on", "train": "what runs are trained on", "all": "both"}
CHUNK = 250
GENERATED = 10_000
"""At most so many samples are made unless the user says otherwise; and drawn from a reference that never ends."""
FEWEST_GENERATED = 2_000
"""So many are made even if there are fewer real ones."""
MOST_REAL = 50_000
"""A larger reference is not looked at as a whole."""
VARIATION = ("preprocessing", "flip", "shift", "rotate", "scale", "crop")
"""Options of data that a reference does not have."""


@dataclass(frozen=True)
class Matter:
    """What an evaluation is about.

    Attributes:
        generated: what is judged.
        data: real samples of the same form; feature networks may be trained on them.
        real: the reference.
        train: what the generator was trained on, where that is known.
        modes: of the reference.
        path: where a generator with latents is judged.
        placing: where one whose input has a transform is judged.
        run: where one is judged.
    """

    generated: Shown
    data: Data
    real: Shown
    train: Shown | None = None
    modes: Modes | None = None
    path: Paths | None = None
    placing: Placing | None = None
    run: Path | None = None


def matter_of(
    samples: Given,
    *,
    against: Any = None,
    split: str = "held-out",
    n: int | None = None,
    progress: bool = True,
    checkpoint: int | str | None = None,
    sampler: str | None = None,
    **of_a_run: Any,
) -> Matter:
    """A run by name or path, else samples made elsewhere; see `of_run` and `of_samples`.

    Raises:
        UserError: `samples` is nothing at all; or something is asked of a file that only a run has.
    """
    how: dict[str, Any] = {"against": against, "split": split, "n": n, "progress": progress}
    run = find_subject(samples) if isinstance(samples, str | Path) else None
    if run is not None:
        return of_run(run, **how, checkpoint=checkpoint, sampler=sampler, **of_a_run)
    for name, value in (("checkpoint", checkpoint), ("sampler", sampler)):
        if value is not None:
            raise UserError(f"{called(samples)} is no run; it has no {name} {value!r}.")
    return of_samples(samples, **how)


def of_run(
    run: Path,
    *,
    game: Game | None = None,
    against: Any = None,
    split: str = "held-out",
    n: int | None = None,
    seed: int = 0,
    checkpoint: int | str | None = None,
    sampler: str | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Matter:
    """A run's averaged generator against its own data, or against other data.

    Args:
        run: the directory.
        game: where it was made in Python.
        against: other data: a name, a path, an array …
        split: of the reference, see `SPLITS`.
        n: samples to make.
        seed: of them.
        checkpoint: samples seen, `best`, or None for the newest.
        sampler: which of the game's samplers; None: the first.
        device: where samples are made.
        progress: whether packing of data shows a bar.

    Raises:
        UserError: no such checkpoint, sampler, data or split; or the run's data came from Python or has changed.
    """
    choose("split", split, SPLITS)
    plan = read_plan(run)
    generator = Trained(run, game, checkpoint).generator(sampler, device)
    data = own_data(run, plan, progress) if against is None else opened(against, form_of(plan), progress)
    made_from_real = generator.sampler.given == "real"  # a translation back: what it makes is of the first domain
    real = reference(data, split, n=max(n or 0, GENERATED), domain="condition" if made_from_real else "real")
    about = {"run": run.resolve().name, "samples_seen": generator.samples_seen, "seed": seed}
    about |= {} if sampler is None else {"sampler": sampler}
    return Matter(
        generated=generator.shown(how_many(n, real.n, generator.most), seed, about),
        data=data,
        real=real,
        train=trained_on(data, split) if against is None and not made_from_real else None,
        modes=modes_of(data),
        path=generator.path,
        placing=generator.placing,
        run=run,
    )


def of_samples(
    given: Given, *, against: Any = None, split: str = "held-out", n: int | None = None, progress: bool = True
) -> Matter:
    """Samples that were made elsewhere against real data.

    Args:
        given: a folder of images (folders in it are classes), a `.zip` of them, `.npz`, `.npy`, or an array.
        against: real data: a name, a path, an array …; images are brought to the size of those given.
        split: of the reference, see `SPLITS`.
        n: how many are taken; None: all.
        progress: whether packing of data shows a bar.

    Raises:
        UserError: no reference was named; the samples cannot be read, differ in size, or are of other classes.
    """
    choose("split", split, SPLITS)
    if against is None:
        raise UserError(f"{called(given)} is no run; name real data to measure it against: --against DATA.")
    stored = Path(os.path.expanduser(given)) if isinstance(given, str | os.PathLike) else given
    samples = material(stored, DataOptions(), OneSize(progress=progress))
    if not isinstance(samples, Samples):
        raise UserError(f"{called(given)} cannot be evaluated: images, points or a run can.")
    data = opened(against, form_of_samples(samples), progress)
    generated = as_they_are(samples, called(given), data.space.classes, n)
    return Matter(
        generated=generated,
        data=data,
        real=reference(data, split, n=max(generated.n, GENERATED)),
        train=trained_on(data, split),
        modes=modes_of(data),
    )


def find_subject(given: str | Path) -> Path | None:
    """The run of this name or path; None where it is a file or folder of samples.

    Raises:
        UserError: it is nothing at all.
    """
    run = run_at(given)
    if run is None and not os.path.exists(os.path.expanduser(given)):
        raise nothing_there("run, file or folder", given)
    return run


def feature_network(
    features: str | FeatureNetwork | nn.Module, data: Data, weights: str | Path | None, device: str
) -> FeatureNetwork:
    """The network that looks at samples.

    Args:
        features: a name of `zerosum.metrics.networks.NETWORKS`, a module of the user's, or a network that is ready.
        data: real samples, on which a network by name may be trained.
        weights: of a network by name, where it needs a file.
        device: where it computes.

    Raises:
        UserError: there is no such network, or it does not suit the samples.
    """
    if isinstance(features, str):
        return network(features, data, weights=weights, device=device)
    return own(features, device=device) if isinstance(features, nn.Module) else features


def called(given: Given) -> str:
    """What messages and records call samples."""
    return str(given) if isinstance(given, str | os.PathLike) else type(given).__name__


class OneSize(Cache):
    """Packs pictures as they are; those of several sizes are refused, for resizing would change what is judged."""

    def samples(self, key: tuple[Any, ...] | None, pictures: Callable[[], Pictures], options: DataOptions) -> Samples:
        """The pictures, packed."""

        def refused_or_taken() -> Pictures:
            found = pictures()
            if found.count < FEWEST:
                raise UserError(f"Too few samples: {found.count} image(s); at least {FEWEST} are needed.")
            forms, _ = in_parallel(found.probe, found.count, "Looking at the images", self.progress)
            sizes = sorted({(form.height, form.width) for form in forms.values()})
            if len(sizes) > 1:
                several = ", ".join(f"{height}x{width}" for height, width in sizes[:5])
                raise UserError(f"The images have several sizes ({several}{' …' if sizes[5:] else ''}); one is needed.")
            return found

        return super().samples(None if key is None else ("as they are", *key), refused_or_taken, options)


def as_they_are(samples: Samples, name: str, known: tuple[str, ...], n: int | None) -> Shown:
    """Stored samples that can be looked at, their classes as the reference counts them."""
    if n is not None and not 0 < n <= len(samples):
        raise UserError(f"n is {n}; {name} has {len(samples)} samples.")
    everything = np.arange(len(samples))
    _, source = samples.packed(DataOptions(), (everything, everything))
    numbers = renumbered(samples.classes, known)
    space = replace(source.space, classes=known if numbers is not None else ())

    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        for batch in batches([source], in_order(len(samples))[: n or len(samples)], "generated"):
            labels = None if numbers is None or batch.label is None else numbers[batch.label]
            yield show(space, batch.real), labels

    return Shown(space=space, n=n or len(samples), chunks=chunks, about={"path": name})


def renumbered(classes: tuple[str, ...], known: tuple[str, ...]) -> Tensor | None:
    """The reference's number of each class, by name or number; None where there are no classes in common.

    Raises:
        UserError: only some are.
    """
    common = [name for name in classes if name in known or (name.isdecimal() and int(name) < len(known))]
    return torch.tensor([class_number(name, known) for name in classes]) if common else None


def reference(data: Data, split: str, *, n: int = GENERATED, domain: str = "real") -> Shown:
    """Real samples that can be looked at.

    Args:
        data: opened.
        split: see `SPLITS`.
        n: how many of a density, which never ends; a set of samples is looked at as a whole up to `MOST_REAL`.
        domain: `real` or `condition`, of data with two domains.
    """
    sources = {"held-out": [data.held_out], "train": [data.train], "all": [data.train, data.held_out]}[split]
    endless = any(source.size is None for source in sources)
    order = torch.arange(n) if endless else in_order(sum(source.size or 0 for source in sources))[:MOST_REAL]

    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        for batch in batches(sources, order, split):
            values = batch.condition if domain == "condition" and batch.condition is not None else batch.real
            yield show(data.space, values), batch.label if batch.condition is None else None

    about = {"data": data.name, "split": split} | ({"domain": domain} if domain != "real" else {})
    return Shown(data.space, len(order), chunks, about, None if endless else data.fingerprint)


def batches(sources: list[Source], order: Tensor, key: str) -> Iterator[Batch]:
    """Batches of positions that count through all sources."""
    for number, positions in enumerate(torch.split(order, CHUNK)):
        draw, begin = Draw("reference", key, number), 0
        for source in sources:
            end = begin + (source.size or int(order.max()) + 1)
            mine = positions[(positions >= begin) & (positions < end)].sort().values - begin
            if len(mine):
                yield source.batch(mine, draw)
            begin = end


def in_order(n: int) -> Tensor:
    """The numbers `0 … n-1` in the order in which samples are taken."""
    return Draw("order of samples").permutation(n)


def trained_on(data: Data, split: str) -> Shown | None:
    """The training split, where the reference is free of it, so that the two can be told apart."""
    return reference(data, "train") if split == "held-out" and data.train.size is not None else None


def modes_of(data: Data) -> Modes | None:
    """Modes of a mixture."""
    density = data.held_out.density if isinstance(data.held_out, DensitySource) else None
    if density is None or density.modes is None or density.std is None:
        return None
    return Modes(density.modes, density.std)


def how_many(n: int | None, real: int, most: int | None) -> int:
    """How many samples to make: what was asked for, or about as many as there are real ones."""
    if n is not None and (n < 1 or (most is not None and n > most)):
        why = f" and at most {most}: each sample is made of a held-out one, and there are no more." if most else "."
        raise UserError(f"n is {n}; it must be at least 1{why}")
    wanted = n or min(max(real, FEWEST_GENERATED), GENERATED)
    return wanted if most is None else min(wanted, most)


def own_data(
    run: Path, plan: Mapping[str, Any], progress: bool, about: str = "Name the reference: --against DATA."
) -> Data:
    """What a run was trained on, without augmentation.

    Raises:
        UserError: it came from Python, or is other than it was; `about` says what to do.
    """
    if "imported" in plan:
        raise UserError(f"{run} was imported without the data that it was trained on. {about}")
    recorded = plan["data"]
    options = DataOptions(**recorded["options"])
    refuse_gone(recorded["name"], "--against PATH")
    try:
        data = open_data(recorded["name"], options, progress=progress)
    except UserError:
        if plan["resumable"]:
            raise
        raise UserError(f"The data of {run} came from Python. {about}") from None
    if data.fingerprint != recorded["fingerprint"]:
        raise UserError(f"{recorded['name']!r} is not what {run} was trained on: it has changed since. {about}")
    return open_data(recorded["name"], plainly(options), progress=progress)


def opened(given: Any, options: DataOptions, progress: bool) -> Data:
    """Data that is given, or named and then brought to a form."""
    return given if isinstance(given, Data) else open_data(given, options_for(given, options), progress=progress)


def options_for(given: Any, options: DataOptions) -> DataOptions:
    """Options of form; points have none."""
    named = isinstance(given, str) and given in DENSITIES
    points = isinstance(given, Density) or (isinstance(given, np.ndarray | Tensor) and given.ndim == 2)
    return DataOptions() if named or points else options


def plainly(options: DataOptions) -> DataOptions:
    """The same without variation."""
    usual = DataOptions()
    return replace(options, **{name: getattr(usual, name) for name in VARIATION})


def form_of(plan: Mapping[str, Any]) -> DataOptions:
    """Options that bring other data to the form of a run's samples."""
    data, options = plan["data"], plan["data"]["options"]
    if data["kind"] != Images.kind:
        return DataOptions()
    channels, fit = options.get("channels"), options.get("fit", DataOptions().fit)
    return DataOptions(resolution=f"{data['shape'][1]}x{data['shape'][2]}", channels=channels, fit=fit)


def form_of_samples(samples: Samples) -> DataOptions:
    """Options that bring real images to the size of those that are judged."""
    if samples.values.ndim != 4:
        return DataOptions()
    return DataOptions(resolution=f"{samples.values.shape[2]}x{samples.values.shape[3]}")
