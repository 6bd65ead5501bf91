"""All metrics of one set of generated samples against one reference.

Real samples are looked at first (or remembered from last time), then generated ones, each once; then every metric
answers from what that left behind. With a time limit fewer samples are looked at, and the cheapest metrics are asked
first.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics import records, registry
from zerosum.metrics.budget import Budget, cost, limited
from zerosum.metrics.core import Finding, Metric, Modes, Need, Paths, Placing, Question
from zerosum.metrics.intervals import LEVEL
from zerosum.metrics.records import Record, finite
from zerosum.metrics.references import References
from zerosum.metrics.statistics import FeatureNetwork, Shown, Statistics, look
from zerosum.spaces import Images, Points, Space

Tell = Callable[[str, int, int], None]
"""(what is done, how many are done, of how many)."""
Wanted = Sequence[tuple[Metric, tuple[str, ...]]]
"""Metrics with those of their results that are wanted."""

LACKS: dict[Need, str] = {
    "logits": "the feature network gives no scores of classes",
    "labels": "the real samples have no labels",
    "asked": "the generated samples have no labels",
    "images": "the samples are no images",
    "points": "the samples are no points",
    "modes": "the modes of the reference are not known, as they are of ring, grid and grid100",
    "train": "it is not known what the generator was trained on",
    "generator": "it needs a run whose generator has latents with ways between them (no coins), not samples alone",
    "transform": "it needs a run whose generator can be told where its picture lies (stylegan3), and bounded values",
}
"""Why a metric cannot be had."""

SHARE_OF_REAL, SHARE_OF_GENERATED = 1 / 3, 1 / 2
"""Shares of what is left of a time limit that may go into looking."""


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def evaluate(
    generated: Shown,
    real: Shown,
    *,
    network: FeatureNetwork,
    metrics: Sequence[str] | None = None,
    train: Shown | None = None,
    modes: Modes | None = None,
    path: Paths | None = None,
    placing: Placing | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    confidence: bool = True,
    tell: Tell = silent,
    note: Callable[[str], None] = lambda text: None,
    references: References | None = None,
) -> list[Record]:
    """Judge generated samples.

    Args:
        generated: what is judged.
        real: the reference.
        network: gives the features.
        metrics: names of results; None: all that can be had.
        train: what the generator was trained on.
        modes: of the reference.
        path: samples along paths between latents.
        placing: samples whose input can be placed.
        seed: of all that is drawn.
        time_limit: seconds, about; None: as long as it takes.
        confidence: whether costly confidence intervals are wanted.
        tell: hears of the progress.
        note: hears of what is left out.
        references: where looks at real samples are kept.

    Raises:
        UserError: samples of two kinds or sizes, too few of them, features that are not finite, or a metric that was
            asked for and cannot be had.
    """
    refuse_unlike(generated.space, real.space)
    sitting = Sitting(network, metrics is not None, Budget(time_limit), tell, note, references or References())
    wanted = sitting.possible(all_or(metrics, network), known(real.space, train, modes, path, placing))
    wanted, kept, made = sitting.seen(wanted, real, generated)
    trained_on = sitting.seen_in_training(wanted, train)
    question = Question(
        kept, made, Draw(seed, "metrics"), sitting.features, trained_on, modes, path, confidence, placing
    )
    return sitting.measured(wanted, question, template(real, generated, question, seed, time_limit))


@dataclass(frozen=True)
class Sitting:
    """What does not change in the course of an evaluation.

    Args:
        network: gives the features.
        named: whether the user named the metrics: then what cannot be had is a mistake, else it is left out.
        budget: of time.
        tell, note, references: as of `evaluate`.
    """

    network: FeatureNetwork
    named: bool
    budget: Budget
    tell: Tell
    note: Callable[[str], None]
    references: References

    def possible(self, wanted: Wanted, have: Mapping[Need, bool]) -> Wanted:
        """Those whose needs are met, as far as `have` tells.

        Raises:
            UserError: others were named.
        """
        lacking = {names: [LACKS[n] for n in sorted(metric.needs) if not have.get(n, True)] for metric, names in wanted}
        for names, lacks in lacking.items():
            if lacks and self.named:
                raise UserError(f"{names[0]} cannot be had: {lacks[0]}.")
        return [(metric, names) for metric, names in wanted if not lacking[names]]

    def enough(self, wanted: Wanted, generated: int, real: int) -> Wanted:
        """Those that so few samples suffice for.

        Raises:
            UserError: others were named, or none is left.
        """
        fewest, given = min(generated, real), f"{generated} generated and {real} real ones are given"
        few = [(metric, names) for metric, names in wanted if fewest < metric.fewest]
        if few and (self.named or len(few) == len(wanted)):
            metric, names = min(few, key=lambda entry: entry[0].fewest)
            raise UserError(f"Too few samples: {names[0]} needs at least {metric.fewest} of each; {given}.")
        for metric, names in few:
            self.note(f"Left out: {', '.join(names)}: at least {metric.fewest} samples of each are needed; {given}.")
        return [(metric, names) for metric, names in wanted if fewest >= metric.fewest]

    def seen(self, wanted: Wanted, real: Shown, generated: Shown) -> tuple[Wanted, Statistics, Statistics]:
        """Look at both: what can be had of them, and what the looks at real and at generated samples left behind.

        Raises:
            UserError: something that cannot be had was named, or the samples cannot be looked at.
        """
        kept = self.look(real, "real", SHARE_OF_REAL, self.references.look)
        wanted = self.possible(wanted, {"labels": kept.labels is not None, "logits": kept.logits is not None})
        made = self.look(generated, "generated", SHARE_OF_GENERATED, look)
        wanted = self.possible(wanted, {"asked": made.labels is not None})
        return self.enough(wanted, made.n, kept.n), kept, made

    def seen_in_training(self, wanted: Wanted, train: Shown | None) -> Statistics | None:
        """Look at what the generator was trained on, where a metric needs it."""
        if train is None or not any("train" in metric.needs for metric, _ in wanted):
            return None
        return self.look(train, "training", SHARE_OF_REAL, self.references.look)

    def look(self, samples: Shown, what: str, share: float, looker: Callable[..., Statistics]) -> Statistics:
        """Look at samples, for no more than a `share` of the time that is left."""

        def tell(seen: int) -> None:
            self.tell(f"looking at {what} samples", seen, samples.n)

        tell(0)
        return looker(limited(samples, share * self.budget.left), self.network, tell)

    def features(self, shown: Tensor) -> Tensor:
        """Samples as they are shown -> features `(n, d)`, float32, on the CPU."""
        return self.network(shown).features.float().cpu()

    def measured(self, wanted: Wanted, question: Question, base: Record) -> list[Record]:
        """The records of all that could be measured, in the order of the list of metrics.

        Raises:
            UserError: nothing could.
        """
        answers = self.answers(wanted, question)
        found = [with_finding(base, name, metric, self.network, finding, s) for name, metric, finding, s in answers]
        if not found:
            raise UserError(
                "Nothing was measured: all that could be had was left out. Allow more time, or other samples."
            )
        order = [registry.full(name, self.network) for name in registry.results()]
        return sorted(found, key=lambda record: order.index(record.metric))

    def answers(self, wanted: Wanted, question: Question) -> Iterator[tuple[str, Metric, Finding, float]]:
        """Name of the result, metric, finding and seconds, of all that fit into what is left of the time."""
        for done, (metric, names) in enumerate(self._fitting(wanted, question)):
            self.tell(f"measuring {', '.join(names)}", done, len(wanted))
            begin = time.monotonic()
            try:  # with a draw of its own, so that a figure does not depend on what else is asked
                findings = metric.compute(replace(question, draw=question.draw.sub(*metric.results)))
            except UserError as error:
                if self.named:
                    raise
                self.note(f"Left out: {', '.join(names)}: {error}")
                continue
            seconds = time.monotonic() - begin
            yield from ((name, metric, findings[name], seconds) for name in names)
        self.tell("measuring", len(wanted), len(wanted))

    def _fitting(self, wanted: Wanted, question: Question) -> Iterator[tuple[Metric, tuple[str, ...]]]:
        """Without a limit all; else the cheapest first, as long as they fit."""
        if self.budget.seconds is None:
            yield from wanted
            return
        costs = [(cost(metric, question), metric, names) for metric, names in wanted if self.budget.left > 0]
        for seconds, metric, names in sorted(costs, key=lambda entry: entry[0]):
            if seconds < self.budget.left:
                yield metric, names
            else:
                self._left_out(names, f"it may take {seconds:.2g} s")
        for _, names in wanted[len(costs) :]:
            self._left_out(names, "no time is left")

    def _left_out(self, names: tuple[str, ...], why: str) -> None:
        left = max(0.0, self.budget.left)
        self.note(f"Left out: {', '.join(names)}: {why}; {left:.2g} s are left of {self.budget.seconds:g} s.")


def all_or(names: Sequence[str] | None, network: FeatureNetwork) -> Wanted:
    """The metrics of these names, or all."""
    if names is None:
        return [(metric, tuple(metric.results)) for metric in registry.metrics()]
    return registry.chosen(names, network)


def known(
    space: Space, train: Shown | None, modes: Modes | None, path: Paths | None, placing: Placing | None
) -> dict[Need, bool]:
    """What is there, as far as that is clear before anything was looked at."""
    return {
        "images": isinstance(space, Images),
        "points": isinstance(space, Points),
        "modes": modes is not None,
        "train": train is not None,
        "generator": path is not None,
        "transform": placing is not None,
    }


def refuse_unlike(generated: Space, real: Space) -> None:
    """Raise a UserError unless samples are of one kind and shape."""
    if (generated.kind, generated.shape) != (real.kind, real.shape):
        raise UserError(f"Generated samples are {described(generated)}, the reference {described(real)}.")


def described(space: Space) -> str:
    """Kind and shape in words.

    >>> described(Images((3, 32, 48)))
    'images of 3 channels, 32x48'
    """
    if isinstance(space, Images):
        channels, height, width = space.shape
        return f"images of {channels} channel{'s' if channels > 1 else ''}, {height}x{width}"
    return f"{space.kind} of shape {space.shape}"


def template(real: Shown, generated: Shown, question: Question, seed: int, time_limit: float | None) -> Record:
    """A record with all that does not depend on the metric."""
    pairs = (("real", real, question.real), ("generated", generated, question.generated))
    return Record(
        metric="",
        value=None,
        better="",
        n_real=question.real.n,
        n_generated=question.generated.n,
        reference={**real.about, "fingerprint": question.real.fingerprint},
        generated={**generated.about, "fingerprint": question.generated.fingerprint},
        seed=seed,
        seconds=0.0,
        zerosum=own_version(),
        warnings=tuple(
            f"Only {seen.n:,} of {shown.n:,} {what} samples were looked at, for lack of time ({time_limit:g} s)."
            for what, shown, seen in pairs
            if seen.n < shown.n
        ),
    )


def with_finding(
    base: Record, name: str, metric: Metric, network: FeatureNetwork, finding: Finding, seconds: float
) -> Record:
    """The record of a result."""
    found = finding.interval
    interval = None if found is None else records.Range(low=found.low, high=found.high, level=LEVEL, by=found.by)
    named: dict[str, Any] = {"name": network.name, "digest": network.digest, "preparation": network.preparation}
    return finite(
        replace(
            base,
            metric=registry.full(name, network),
            value=finding.value,
            better=metric.results[name],
            interval=interval,
            network=records.Network(**named) if metric.featured else None,
            settings=finding.settings,
            details=finding.details,
            warnings=(*base.warnings, *finding.warnings),
            seconds=round(seconds, 3),
            images=finding.pictures,
        )
    )


def own_version() -> str:
    """Version of zerosum."""
    try:
        return version("zerosum")
    except PackageNotFoundError:
        return "unknown"
