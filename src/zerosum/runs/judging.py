"""How a training is evaluated on the way: what was asked for, what suits the data, and the judge.

Without a wish of the user's, images are judged by `kid` first: it is without bias at any number of samples, while the
bias of a Fréchet distance from few held-out samples is smaller for a generator that collapses. All else is judged by
`coverage`, the share of real samples that have a generated one near them: it falls when samples are poor and when modes
are lost, which of the figures of known modes neither `hq` nor `reverse_kl` does alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import torch

from zerosum.data import Data, open_data
from zerosum.data.packed import UnpairedSource
from zerosum.draw import Draw
from zerosum.errors import UserError, nearest
from zerosum.games import Game, Sampler
from zerosum.metrics import registry
from zerosum.metrics.core import Need
from zerosum.metrics.evaluation import LACKS, evaluate
from zerosum.metrics.networks import Classifier, Encoder, Raw, network
from zerosum.metrics.networks.kept import preparation_seconds
from zerosum.metrics.observer import Asked
from zerosum.metrics.references import References
from zerosum.metrics.statistics import FeatureNetwork, Shown, Statistics
from zerosum.runs.evaluating import GENERATED, how_many, modes_of, plainly, reference, trained_on
from zerosum.runs.generating import Generator
from zerosum.runs.setup import Setup
from zerosum.spaces import Images, Points
from zerosum.training.observers import State
from zerosum.training.sampling import Requests

OF_IMAGES = ("kid", "fd", "precision", "recall")
OF_OTHERS = ("coverage", "precision")
OF_MODES = ("modes", "hq", "reverse_kl")
"""What is evaluated unless something else is asked for; the first of all tells the best checkpoint."""
SENSIBLE = 100
"""Held-out samples; against fewer, figures say too little to be had without being asked for."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a user asks for, as in `zerosum.train`.

    Attributes:
        evaluate: `auto`, `off`, or names of metrics, in one text with commas between them or in a list.
        best: the metric that tells the best checkpoint; None: the first.
        patience: evaluations without a better one after which the training ends; None: it never does.
        evaluate_every_samples: between two evaluations; None: between two pictures.
        evaluate_n: generated samples that are judged; None: as many as the time allows.
        evaluate_share: of the training's time that evaluations may take.
    """

    evaluate: str | Sequence[str] = "auto"
    best: str | None = None
    patience: int | None = None
    evaluate_every_samples: int | None = None
    evaluate_n: int | None = None
    evaluate_share: float = 0.05

    def __post_init__(self) -> None:
        if not isinstance(self.evaluate, str | Sequence):
            raise UserError(f"evaluate is {self.evaluate!r}; it takes auto, off, or names of metrics.")
        for name, low in (("patience", 1), ("evaluate_every_samples", 1), ("evaluate_n", 2)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise UserError(f"{name} is {value}; it must be at least {low}.")
        if not 0 < self.evaluate_share <= 1:
            raise UserError(f"evaluate_share is {self.evaluate_share:g}; it must be above 0 and at most 1.")
        if self.evaluate == "off" and (self.best or self.patience):
            raise UserError(
                "Without evaluations there is no best and nothing to be patient for: leave out evaluate=off."
            )

    @property
    def named(self) -> tuple[str, ...]:
        """The metrics that are asked for by name; none for `auto` and `off`."""
        names = self.evaluate.split(",") if isinstance(self.evaluate, str) else self.evaluate
        found = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        return () if found in (("auto",), ("off",)) else found

    def document(self, asked: Asked | None) -> dict[str, Any]:
        """For `plan.json`: what was asked for, and what came of it."""
        said = asdict(self) | {"evaluate": self.evaluate if isinstance(self.evaluate, str) else ",".join(self.evaluate)}
        settled = None if asked is None else {"metrics": list(asked.metrics), "best": asked.best}
        return said | {"settled": settled}

    @classmethod
    def recorded(cls, plan: Mapping[str, Any]) -> "Wishes":
        """What `plan.json` says; the usual where it says nothing."""
        said = plan.get("evaluation", {})
        return cls(**{name: said[name] for name in cls.__dataclass_fields__ if name in said})


def without_variation(setup: Setup) -> Data:
    """A training's data as references have them, without augmentation."""
    plain = plainly(setup.data_options)
    return setup.data if plain == setup.data_options else open_data(setup.source, plain, progress=False)


