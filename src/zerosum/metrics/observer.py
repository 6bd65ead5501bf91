"""Evaluating while a training goes on: within a share of its time, to keep the best checkpoint and to stop early.

How many samples can be judged how often, the *pace*, depends on the machine. It is settled at the first moment that is
due, from a trial: with W the seconds that the whole training will take at its speed so far, and `share` of them to be
used, getting ready and all evaluations to come shall take no more than `share` · W. The pace is written to
`evaluation.json` before it is used, and read again by a resumed run, so that both judge the same samples at the same
moments; that a judge cannot get ready is settled there, too. What was best so far is read from the log, which is cut
back whenever the training is.

The judge itself, which knows data and generators, is handed in.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import torch

from zerosum.errors import UserError
from zerosum.training.checkpoints import write_atomically
from zerosum.training.journal import read_lines
from zerosum.training.observers import KeepAsBest, Report, Request, State, Stop

T = TypeVar("T")

NAME, FORMAT = "evaluation.json", 1
PREFIX = "metric/"
"""Of a metric's name in the log."""
SECONDS = "evaluation/seconds"
FEW = 500
"""Fewer generated samples are not judged; a trial judges so many, and twice as many."""
STEP = 250
"""The number of samples is a multiple of this: generators make so many at a time."""
WORTHWHILE = 1.0
"""Seconds: with less to use in the whole training nothing is tried."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be evaluated, as it was asked for.

    Attributes:
        metrics: names of results.
        best: which of them tells the best checkpoint.
        better: which way it should go.
        every_samples: between two evaluations, or a multiple of it where that is too dear.
        patience: the training ends after so many evaluations that were not the best; None: never.
        n: samples to judge; None: as many as fit.
        share: of the training's time that may be used.
        optional: whether to leave it out where the time does not suffice.
        by_clock: whether the pace follows from a trial; else `n` and `every_samples` hold.
    """

    metrics: tuple[str, ...]
    best: str
    better: Literal["lower", "higher"]
    every_samples: int
    patience: int | None = None
    n: int | None = None
    share: float = 0.05
    optional: bool = True
    by_clock: bool = True

    @property
    def terms(self) -> dict[str, Any]:
        """What a pace depends on, as JSON; another choice of the best, or more patience, does not change it."""
        kept = ("every_samples", "n", "share", "optional", "by_clock")
        return {"metrics": list(self.metrics)} | {name: getattr(self, name) for name in kept}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many samples are judged how often, and why.

    Attributes:
        n: generated samples; None: nothing is evaluated.
        every_samples: between two evaluations; the end of the training is always evaluated.
        why: in words.
        conditions: what the figures depend on besides: reference, number of real samples, feature network.
        seconds: that the decision took, by part.
    """

    n: int | None
    every_samples: int
    why: str
    conditions: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


class Judge(Protocol):
    """Measures the samples of a training.

    Attributes:
        most: samples that it judges at the most.
    """

    @property
    def most(self) -> int:
        """Samples."""
        ...

    def preparation_seconds(self) -> float:
        """How long `prepare` may take, about.

        Raises:
            UserError: it cannot get ready.
        """
        ...

    def prepare(self) -> Mapping[str, Any]:
        """Get ready; what the figures will depend on, as JSON.

        Raises:
            UserError: it cannot.
        """
        ...

    def __call__(self, state: State, n: int) -> Mapping[str, float]:
        """Judge `n` samples: full name of each metric -> figure.

        Raises:
            UserError: they cannot be judged.
        """
        ...


class Evaluating:
    """An observer that evaluates.

    Args:
        asked: what.
        judge: by whom; used on the first process only.
        run: the run directory.
        length_samples: of the training.
        first: whether this is the first of the processes.
        spread: gives every process what the first one has.
        tell: hears what a user should know.
    """

    def __init__(
        self,
        asked: Asked,
        judge: Judge,
        run: Path,
        *,
        length_samples: int,
        first: bool = True,
        spread: Callable[[Any], Any] = lambda found: found,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.asked, self.judge, self.run = asked, judge, run
        self.first, self.spread, self.tell = first, spread, tell
        self.pace: Pace | None = spread(read(run, asked, length_samples) if first else None)

    @property
    def every_samples(self) -> int:
        """Between two evaluations."""
        return self.pace.every_samples if self.pace else self.asked.every_samples

    def __call__(self, state: State) -> Report:
        """Judge the averaged networks."""
        if self.pace and self.pace.n is None:
            return Report()
        if self.asked_too_soon(state):
            return Report()
        state.networks(next(iter(state.game.samplers)))  # statistics over samples are taken by all processes together
        found = self._looked(state) if self.first else None
        self.pace, report = self.spread((self.pace, found))
        assert isinstance(report, Report)
        return report

    def asked_too_soon(self, state: State) -> bool:
        """Whether nothing is known yet of the speed that the pace would depend on."""
        return not self.pace and self.asked.by_clock and not ended(state) and "seconds" not in state.values

    def _looked(self, state: State) -> Report:
        try:
            with torch.random.fork_rng():
                if self.pace is None:
                    self.pace = settled(self.asked, self.judge, state, self.tell)
                    write(self.run, self.asked, state.length_samples, self.pace)
                    if not due(state, self.pace, self.asked):
                        return Report()
                return self._evaluated(state, self.pace)
        except UserError as error:
            self.tell(f"No evaluation at {state.samples_seen:,} samples: {error}")
            return Report()

    def _evaluated(self, state: State, pace: Pace) -> Report:
        assert pace.n is not None
        begin = time.monotonic()
        found = self.judge(state, pace.n)
        values = {f"{PREFIX}{name}": value for name, value in found.items()}
        figure = next(name for name in values if plain(name) == self.asked.best)
        before = history(self.run, figure, state.samples_seen)
        requests = wishes([*before, values[figure]], self.asked)
        return Report(values | {SECONDS: round(time.monotonic() - begin, 3)}, requests)


def wishes(course: Sequence[float], asked: Asked) -> tuple[Request, ...]:
    """What follows from the course of the best metric, the newest figure last.

    A figure that only equals the best is not better.
    """
    place = best_of(course, asked.better)
    waited = len(course) - 1 - (-1 if place is None else place)
    if place is not None and not waited:
        return (KeepAsBest(),)
    if asked.patience is None or waited < asked.patience:
        return ()
    return (Stop(f"{asked.best} has not become better in {waited} evaluations"),)


def best_of(course: Sequence[float], better: Literal["lower", "higher"]) -> int | None:
    """The place of the first of the best figures; None where none is finite.

    >>> best_of([2.0, float("nan"), 1.0, 1.0], "lower"), best_of([float("inf")], "lower")
    (2, None)
    """
    there = [(value if better == "lower" else -value, place) for place, value in enumerate(course)]
    return min((entry for entry in there if math.isfinite(entry[0])), default=(0.0, None))[1]


def history(run: Path, figure: str, before: int) -> list[float]:
    """What the log says of a figure, oldest first; NaN where it was not finite."""
    lines = [line for line in read_lines(run / "log.jsonl") if figure in line and line["samples_seen"] < before]
    return [math.nan if line[figure] is None else float(line[figure]) for line in lines]


def plain(name: str) -> str:
    """The name of a result, without what the log or the feature network adds.

    >>> plain("metric/kid[classifier]"), plain("hq")
    ('kid', 'hq')
    """
    return name.removeprefix(PREFIX).partition("[")[0]


# --- the pace ---


def settled(asked: Asked, judge: Judge, state: State, tell: Callable[[str], None]) -> Pace:
    """Settle the pace, once the judge is ready: nothing where it cannot be, else as given, else as a trial tells.

    Raises:
        UserError: the present samples cannot be judged, which says nothing of later ones.
    """
    try:
        why = refusal(asked, judge, state, tell)
        begin = time.monotonic()
        conditions = {} if why else judge.prepare()
    except UserError as error:
        why = str(error).removesuffix(".")
    if why:
        tell(f"Samples are not evaluated on the way: {why}. See zerosum evaluate.")
        return Pace(n=None, every_samples=asked.every_samples, why=why)
    if not asked.by_clock:
        return Pace(n=asked.n, every_samples=asked.every_samples, why="as given", conditions=conditions)
    return tried(asked, judge, state, conditions, begin)


def refusal(asked: Asked, judge: Judge, state: State, tell: Callable[[str], None]) -> str:
    """Why it is not worth while to get ready; empty where it is."""
    if not asked.by_clock:
        return ""
    budget = asked.share * seconds_of(state)
    need = judge.preparation_seconds() if budget >= WORTHWHILE else 0.0
    if asked.optional and (budget < WORTHWHILE or need > budget):
        took = f"; getting ready would take about {need:.2g} s" if need else ""
        return f"{asked.share:.0%} of the training's {seconds_of(state):.2g} s are {budget:.2g} s{took}"
    if need:
        tell(f"To evaluate samples on the way a feature network is trained, once for these data (about {need:.2g} s).")
    return ""


def tried(asked: Asked, judge: Judge, state: State, conditions: Mapping[str, Any], begin: float) -> Pace:
    """The pace that a trial tells, of a judge that began to get ready at `begin`."""
    few = min(FEW, judge.most)
    judge(state, few)  # pays for what is done only once
    ready = time.monotonic()
    once = timed(lambda: judge(state, few))
    twice = timed(lambda: judge(state, 2 * few)) if 2 * few <= judge.most else once
    now = time.monotonic()
    slope = max(0.0, twice - once) / few
    left, times = asked.share * seconds_of(state) - (now - begin), moments(state, asked.every_samples)
    n = asked.n or affordable(left / times, once, slope, few, judge.most)
    each = once + slope * (n - few)
    multiple = 1 if times * each <= left else sparser(left, times, each)
    return Pace(
        n=n,
        every_samples=asked.every_samples * min(multiple, -(-state.length_samples // asked.every_samples)),
        why=f"an evaluation of {n:,} samples takes about {each:.2g} s; {max(0.0, left):.2g} s were left for {times}",
        conditions=conditions,
        seconds={"preparation": round(ready - begin, 3), "trial": round(now - ready, 3)},
    )


def affordable(seconds: float, once: float, slope: float, few: int, most: int) -> int:
    """Samples that can be judged in so many seconds; `few` where not even these can.

    Args:
        seconds: for one evaluation.
        once: seconds that `few` samples take.
        slope: seconds that each further sample takes.
        few, most: bounds.

    >>> affordable(1.0, once=0.5, slope=0.001, few=500, most=2_000)
    1000
    >>> affordable(0.1, once=0.5, slope=0.001, few=500, most=2_000)
    500
    """
    spare = max(0.0, seconds - once)
    if spare >= slope * (most - few):
        return most if spare else few
    return few + int(spare / slope) // STEP * STEP


def sparser(left: float, times: int, each: float) -> int:
    """The multiple of the cadence at which evaluations of `each` seconds fit; all but the last go where none does."""
    return math.ceil(times * each / left) if left >= each else times + 1


def moments(state: State, every_samples: int) -> int:
    """Evaluations to come, with the present one."""
    return 1 + max(0, math.ceil((state.length_samples - state.samples_seen) / every_samples))


def seconds_of(state: State) -> float:
    """What the whole training takes at its speed so far; 0 where that is not known."""
    seen = state.values.get("samples_seen", 0)
    return state.values["seconds"] / seen * state.length_samples if seen else 0.0


def timed(work: Callable[[], T]) -> float:
    """Seconds."""
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def due(state: State, pace: Pace, asked: Asked) -> bool:
    """Whether a moment at which `asked` was due is one at which `pace` is, too."""
    if pace.n is None:
        return False
    return ended(state) or state.samples_seen // asked.every_samples % (pace.every_samples // asked.every_samples) == 0


def ended(state: State) -> bool:
    """Whether this is the end of the training."""
    return state.samples_seen >= state.length_samples


# --- evaluation.json ---


def write(run: Path, asked: Asked, length_samples: int, pace: Pace) -> None:
    """Put the pace on record, whole or not at all."""
    document = {"format": FORMAT, "asked": asked.terms, "length_samples": length_samples, "pace": asdict(pace)}
    write_atomically(run / NAME, json.dumps(document, indent=2) + "\n")


def read(run: Path, asked: Asked, length_samples: int) -> Pace | None:
    """The pace on record; None where there is none, or one for something else.

    That nothing was evaluated says nothing of a training that is now to go on for longer.
    """
    try:
        document = json.loads((run / NAME).read_text())
        if document["format"] != FORMAT or document["asked"] != asked.terms:
            return None
        pace = Pace(**document["pace"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if pace.n is None and document["length_samples"] != length_samples else pace
