"""Ways to make a training sick, one thing at a time: what is done to its plan, or to its data.

Each kind says beforehand which findings are right for it, and whether anything but other data can cure it. The doctor
sees none of this: only the signals of the training that comes of it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from zerosum.data import Data
from zerosum.data.core import Batch, Source
from zerosum.data.packed import PackedSource
from zerosum.draw import Draw
from zerosum.games import Controls, Phase, Result
from zerosum.networks.mlp import MLPCritic
from zerosum.spaces import Space
from zerosum.training.plan import Plan

OnPlan = Callable[[Plan, Space, int], Plan]
OnData = Callable[[Data, int], Data]
FromUsual = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Sickness:
    """A kind of failure.

    Args:
        right: kinds of findings, any of which is right.
        wards: (recipe, data) pairs in which it is played.
        options: of the recipe, or what makes them of the recipe's own defaults.
        plan: what is done to the plan, given the space and the seed.
        data: what is done to the data, given the seed.
        critic: another critic, given the space.
        late: whether it begins at a random moment between a fifth and a half of the training, not with it.
        curable: whether anything but other data helps.
    """

    right: tuple[str, ...]
    wards: tuple[tuple[str, str], ...]
    options: Mapping[str, Any] | FromUsual = field(default_factory=dict)
    plan: OnPlan | None = None
    data: OnData | None = None
    critic: Callable[[Space], nn.Module] | None = None
    late: bool = False
    curable: bool = True


# --- plans ---


def rates(generator: float, critic: float) -> FromUsual:
    """Learning rates, as multiples of the recipe's own."""

    def given(usual: Mapping[str, Any]) -> Mapping[str, Any]:
        own = usual["critic_lr"] or usual["lr"]
        return {"lr": generator * usual["lr"], "critic_lr": critic * own}

    return given


def dead_units(plan: Plan, space: Space, seed: int) -> Plan:
    """Biases so far below 0 that no unit of the generator's hidden layers ever answers."""
    with torch.no_grad():
        for network in plan.game.players["G"].networks.values():
            layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
            norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
            for layer in [*layers[:-1], *norms]:
                if layer.bias is not None:
                    layer.bias.fill_(-30.0)
    return plan


def poisoned(spoil: Callable[[Tensor], Tensor], moves: int | None = None) -> OnPlan:
    """From a random round on the critic's first term is spoilt, for so many of its moves; None: for good."""

    def change(plan: Plan, space: Space, seed: int) -> Plan:
        begin = onset(plan.length_samples, seed)
        turns = count()

        def spoilt(phase: Phase) -> Phase:
            def loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
                found = phase.loss(batch, draw, controls)
                turn = next(turns) - begin // plan.batch_size
                if turn < 0 or (moves is not None and turn >= moves):
                    return found
                first = next(iter(found.terms))
                return replace(found, terms={**found.terms, first: spoil(found.terms[first])})

            return replace(phase, loss=loss)

        phases = tuple(spoilt(phase) if phase.name == "D" else phase for phase in plan.game.phases)
        plan.game.phases = phases
        return plan

    return change


def onset(length_samples: int, seed: int) -> int:
    """Samples seen at which something happens, between a fifth and a half of the training."""
    share = Draw("clinic", "onset", seed).uniform(1).item()
    return int(length_samples * (0.2 + 0.3 * share))


def overflow(term: Tensor) -> Tensor:
    """A term that goes through half precision after a scale that was too large."""
    return (term * 3e5).half().float()


# --- data ---


@dataclass(frozen=True)
class Changed:
    """A source whose batches are changed."""

    source: Source
    how: Callable[[Batch, Draw], Batch]

    @property
    def space(self) -> Space:
        """As before."""
        return self.source.space

    @property
    def size(self) -> int | None:
        """As before."""
        return self.source.size

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """The changed batch."""
        return self.how(self.source.batch(positions, draw), draw)


def rows(choose: Callable[[PackedSource, Draw], Tensor]) -> OnData:
    """Other rows of the training split."""

    def change(data: Data, seed: int) -> Data:
        assert isinstance(data.train, PackedSource)
        chosen = choose(data.train, Draw("clinic", "rows", seed))
        return replace(
            data,
            train=replace(data.train, rows=data.train.rows[chosen]),
            fingerprint=f"{data.fingerprint} changed {seed}",
        )

    return change


def slow(seconds: float) -> OnData:
    """Batches that are long in coming."""

    def change(data: Data, seed: int) -> Data:
        def late(batch: Batch, draw: Draw) -> Batch:
            time.sleep(seconds)
            return batch

        return replace(data, train=Changed(data.train, late), fingerprint=f"{data.fingerprint} slow")

    return change


def few(n: int) -> OnData:
    """Only `n` training samples."""
    return rows(lambda source, draw: draw.permutation(source.size)[:n])


def twice(times: int, different: int) -> OnData:
    """A few samples, each many times."""
    return rows(lambda source, draw: draw.permutation(source.size)[:different].repeat(times))


def one_class(share: float) -> OnData:
    """One class has this share of the training samples."""

    def choose(source: PackedSource, draw: Draw) -> Tensor:
        assert source.labels is not None
        labels = source.labels[source.rows]
        first = (labels == 1).nonzero().flatten()
        rest = (labels != 1).nonzero().flatten()
        wanted = max(9, int(len(first) * (1 - share) / share))
        return torch.cat([first, rest[draw.permutation(len(rest))[:wanted]]])

    return rows(choose)