def settle(wishes: Wishes, data: Data, game: Game, *, every_samples: int) -> Asked | None:
    """What is evaluated; None where nothing is.

    Args:
        wishes: of the user.
        data: that is trained on.
        game: that is played; its first sampler is judged.
        every_samples: between two evaluations, unless another number is asked for.

    Raises:
        UserError: a metric that does not exist or cannot be had, or that has no best.
    """
    if wishes.evaluate == "off":
        return None
    if not game.samplers:
        refuse_if_wished(wishes, "the game has no sampler")
        return None
    sampler, size = next(iter(game.samplers.values())), data.held_out.size
    if size is not None and size < SENSIBLE and not wishes.named:
        refuse_if_wished(wishes, f"only {size} samples are held out")
        return None
    names = tuple(known(name, data) for name in wishes.named) or usual(data)
    best = names[0] if wishes.best is None else known(wishes.best, data)
    names = tuple(dict.fromkeys((*names, best)))
    refuse_impossible(names, data, sampler)
    how_many(wishes.evaluate_n, SENSIBLE, most_made(data, sampler))
    given = wishes.evaluate_n is not None and wishes.evaluate_every_samples is not None
    return Asked(
        metrics=names,
        best=best,
        better=direction(best),
        every_samples=wishes.evaluate_every_samples or every_samples,
        patience=wishes.patience,
        n=wishes.evaluate_n,
        share=wishes.evaluate_share,
        optional=not wishes.named and wishes == replace(Wishes(), evaluate_share=wishes.evaluate_share),
        by_clock=not given,
    )


def refuse_if_wished(wishes: Wishes, why: str) -> None:
    """Raise a UserError if something was asked for that cannot be had."""
    if wishes.named or wishes.best or wishes.patience:
        raise UserError(f"Samples of this training cannot be evaluated on the way: {why}.")


def usual(data: Data) -> tuple[str, ...]:
    """What suits the data."""
    if isinstance(data.space, Images):
        return OF_IMAGES
    return OF_OTHERS + (OF_MODES if modes_of(data) else ())


def known(name: str, data: Data) -> str:
    """The name of a result without its feature network.

    Raises:
        UserError: there is no such metric, or it is asked for with other features than are used on the way.
    """
    result, _, of = name.partition("[")
    features = features_of(data)
    if result not in registry.results():
        allowed = registry.results()
        raise UserError(f"Unknown metric {name!r}.{nearest(result, allowed)} Allowed: auto, off, {', '.join(allowed)}.")
    if of and of != f"{features}]":
        raise UserError(f"{name!r} is asked for, but while training on these data the features are {features!r}.")
    return result


def features_of(data: Data) -> str:
    """The name of the feature network that looks at such data."""
    if not isinstance(data.space, Images):
        return Raw.name
    return Classifier.name if taught(data) else Encoder.name


def labelled(data: Data) -> bool:
    """Whether held-out samples have labels."""
    few = data.held_out.batch(torch.arange(2), Draw("labels"))
    return few.label is not None and few.condition is None


def taught(data: Data) -> bool:
    """Whether the feature network of images learns from labels."""
    return labelled(data) and len(data.space.classes) > 1 and not isinstance(data.train, UnpairedSource)


def direction(best: str) -> Literal["lower", "higher"]:
    """Which way a metric should go.

    Raises:
        UserError: neither; it should be as real samples have it.
    """
    better = registry.results()[best].results[best]
    if better == "as-real":
        raise UserError(f"{best} has no best: it should be as real samples have it. Name another metric.")
    return better


def refuse_impossible(names: Sequence[str], data: Data, sampler: Sampler) -> None:
    """Raise a UserError for metrics that cannot be had of such data and such a generator."""
    have, size = had(data, sampler), data.held_out.size
    for name in names:
        metric = registry.results()[name]
        lacks = [LACKS[need] for need in sorted(metric.needs) if not have.get(need, True)]
        if lacks:
            raise UserError(f"{name} cannot be had: {lacks[0]}.")
        if size is not None and size < metric.fewest:
            raise UserError(f"Too few samples: {name} needs at least {metric.fewest}; {size} are held out.")


