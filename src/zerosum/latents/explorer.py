"""A trained generator as something to walk in: its latents, and the samples that are made of them.

There are up to three levels on which one sample is a vector:

- `z`: latents `(n, size)`, as the prior draws them;
- `w`: styles `(n, size_w)`, what a mapping network makes of them (Karras 2019), one for all layers of the synthesis;
- `w+`: a style for each layer, `(n, layers, size_w)` (Abdal 2019).

The two others are there where a network of the game has `mapping(z, *label) -> w`, `synthesis(w+) -> samples` and the
number `layers`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor

from zerosum.data import Batch, Data
from zerosum.draw import Draw
from zerosum.errors import UserError, choose
from zerosum.games import Game, Latent, Networks
from zerosum.runs.evaluating import form_of, opened, own_data
from zerosum.runs.trained import Trained, class_number
from zerosum.spaces import Images, Space
from zerosum.training.sampling import CHUNK

Level = Literal["z", "w", "w+"]
LevelName = Literal["auto", "z", "w", "w+"]
MANY = 10_000
"""Latents that a mean or a deviation of styles is taken over (Karras 2019, appendix B: about as many)."""


class StyleGenerator(Protocol):
    """A generator in two parts.

    Attributes:
        layers: of the synthesis that are told a style each.
    """

    layers: int

    def mapping(self, z: Tensor, *label: Tensor) -> Tensor:
        """Latents `(n, size)`, and labels `(n,)` where it is conditional, to styles `(n, size_w)`."""
        ...

    def synthesis(self, w: Tensor) -> Tensor:
        """Styles of all layers, `(n, layers, size_w)`, to samples `(n, *shape)`."""
        ...


@dataclass(frozen=True)
class Latents:
    """Vectors that samples are made of.

    Attributes:
        values: `(n, …)`; the shape is the level's.
        level: `z`, `w` or `w+`.
        labels: the class each sample is to be of, `(n,)`, where the generator is told; of styles, it is in them.
    """

    values: Tensor
    level: Level
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | Tensor) -> "Latents":
        return Latents(self.values[rows], self.level, None if self.labels is None else self.labels[rows])

    def at(self, values: Tensor) -> "Latents":
        """Others in the place of these, of the same classes."""
        return replace(self, values=values)

    def repeat(self, times: int) -> "Latents":
        """Each of them `times` in a row."""
        labels = None if self.labels is None else self.labels.repeat_interleave(times)
        return Latents(self.values.repeat_interleave(times, 0), self.level, labels)


@dataclass(frozen=True)
class Ensemble:
    """Mean and deviations of the latents of a level.

    Attributes:
        centres: by class, `(classes or 1, size)`.
        deviation: of each dimension around the mean of its class, `(size,)`.
    """

    centres: Tensor
    deviation: Tensor

    def centre(self, latents: Latents) -> Tensor:
        """The mean that belongs to each, `(n, size)`, or `(n, 1, size)` for `w+`."""
        rows = torch.zeros(len(latents), dtype=torch.int64) if latents.labels is None else latents.labels
        centres = self.centres[rows.to(self.centres.device)]
        return centres[:, None] if latents.level == "w+" else centres


class Explorer:
    """A run's averaged generator, seen from its latents.

    Args:
        run: the directory.
        game: of the run, where it was made in Python.
        checkpoint: samples seen, `best`, or None for the newest.
        sampler: which of the game's samplers; None: the first.
        data: the run's data, where it came from Python.
        device: where samples are made.
        progress: whether packing of data shows a bar.

    Raises:
        UserError: no such checkpoint or sampler, or samples that are not made from latents.
    """

    def __init__(
        self,
        run: Path,
        game: Game | None = None,
        *,
        checkpoint: int | str | None = None,
        sampler: str | None = None,
        data: Any = None,
        device: str = "cpu",
        progress: bool = True,
    ) -> None:
        self.trained = Trained(run, game, checkpoint)
        self.generator = self.trained.generator(sampler, device)
        found = self.generator.sampler.latent
        if found is None:
            recipe = self.trained.document["recipe"]
            raise UserError(f"{run} makes no samples from latents ({recipe}), so there is nothing to walk through.")
        self.latent: Latent = found
        self.given, self.progress = data, progress

    @property
    def space(self) -> Space:
        """Of the samples."""
        return self.trained.space

    @property
    def device(self) -> torch.device:
        """Where samples are made."""
        return self.generator.device

    @property
    def networks(self) -> Networks:
        """That make samples, averaged, in eval mode and frozen."""
        return self.generator.networks

    @property
    def conditional(self) -> bool:
        """Whether the generator is told a class."""
        return self.generator.sampler.given == "label"

    @cached_property
    def data(self) -> Data:
        """What the run was trained on, without augmentation.

        Raises:
            UserError: it came from Python and was not given, or has changed.
        """
        run, document = self.trained.run, self.trained.document
        if self.given is not None:
            return opened(self.given, form_of(document), self.progress)
        return own_data(run, document, self.progress, about="From Python, give it once more as data.")

    @cached_property
    def style(self) -> StyleGenerator | None:
        """The network that has a mapping and a synthesis; None where none has."""
        needed = ("mapping", "synthesis", "layers")
        found = (network for network in self.networks.values() if all(hasattr(network, name) for name in needed))
        return cast(StyleGenerator | None, next(found, None))

    def level(self, name: LevelName = "auto", *, walk: bool = False) -> Level:
        """The level that is called `name`; `auto` is `w` where there are styles, else `z`.

        Args:
            name: of the level.
            walk: whether vectors between those of the prior must make sense: not where latents lie in pieces.

        Raises:
            UserError: there is no such level here, or no way to walk on it.
        """
        choose("level", name, dict.fromkeys(("auto", "z", "w", "w+")))
        if name in ("w", "w+") and self.style is None:
            raise UserError(
                f"Level {name!r} needs a generator with a mapping network; this one has none. Take level z."
            )
        level: Level = name if name != "auto" else "z" if self.style is None else "w"
        if walk and level == "z" and self.latent.prior.path is None:
            prior = type(self.latent.prior).__name__
            raise UserError(f"The latents of this run lie in separate pieces ({prior}): there is no way between them.")
        return level

    def draw(self, n: int, seed: int, label: int | str | None = None, level: LevelName = "auto") -> Latents:
        """`n` latents; on the CPU, the first of them are the same whatever `n`.

        Raises:
            UserError: there is no such class or level, or the generator is not told classes.
        """
        z = self.latent.prior(n, Draw(seed, "explore", device=self.device))
        return self.raised(Latents(z, "z", self.labels(n, label)), self.level(level))

    def labels(self, n: int, label: int | str | None) -> Tensor | None:
        """The class that is asked for, or all in turn, `(n,)`; None where the generator is not told any."""
        if not self.conditional:
            if label is not None:
                raise UserError("This model was not trained on labels, so it cannot be asked for a class.")
            return None
        turn = torch.arange(n, device=self.device)
        classes = self.space.classes
        return turn % len(classes) if label is None else torch.full_like(turn, class_number(label, classes))

    @torch.no_grad()
    def raised(self, latents: Latents, level: Level) -> Latents:
        """The same on a level that is further on: from `z` to `w` to `w+`."""
        if latents.level == "z" and level != "z":
            latents = replace(latents, values=self._mapped(latents), level="w")
        if latents.level == "w" and level == "w+":
            latents = replace(latents, values=self._layered(latents.values), level="w+")
        assert latents.level == level
        return latents

    def samples(self, latents: Latents) -> Tensor:
        """Samples `(n, *shape)` in network values, on the device; differentiable, all at once."""
        if latents.level == "z":
            batch = Batch(torch.empty(len(latents), 0, device=self.device), latents.labels)
            return self.latent.make(self.networks, latents.values, batch).float()
        assert self.style is not None
        styles = latents.values if latents.level == "w+" else self._layered(latents.values)
        return self.style.synthesis(styles).float()

    @torch.no_grad()
    def make(self, latents: Latents) -> Tensor:
        """Samples of any number of latents, in pieces, on the CPU; images cut to the values that there are."""
        made = torch.cat([self.samples(part).cpu() for part in pieces(latents)])
        return made.clamp(*self.space.range) if isinstance(self.space, Images) else made

    def ensemble(self, level: Level) -> Ensemble:
        """Mean and deviations of a level; of the latents themselves they are estimated, too, but for the mean 0."""
        return self._ensemble_z if level == "z" else self._ensemble_w

    @cached_property
    def _ensemble_z(self) -> Ensemble:
        z = self.draw(MANY, 0, level="z").values
        classes = len(self.space.classes) if self.conditional else 1
        return Ensemble(z.new_zeros(classes, z.shape[1]), z.square().mean(0).sqrt())

    @cached_property
    def _ensemble_w(self) -> Ensemble:
        latents = self.draw(MANY, 0, level="w")
        rows = torch.zeros(MANY, dtype=torch.int64, device=self.device) if latents.labels is None else latents.labels
        counts = rows.bincount().clamp_min(1)[:, None]
        sums = latents.values.new_zeros(len(counts), latents.values.shape[1]).index_add_(0, rows, latents.values)
        centres = sums / counts
        return Ensemble(centres, (latents.values - centres[rows]).square().mean(0).sqrt())

    def _mapped(self, latents: Latents) -> Tensor:
        assert self.style is not None
        label = [] if latents.labels is None else [latents.labels]
        return self.style.mapping(latents.values, *label)

    def _layered(self, w: Tensor) -> Tensor:
        assert self.style is not None
        return w[:, None].expand(-1, self.style.layers, -1)


def pieces(latents: Latents) -> Iterator[Latents]:
    """At most `CHUNK` at a time."""
    return (latents[slice(start, start + CHUNK)] for start in range(0, len(latents), CHUNK))


def joined(parts: Sequence[Latents]) -> Latents:
    """Latents of one level, one after the other."""
    labels = [part.labels for part in parts if part.labels is not None]
    return Latents(torch.cat([part.values for part in parts]), parts[0].level, torch.cat(labels) if labels else None)