def wrong_labels(share: float) -> OnData:
    """So many training samples carry another's label."""

    def change(data: Data, seed: int) -> Data:
        source = data.train
        assert isinstance(source, PackedSource)
        assert source.labels is not None
        draw = Draw("clinic", "labels", seed)
        hit = source.rows[draw.permutation(source.size)[: int(share * source.size)]]
        labels = source.labels.clone()
        labels[hit] = labels[hit][draw.permutation(len(hit))]
        return replace(data, train=replace(source, labels=labels), fingerprint=f"{data.fingerprint} mislabelled {seed}")

    return change


def to_255(data: Data, seed: int) -> Data:
    """Images from 0 to 255 where networks expect −1 to 1."""

    def scaled(batch: Batch, draw: Draw) -> Batch:
        return replace(batch, real=(batch.real + 1) * 127.5)

    return replace(
        data,
        train=Changed(data.train, scaled),
        held_out=Changed(data.held_out, scaled),
        fingerprint=f"{data.fingerprint} to 255",
    )


RING, GLYPHS = ("r3gan", "ring"), ("dcgan", "glyphs")
LOST = ("collapse", "partial", "oscillating", "blind", "strong", "vanishing", "diverging")
"""What a game may show whose balance is lost; which of them depends on loss and penalty."""

KINDS: Mapping[str, Sickness] = {
    "fast generator": Sickness(right=LOST, options=rates(generator=30, critic=1), wards=(RING, GLYPHS)),
    "fast critic": Sickness(right=LOST, options=rates(generator=1, critic=30), wards=(RING, GLYPHS)),
    "tiny critic": Sickness(
        right=("blind", "collapse", "partial", "oscillating"),
        critic=lambda space: MLPCritic(space, width=2, depth=1),
        wards=(RING, ("dcgan", "digits")),
    ),
    "deep critic": Sickness(
        right=("blind", "vanishing", "collapse"),
        critic=lambda space: MLPCritic(space, width=64, depth=16),
        wards=(("gan", "ring"), ("lsgan", "digits")),
    ),
    "saturating": Sickness(
        right=("vanishing", "strong"),
        options={"loss": "minimax", "critic_steps": "5"},
        wards=(("gan", "digits"), ("gan", "glyphs")),
    ),
    "no penalty": Sickness(
        right=("diverging", "strong", "oscillating", "collapse"),
        options={"gp_weight": 0.0},
        wards=(("wgan-gp", "ring"), ("wgan-gp", "digits")),
    ),
    "tight clip": Sickness(
        right=("vanishing", "blind"),
        options={"clip": 1e-4},
        wards=(("wgan", "grid"), ("wgan", "digits")),
    ),
    "batch of four": Sickness(right=LOST, options={"batch_size": 4}, wards=(("dcgan", "digits"), ("gan", "glyphs"))),
    "sixty images": Sickness(
        right=("few", "overfitting", "memorising"),
        data=few(60),
        wards=(("dcgan", "digits"), ("r3gan", "glyphs")),
        curable=False,
    ),
    "duplicates": Sickness(
        right=("duplicates", "few", "overfitting", "memorising"),
        data=twice(20, 70),
        wards=(("dcgan", "digits"), ("cgan", "digits")),
        curable=False,
    ),
    "one class": Sickness(
        right=("imbalance",), data=one_class(0.95), wards=(("dcgan", "digits"), ("r3gan", "glyphs")), curable=False
    ),
    "wrong labels": Sickness(
        right=("label noise",), data=wrong_labels(0.5), wards=(("cgan", "digits"), ("dcgan", "digits")), curable=False
    ),
    "up to 255": Sickness(
        right=("range",), data=to_255, wards=(("dcgan", "digits"), ("wgan-gp", "glyphs")), curable=False
    ),
    "slow data": Sickness(
        right=("starved",), data=slow(0.01), wards=(("gan", "ring"), ("dcgan", "digits")), curable=False
    ),
    "not a number": Sickness(
        right=("nan",),
        plan=poisoned(lambda term: term * float("nan"), moves=1),
        wards=(("gan", "ring"), ("dcgan", "digits")),
        late=True,
    ),
    "overflow": Sickness(
        right=("nan", "diverging"), plan=poisoned(overflow), wards=(("r3gan", "grid"), ("dcgan", "glyphs")), late=True
    ),
    "frozen generator": Sickness(
        right=("stagnation",), options=rates(generator=0, critic=1), wards=(("r3gan", "ring"), ("dcgan", "digits"))
    ),
    "dead units": Sickness(right=("dead", "stagnation"), plan=dead_units, wards=(("gan", "ring"), ("gan", "digits"))),
    "momentum": Sickness(
        right=(*LOST, "nan"),
        options=lambda usual: {"optimizer": "momentum", "betas": (0.99, 0.0), **rates(50, 50)(usual)},
        wards=(("gan", "ring"), ("dcgan", "digits")),
    ),
}
"""What is done to a training."""

HEALTHY: tuple[tuple[str, str], ...] = (
    *((recipe, data) for recipe in ("r3gan", "wgan-gp") for data in ("ring", "grid", "digits", "glyphs")),
    *((recipe, data) for recipe in ("dcgan", "lsgan", "cgan", "dragan") for data in ("digits", "glyphs")),
    *((recipe, "digits") for recipe in ("gan", "wgan", "sngan", "acgan", "projection", "infogan", "sgan")),
    *((recipe, "digits") for recipe in ("progan", "stylegan", "stylegan2", "stylegan3", "sagan", "biggan")),
    *((recipe, "digits") for recipe in ("lapgan", "vitgan", "transgan")),
    ("cyclegan", "glyphs:sans-serif"),
    *(("gan", data) for data in ("ring", "glyphs")),
    *(("wgan", data) for data in ("grid", "glyphs")),
)
"""(recipe, data) to which nothing is done."""
