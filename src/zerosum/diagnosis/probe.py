"""Signals: what a short look at the players tells, without a trace in the training.

At every moment the same training samples, held-out samples and latents are looked at, so that what changes between two
moments is the players. Networks are shown batches as in training (batch normalisation takes the statistics of the batch
before it), but nothing in them moves.

| signal | what |
| --- | --- |
| `score_real`, `score_fake` | mean score of training samples x and of generated ones G(z) |
| `auc` | P(D(x) > D(G(z))): 1, the critic tells them apart; ½, it cannot |
| `auc_held_out` | P(D(x) > D(x')) for held-out x': beyond ½ the critic knows its training samples by heart |
| `spread_real`, `spread_fake` | standard deviation of those scores |
| `r_t`, `sign_fake` | E sign D(x) (Karras 2020, equation 1), E sign D(G(z)) |
| `diversity` | mean distance of two generated samples, over that of two real ones |
| `precision`, `coverage` | share of generated samples near real ones, and of real ones with a generated one near |
| `missing` | share of real samples from which every generated one is several neighbourhoods away |
| `distance` | energy distance of generated and real samples (Székely 2013), over the distance of two real ones |
| `memorised` | share of generated samples that lie at one training sample; see `zerosum.diagnosis.memory` |
| `drift` | distance of a live sample to the averaged generator's, over that of two real ones |
| `dead` | the largest share of units in a layer that answer 0 to every sample |
| `outside` | share of real values outside the range that generators can reach |
| `repeats` | share of generated samples that another one repeats: nearer than any two real ones are, but one in 100 |
| `rarest` | of the classes, share of samples nearest to the rarest (`rarest_class`), over its share of real ones |
| `narrowest` | where classes are asked for, `diversity` within the class that varies least (`narrowest_class`) |
| `off_slope_…` | how far the critic's slope is from what a penalty wants; see `zerosum.diagnosis.slopes` |
| `share/…` | of a player's terms, the share of its gradient that each has; see `zerosum.diagnosis.shares` |

Of a game that makes samples in several ways (translation, in both directions) each is looked at; signals of the first
have these names, those of another the name of its sampler before them: `B2A/auc`.

Distances are taken in `plain_features`: coarse, but the same for every training.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.data.core import Batch, Source
from zerosum.diagnosis.features import plain_features
from zerosum.diagnosis.memory import Memory
from zerosum.diagnosis.shares import shares
from zerosum.diagnosis.slopes import off_slopes
from zerosum.draw import Draw
from zerosum.games import Game, Sampler
from zerosum.spaces import Images, Space
from zerosum.training.observers import State

PREFIX = "signal/"
SAMPLES = 256
K = 5
"""A real sample's neighbourhood reaches to its k-th nearest …"""
NEAR = 0.1
"""… and to this share of the typical distance at least: in tight clusters a miss by a hair is no miss."""
FAR = 3.0
"""A real sample with no generated one within so many radii of its neighbourhood is missing; noise goes less far."""
BEYOND = 0.01
"""In network values: what is farther outside the range counts."""
OFTEN = 0.01
"""Share of real samples that lie so near to another one that a generated one would count as its repetition."""
ENOUGH = 10
"""Real samples that a class needs to be asked after."""


@dataclass(frozen=True)
class Seen:
    """What one look sees.

    Attributes:
        train, held_out: batches of real samples.
        fake: of the live generator, as many as there are training samples.
        averaged: of the averaged one from the same latents; None where nothing is averaged.
        scores: of `real`, `fake` and `held_out` samples, `(n,)` each; empty where nobody judges them.
        activity: of every ReLU, the largest answer of each unit.
    """

    train: Batch
    held_out: Batch
    fake: Tensor
    averaged: Tensor | None
    scores: dict[str, Tensor]
    activity: list[Tensor]