def most_made(data: Data, sampler: Sampler) -> int | None:
    """How many samples can be made: as many as there are to translate; None: as many as are wanted."""
    return data.held_out.size if sampler.given in ("condition", "real") else None


def had(data: Data, sampler: Sampler) -> dict[Need, bool]:
    """What metrics may need, and whether it is there."""
    return {
        "images": isinstance(data.space, Images),
        "points": isinstance(data.space, Points),
        "modes": modes_of(data) is not None,
        "train": data.train.size is not None and sampler.given != "real",
        "generator": sampler.latent is not None and sampler.latent.prior.path is not None,
        "labels": labelled(data),
        "logits": isinstance(data.space, Images) and taught(data),
        "asked": sampler.given == "label",
    }


@dataclass(frozen=True)
class Remembered(References):
    """Looks at references that stay in memory, too."""

    looks: dict[int, Statistics] = field(default_factory=dict)

    def look(
        self, samples: Shown, network: FeatureNetwork, tell: Callable[[int], None] = lambda seen: None
    ) -> Statistics:
        """As `References.look`; by the same network in every call."""
        if id(samples) not in self.looks:
            self.looks[id(samples)] = super().look(samples, network, tell)
        return self.looks[id(samples)]


@dataclass(frozen=True)
class DataJudge:
    """Judges the samples of a training against the held-out part of its data.

    It gives the figures of `zerosum.evaluate(run, n=n, seed=seed)`, with the same samples each time.

    Args:
        asked: what is measured.
        data: that is trained on, without augmentation.
        sampler: whose samples are judged.
        seed: of the run.
        device: where samples are looked at.
        tick: called now and then while it works.
    """

    asked: Asked
    data: Data
    sampler: Sampler
    seed: int
    device: torch.device | str = "cpu"
    tick: Callable[[], None] = lambda: None
    references: Remembered = field(default_factory=Remembered)

    @property
    def most(self) -> int:
        """About as many as are real; of a generator that translates, as many as it can make."""
        return how_many(None, self.real.n, most_made(self.data, self.sampler))

    def preparation_seconds(self) -> float:
        """What training a feature network takes."""
        return preparation_seconds(self.data) if isinstance(self.data.space, Images) else 0.0

    def prepare(self) -> Mapping[str, Any]:
        """The feature network and a look at the reference."""
        seen = self.references.look(self.real, self.network)
        looks = {name: getattr(self.network, name) for name in ("name", "digest", "preparation")}
        return {"reference": {**self.real.about, "fingerprint": seen.fingerprint}, "n_real": seen.n, "network": looks}

    def __call__(self, state: State, n: int) -> Mapping[str, float]:
        """Figures of the averaged generator, without intervals."""
        name = next(iter(state.game.samplers))
        requests = Requests(classes=len(state.data.space.classes), source=state.data.held_out)
        generator = Generator(
            self.sampler, state.networks(name), requests, state.data.space, state.draw.device, state.samples_seen
        )
        records = evaluate(
            generator.shown(n, self.seed, {}),
            self.real,
            network=self.network,
            metrics=self.asked.metrics,
            train=self.train,
            modes=modes_of(self.data),
            path=generator.path,
            placing=generator.placing,
            seed=self.seed,
            confidence=False,
            tell=lambda *_: self.tick(),
            references=self.references,
        )
        return {record.metric: math.nan if record.value is None else record.value for record in records}

    @cached_property
    def network(self) -> FeatureNetwork:
        """`classifier` of images, `raw` of all else."""
        return network("auto", self.data, device=self.device)

    @cached_property
    def real(self) -> Shown:
        """The reference."""
        domain = "condition" if self.sampler.given == "real" else "real"
        return reference(self.data, "held-out", n=max(self.asked.n or 0, GENERATED), domain=domain)

    @cached_property
    def train(self) -> Shown | None:
        """What was trained on."""
        return trained_on(self.data, "held-out") if self.sampler.given != "real" else None
