"""Samples that another program made, looked at as the doctor looks at those of a run, with pictures to judge by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zerosum.data import Data
from zerosum.diagnosis.course import Course
from zerosum.diagnosis.detectors import DETECTORS, finding_of, thresholds
from zerosum.diagnosis.features import plain_features
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.glance import domains, evenly
from zerosum.diagnosis.memory import Memory, memory_of
from zerosum.diagnosis.probe import PREFIX, SAMPLES, Seen, distances, of_samples, take
from zerosum.draw import Draw
from zerosum.metrics.neighbours import nearest
from zerosum.metrics.statistics import Shown
from zerosum.spaces import Images, Space

IN_SAMPLES = ("collapse", "partial", "lost", "rarest", "memorising")
"""Detectors that look at samples alone."""
GRID, ROW = 64, 12
"""Samples of a picture that shows some, and of one that shows those concerned."""


@dataclass(frozen=True)
class Look:
    """What a look at samples tells.

    Attributes:
        findings: a kind once.
        pictures: of samples, by what they show.
        made, real: how many were looked at.
    """

    findings: tuple[Finding, ...]
    pictures: Mapping[str, Image.Image]
    made: int
    real: int


def look(generated: Shown, data: Data) -> Look:
    """Look at the first `SAMPLES` beside as many real ones."""
    draw, fake = Draw("diagnose"), first_of(generated, data.space)
    train, held_out = (take(source, SAMPLES, draw.sub(n)) for n, source in enumerate((data.train, data.held_out)))
    seen = Seen(train=train, held_out=held_out, fake=fake, averaged=None, scores={}, activity=[])
    memory = memory_of(data)
    signals = {name: float(value) for name, value in of_samples(data.space, seen, memory).items()}
    if len(fake) < SAMPLES:  # of so few it is chance which modes have one
        signals.pop("missing")
    apart = distances(*(plain_features(data.space, x) for x in (train.real, fake)))
    found = find_in_samples(signals, data.space.classes)
    return Look(found, pictures(found, seen, apart, data, memory), len(fake), len(train))


def first_of(shown: Shown, space: Space) -> Tensor:
    """The first samples in network values, `(n, *shape)`; files were put in an order of their own."""
    found: list[Tensor] = []
    for samples, _ in shown.chunks():
        found.append(space.encode(samples.float() / 255) if isinstance(space, Images) else samples)
        if sum(map(len, found)) >= SAMPLES:
            break
    return torch.cat(found)[:SAMPLES]


def find_in_samples(signals: Mapping[str, float], classes: Sequence[str] = ()) -> tuple[Finding, ...]:
    """What is the case at a single moment, a kind once, as sure as the surest that saw it.

    Args:
        signals: by name.
        classes: names of those that samples have.
    """
    course = Course(np.ones(1), {f"{PREFIX}{name}": np.array([value]) for name, value in signals.items()}, 1)
    found: dict[str, Finding] = {}
    for name in IN_SAMPLES:
        values = DETECTORS[name].statistic(course)
        if values[0] > thresholds()[name].at:
            one = with_class(finding_of(name, DETECTORS[name], course, values, 0, 1), classes)
            found[one.kind] = both(found.get(one.kind), replace(one, began=None, worst=None))
    return tuple(found.values())


def both(one: Finding | None, other: Finding) -> Finding:
    """Two of a kind as one: the surer, with the evidence of both."""
    if one is None:
        return other
    less, more = sorted((one, other), key=lambda finding: finding.confidence)
    return replace(more, evidence={**less.evidence, **more.evidence}, detail=less.detail or more.detail)


def with_class(finding: Finding, classes: Sequence[str]) -> Finding:
    """The finding with the class in words that it is about, where it is about one."""
    number = next((value for name, value in finding.evidence.items() if name.endswith("rarest_class")), None)
    if number is None or finding.detector != "rarest" or not int(number) < len(classes):
        return finding
    return replace(finding, detail=f"class {classes[int(number)]!r} is hardly made")


# --- pictures ---


def pictures(
    found: Sequence[Finding], seen: Seen, apart: Tensor, data: Data, memory: Memory | None
) -> dict[str, Image.Image]:
    """Samples beside real ones, and for what was found the samples that it is about."""
    space, real = data.space, seen.train.real
    shown = {"generated": space.picture(seen.fake[:GRID]), "real": space.picture(real[:GRID])}
    kinds = {finding.kind for finding in found} if isinstance(space, Images) else set()
    if "partial" in kinds:
        missed = real[apart.amin(1).argsort(descending=True)[:ROW]]
        shown["real samples that are farthest from all generated ones"] = space.picture(missed, columns=ROW)
    if "memorising" in kinds and memory is not None:
        shown["generated samples, and below each the training sample next to it"] = copied(seen.fake, data, memory)
    return shown


def copied(fake: Tensor, data: Data, memory: Memory) -> Image.Image:
    """Those generated samples that are nearest to training samples, above these."""
    ((train, _),) = domains(data).values()
    next_to = nearest(plain_features(data.space, fake), memory.train)
    first = next_to.squares[:, 0].argsort()[:ROW]
    assert train.size is not None
    positions = evenly(train.size, len(memory.train))[next_to.indices[first, 0]]
    real = train.batch(positions, Draw("diagnose", "copied")).real  # on the scale of files, like what is made of fake
    made, space = data.space, train.space
    assert isinstance(made, Images)
    return space.picture(torch.cat([space.encode(made.decode(fake[first])), real]), columns=len(first))