def probe(state: State, n: int = SAMPLES, memory: Memory | None = None) -> dict[str, float]:
    """Signals of a moment, from `n` samples of each kind; names begin with `signal/`."""
    networks = state.game.networks
    found: dict[str, Tensor] = {}
    with undisturbed(networks.values()), undisturbed(state.averaged.values()), torch.no_grad():
        for number, (name, sampler) in enumerate(state.game.samplers.items()):
            with state.autocast():
                seen = look(state, sampler, n)
            samples = of_samples(state.data.space, seen, memory, asked=sampler.given == "label")
            own = of_scores(seen) | samples | of_units(seen)
            found |= {f"{name}/{signal}" if number else signal: value for signal, value in own.items()}
        found |= shares(state)
    values = torch.stack([value.float() for value in found.values()]).tolist()  # waits for the device, once
    told = dict(zip(found, values, strict=True)) | off_slopes(state.values, state.game.phases)
    return {f"{PREFIX}{name}": value for name, value in told.items()}


def look(state: State, sampler: Sampler, n: int) -> Seen:
    """Samples, made and real of the kind that is to be made."""
    draw, networks = state.draw.sub("probe"), state.game.networks
    train, held_out = (
        known(state.game, take(source, n, draw.sub(key)))
        for key, source in (("train", state.data.train), ("held-out", state.data.held_out))
    )
    with listening(networks.values()) as activity:
        fake = sampler.make(networks, train, draw.sub("latents")).float()
        scores = {}
        if sampler.score is not None:
            reals = {"real": train, "held_out": held_out}
            pairs = {name: (wanted(sampler, batch).real, batch) for name, batch in reals.items()}
            pairs["fake"] = (fake, train)
            scores = {name: rows(sampler.score(networks, *pair)) for name, pair in pairs.items()}
    averaged = None
    if state.averaged:
        averaged = sampler.make({**networks, **state.averaged}, train, draw.sub("latents")).float()
    train, held_out = (wanted(sampler, batch) for batch in (train, held_out))
    return Seen(train, held_out, fake, averaged, scores, list(activity.values()))


def wanted(sampler: Sampler, batch: Batch) -> Batch:
    """The real samples that a sampler's are to be like: what is made of `real` is to be like `condition`.

    Labels are those of `condition`, where there is one.
    """
    if batch.condition is None:
        return batch
    return replace(batch, real=batch.condition) if sampler.given == "real" else replace(batch, label=None)


def take(source: Source, n: int, draw: Draw) -> Batch:
    """At most `n` samples, evenly spaced; a density makes `n`."""
    size = source.size
    positions = torch.arange(n) if size is None else torch.linspace(0, size - 1, min(n, size)).round().long()
    return source.batch(positions, draw)


def known(game: Game, batch: Batch) -> Batch:
    """A batch as the players know it: of a network that still grows, nobody asks what it cannot make yet."""
    return replace(batch, real=game.view(batch.real))


def rows(scores: Tensor) -> Tensor:
    """A score a sample, `(n,)`, of scores `(n, …)`."""
    return scores.float().reshape(len(scores), -1).mean(1)


# --- what follows from it ---


def of_scores(seen: Seen) -> dict[str, Tensor]:
    """What the critic tells apart."""
    if not seen.scores:
        return {}
    real, fake, held_out = (seen.scores[name] for name in ("real", "fake", "held_out"))
    return {
        "score_real": real.mean(),
        "score_fake": fake.mean(),
        "auc": auc(real, fake),
        "auc_held_out": auc(real, held_out),
        "spread_real": real.std(),
        "spread_fake": fake.std(),
        "r_t": real.sign().mean(),
        "sign_fake": fake.sign().mean(),
    }


def auc(above: Tensor, below: Tensor) -> Tensor:
    """P(a > b) + P(a = b) / 2 for a of `above` and b of `below`.

    >>> auc(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 3.0])).item()
    0.625
    """
    difference = above[:, None] - below
    return (difference > 0).float().mean() + (difference == 0).float().mean() / 2


