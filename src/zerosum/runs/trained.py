"""A trained run, ready to sample from; its data is opened only where samples are made from data."""

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zerosum import recipes
from zerosum.data import DataOptions, open_data
from zerosum.draw import Draw
from zerosum.errors import Notice, UserError, choose, nearest
from zerosum.games import Game, Networks, Sampler
from zerosum.kinds import refuse_misfit
from zerosum.recipes.options import build
from zerosum.runs.directory import read_plan
from zerosum.runs.generating import Generator
from zerosum.runs.writing import Samples, joined
from zerosum.spaces import restore
from zerosum.training import checkpoints
from zerosum.training.making import settle_making
from zerosum.training.position import load_networks, part
from zerosum.training.sampling import Requests, chunks, fitting, ready


def refuse_request(n: int, seed: int) -> None:
    """Raise a UserError for a number of samples, or a seed, that is not possible."""
    refuse_misfit("n", n, int)
    refuse_misfit("seed", seed, int)
    if n < 1:
        raise UserError(f"n is {n}; at least one sample can be made.")
    if seed < 0:
        raise UserError(f"seed is {seed}; it is a whole number from 0 up.")


class Trained:
    """A checkpoint of a run, ready to sample from.

    Args:
        run: the directory.
        game: the run's game, where it was made in Python and no file can describe it.
        checkpoint: samples seen, `best`, or None for the newest that is whole.

    Raises:
        UserError: no such checkpoint, or a game from Python was not given.
    """

    def __init__(self, run: Path, game: Game | None = None, checkpoint: int | str | None = None) -> None:
        self.run = run
        self.document = read_plan(run)
        self.space = restore(self.document["data"])
        self.game = game or self._game()
        found = newest(run) if checkpoint is None else named(run, checkpoint)
        load_networks(self.game.networks, part(found.model, "live/"))
        self.averaged = self._averaged(part(found.model, "averaged/"))
        self.samples_seen = int(found.state["samples_seen"])

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        label: int | str | None = None,
        averaged: bool = True,
        sampler: str | None = None,
    ) -> Samples:
        """Make `n` samples; the same seed gives the same samples."""
        return joined(self.pieces(n, seed=seed, label=label, averaged=averaged, sampler=sampler))

    def pieces(
        self,
        n: int,
        *,
        seed: int = 0,
        label: int | str | None = None,
        averaged: bool = True,
        sampler: str | None = None,
        compile: str = "off",
        tell: Callable[[str], None] = lambda text: None,
    ) -> Iterator[Samples]:
        """The same samples piece by piece, each as large as suits the memory; they are made as they are asked for.

        With `compile`, `on` or `auto`, they are made by compiled code, where that can be done (and pays): the same up
        to rounding.
        """
        refuse_request(n, seed)
        made = self.game.samplers[self._sampler(sampler)]
        requests = self._requests(made, label)
        with torch.random.fork_rng():
            networks = self._networks(made, requests, averaged)
        draw = Draw(seed, "sample")
        size = fitting(made, networks, requests, draw)
        made = settle_making(compile, made, networks, n, requests, draw, size, tell)
        values = chunks(made, networks, n, requests, draw, size)
        return self._labelled(values, made, requests, draw)

    def _labelled(
        self, values: Iterator[Tensor], sampler: Sampler, requests: Requests, draw: Draw
    ) -> Iterator[Samples]:
        start = 0
        for made in values:
            batch = requests.batch(sampler, start, len(made), draw) if sampler.given == "label" else None
            start += len(made)
            yield Samples(made, None if batch is None else batch.label, self.space)

    def generator(self, sampler: str | None = None, device: torch.device | str = "cpu") -> Generator:
        """The averaged networks on a device, ready to make samples piece by piece."""
        made = self.game.samplers[self._sampler(sampler)]
        requests = self._requests(made, None)
        with torch.random.fork_rng():
            networks = self._networks(made, requests, averaged=True)
        moved = {name: network.to(device) for name, network in networks.items()}
        return Generator(made, moved, requests, self.space, torch.device(device), self.samples_seen)

    def _networks(self, sampler: Sampler, requests: Requests, averaged: bool) -> Networks:
        standing = Draw(self.document["training"]["seed"], "standing")
        return ready(self.game, self.averaged if averaged else {}, sampler, requests, standing)

    def _game(self) -> Game:
        if not self.document.get("rebuildable", self.document["resumable"]):
            raise UserError(
                f"{self.run} was trained with a game or networks made in Python; open it from there, with the game: "
                "zerosum.Run(path, game)."
            )
        with torch.random.fork_rng():
            function = recipes.recipe(self.document["recipe"])
            return build(function, self.space, self.document["options"]).game

    def _averaged(self, tensors: dict[str, Tensor]) -> dict[str, nn.Module]:
        if not tensors:
            return {}
        networks = {name: copy.deepcopy(self.game.networks[name]) for name in self.game.averaged}
        load_networks(networks, tensors)
        return networks

    def _sampler(self, name: str | None) -> str:
        if name is None:
            return next(iter(self.game.samplers))
        choose("sampler", name, self.game.samplers)
        return name

    def _requests(self, sampler: Sampler, label: int | str | None) -> Requests:
        requests = Requests(classes=len(self.space.classes))
        if label is not None and sampler.given not in ("label", "code"):
            raise UserError("This model was not trained on labels, so it cannot be asked for a class.")
        if label is not None:
            names = self.space.classes if sampler.given == "label" else tuple(map(str, range(sampler.codes)))
            requests = replace(requests, label=class_number(label, names))
        if sampler.given in ("condition", "real"):
            data = self.document["data"]
            requests = replace(requests, source=open_data(data["name"], DataOptions(**data["options"])).held_out)
        return requests


def newest(run: Path) -> checkpoints.Checkpoint:
    """The newest checkpoint that is whole.

    Raises:
        UserError: there is none.
    """
    found = checkpoints.newest(run / "checkpoints", tell=lambda text: warnings.warn(text, Notice, stacklevel=2))
    if found is None:
        raise UserError(f"{run} has no whole checkpoint yet; train it a little first.")
    return found


def named(run: Path, checkpoint: int | str) -> checkpoints.Checkpoint:
    """The checkpoint after so many samples seen, or the best.

    Raises:
        UserError: there is none, or it is damaged.
    """
    folder = run / "checkpoints"
    there = {str(int(name)): name for name in checkpoints.names(folder)}
    wanted = str(checkpoint)
    if wanted == "best":
        best = newest(run).state["best"]
        if best is None:
            raise UserError(f"{run} has kept no checkpoint as its best. Take one of: {', '.join(there)}.")
        wanted = str(best)
    wanted = wanted.lstrip("0") or "0"
    if wanted not in there:
        allowed = ", ".join(there) or "none yet"
        raise UserError(f"{run} has no checkpoint {str(checkpoint)!r}. Allowed: {allowed} (samples seen), or best.")
    try:
        return checkpoints.load(folder / there[wanted])
    except checkpoints.Damaged as error:
        raise UserError(f"{error}.") from error


def class_number(label: Any, classes: tuple[str, ...]) -> int:
    """A class by name or number.

    Raises:
        UserError: there is no such class.
    """
    if str(label) in classes:
        return classes.index(str(label))
    if str(label).lstrip("-").isdecimal() and 0 <= int(label) < len(classes):
        return int(label)
    raise UserError(
        f"There is no class {label!r}.{nearest(str(label), classes)} Allowed: {', '.join(classes)}, "
        f"or a number from 0 to {len(classes) - 1}."
    )
