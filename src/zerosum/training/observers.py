"""Observers look at a training and may ask the engine for something; they never act themselves."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image
from torch import Tensor

from zerosum.data.core import Data
from zerosum.draw import Draw
from zerosum.games import Game, Networks, Phase


@dataclass(frozen=True)
class SetControl:
    """Set a control to a value."""

    name: str
    value: float


@dataclass(frozen=True)
class Stop:
    """End the training here, once the other observers have looked too; it can be resumed as if it had gone on."""

    reason: str


@dataclass(frozen=True)
class KeepAsBest:
    """Save a checkpoint once all observers have looked, and keep it until a better one comes."""


@dataclass(frozen=True)
class GoBack:
    """Go back to the newest checkpoint at or before `samples_seen`.

    What was logged, shown and saved after it is given up. Controls come back as they were then; those that are set by
    requests after this one hold from there on.

    Attributes:
        samples_seen: where to, at most.
        note: for the line of the log that tells of it: a `note` in words, and what else a reader needs, as JSON.
    """

    samples_seen: int
    note: Mapping[str, Any] = field(default_factory=dict)


Request = SetControl | Stop | KeepAsBest | GoBack


@dataclass(frozen=True)
class Report:
    """What an observer found.

    Attributes:
        values: figures for the log.
        requests: to the engine, in their order.
        pictures: for the run, by name.
        notes: what happened: lines of the log with a `note` in words and whatever else a reader needs, as JSON.
    """

    values: dict[str, float] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    pictures: dict[str, Image.Image] = field(default_factory=dict)
    notes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class State:
    """What an observer may look at.

    Attributes:
        samples_seen: real samples seen so far.
        length_samples: when the training ends.
        values: of the latest line of the log.
        game: the players, live; to be looked at only.
        data: both splits.
        networks: `(sampler name) -> ` networks ready to sample from, averaged.
        sample: `(n, sampler name, draw) -> samples`.
        draw: a draw, the same at every moment.
        averaged: the averages as they are, of the networks that have one; to be looked at only.
        controls: as they are set, before what the plan makes of them; also each phase's `<phase>/repeats`.
        best: samples seen at the checkpoint that is kept as the best, if one is.
        checkpoints: samples seen at those that are kept.
        norms: `phase -> {player: {term: norm of its gradient}}` of the move that the phase would make next. Players are
            left as they are but for what using their networks does to these, and to `game.state`.
        autocast: a context in which networks work in the precision of the training.
    """

    samples_seen: int
    length_samples: int
    values: Mapping[str, float]
    game: Game
    data: Data
    networks: Callable[[str], Networks]
    sample: Callable[[int, str, Draw], Tensor]
    draw: Draw
    averaged: Networks = field(default_factory=dict)
    controls: Mapping[str, float] = field(default_factory=dict)
    best: int | None = None
    checkpoints: tuple[int, ...] = ()
    norms: Callable[[Phase], Mapping[str, Mapping[str, Tensor]]] = field(default=lambda phase: {})
    autocast: Callable[[], AbstractContextManager[None]] = nullcontext


class Observer(Protocol):
    """Called every `every_samples` samples, and once at the end, on every process alike."""

    @property
    def every_samples(self) -> int:
        """Between two calls."""
        ...

    def __call__(self, state: State) -> Report:
        """Look, and report."""
        ...