def of_samples(space: Space, seen: Seen, memory: Memory | None, *, asked: bool = False) -> dict[str, Tensor]:
    """How the generated samples lie among the real ones, and among those that may have been learnt by heart.

    `asked`: whether each generated sample should be of the class of the training sample in its row.
    """
    real, fake = (plain_features(space, x) for x in (seen.train.real, seen.fake))
    within, apart, among = distances(real, real), distances(real, fake), distances(fake, fake)
    width, spread = typical(within), typical(among)
    radius = within.kthvalue(min(K + 1, len(real)), dim=1).values  # the nearest is itself
    radius = radius.clamp(min=NEAR * width)
    near = apart <= radius[:, None]
    found = {
        "diversity": spread / width,
        "precision": near.any(0).float().mean(),
        "coverage": near.any(1).float().mean(),
        "missing": (apart.amin(1) > FAR * radius).float().mean(),
        "distance": (2 * apart.mean() - width - spread) / width,  # without bias: 0 on average for one distribution
    }
    if len(real) > 1:
        found["repeats"] = (others(among) < others(within).quantile(OFTEN)).float().mean()
    if memory is not None:
        found["memorised"] = memory.share(fake).to(fake.device)
    if seen.averaged is not None:
        found["drift"] = (fake - plain_features(space, seen.averaged)).norm(dim=1).mean() / width
    if isinstance(space, Images):
        found["outside"] = (
            ((space.encode(space.decode(seen.train.real)) - seen.train.real).abs() > BEYOND).float().mean()
        )
    if seen.train.label is not None and space.classes:
        found |= rarest(seen.train.label, seen.train.label[apart.argmin(0)], len(space.classes))
        if asked:
            found |= narrowest(seen.train.label, within, among, len(space.classes))
    return found


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Between all pairs, `(n, m)`, by differences: a product would lose near copies."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def others(within: Tensor) -> Tensor:
    """Distance of each to the nearest other, `(n,)`, of those `(n, n)` within a set."""
    return (within + torch.diag(torch.full_like(within[0], torch.inf))).amin(1)


def typical(within: Tensor) -> Tensor:
    """Mean distance of two different samples, of those `(n, n)` within a set."""
    n = len(within)
    return within.sum() / max(1, n * (n - 1))


def rarest(real: Tensor, made: Tensor, classes: int) -> dict[str, Tensor]:
    """The share of the class that is made too rarely, over its share of real samples; of classes that are not rare."""
    there, here = (torch.bincount(labels, minlength=classes).float() for labels in (real, made))
    return least("rarest", (here / len(made)) / (there / len(real)), there)


def narrowest(labels: Tensor, within: Tensor, among: Tensor, classes: int) -> dict[str, Tensor]:
    """Mean distance of two generated samples of one class, over that of two real ones; the class with the least."""
    member = nn.functional.one_hot(labels, classes).to(within.dtype)
    real, made = (torch.einsum("ic,ij,jc->c", member, pairs, member) for pairs in (within, among))
    return least("narrowest", made / real, member.sum(0))


def least(name: str, values: Tensor, counts: Tensor) -> dict[str, Tensor]:
    """The smallest value of a class that is not rare, and whose it is."""
    known = torch.where(counts >= ENOUGH, values, torch.inf)
    if not bool((counts >= ENOUGH).any()):
        return {}
    return {name: known.min(), f"{name}_class": known.argmin()}


def of_units(seen: Seen) -> dict[str, Tensor]:
    """Layers that have fallen silent."""
    silent = [(largest <= 0).float().mean() for largest in seen.activity]
    return {"dead": torch.stack(silent).max()} if silent else {}


# --- without a trace ---


@contextmanager
def listening(networks: Iterable[nn.Module]) -> Iterator[dict[nn.Module, Tensor]]:
    """The largest answer of each unit of each ReLU to what the networks are shown meanwhile."""
    heard: dict[nn.Module, Tensor] = {}

    def hear(module: nn.Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
        largest = answer.detach().transpose(0, 1).flatten(1).amax(1)
        heard[module] = torch.maximum(heard[module], largest) if module in heard else largest

    layers = [module for network in networks for module in network.modules() if isinstance(module, nn.ReLU)]
    hooks = [layer.register_forward_hook(hear) for layer in layers]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def undisturbed(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Networks that may be used without a change in them, and are afterwards as they were.

    Batch normalisation works on the batch before it, as in training, but keeps no statistics; whatever else behaves
    differently in training (dropout, the power iteration of spectral normalisation) rests.
    """
    modules = [module for network in networks for module in network.modules()]
    norms = [module for module in modules if isinstance(module, _BatchNorm)]
    training = [module.training for module in modules]
    tracking = [norm.track_running_stats for norm in norms]
    for module in modules:
        module.training = isinstance(module, _BatchNorm)
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for module, before in zip(modules, training, strict=True):
            module.training = before
        for norm, kept in zip(norms, tracking, strict=True):
            norm.track_running_stats = kept
