"""Walking through the latents of trained generators, on digits.

Inversion: held-out digits are inverted, and the mean squared error of what is found is compared with that of the
nearest training sample, which a generator that has learned by heart would give, and of the nearest of 1,000 drawn ones.
Interpolation: the largest step of ten between two samples, as a multiple of the mean step, in features of the
classifier; a generator that jumps from one training sample to the next has one large step. Directions by labels: share
of samples that the classifier takes for the class that the direction leads to, three deviations on either side.
"""

from collections.abc import Mapping
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from records import Case, Measured, Target, run
from trainings import training
from zerosum.draw import Draw
from zerosum.latents import Explorer
from zerosum.latents.distances import distance
from zerosum.latents.inversion import Descent, Inversion, inverted
from zerosum.latents.labelling import by_labels, predictor
from zerosum.latents.nearest import training as training_samples
from zerosum.latents.walking import between

PICTURES, WAYS, SHOWN = 96, 200, 12
TRIAL = {"length_samples": 1_280}
PAIR = ("7", "1")
"""Classes between which a direction leads."""


def walked(recipe: str, seed: int, trial: bool) -> Measured:
    """Everything that is measured of one training."""
    with training(recipe, data="digits", seed=seed, **(TRIAL if trial else {})) as (played, took):
        explorer = played.latents(progress=False)
        found, figures = inversion(explorer, seed, trial)
        figures |= smoothness(explorer, seed, 10 if trial else WAYS)
        figures |= {} if trial else steering(explorer, seed)
    return Measured(figures | {"seconds": took}, found)


def inversion(explorer: Explorer, seed: int, trial: bool) -> tuple[Image.Image, dict[str, float]]:
    """Errors of inverted held-out digits and of what else could stand for them, and some of them to look at."""
    real = held_out(explorer, 2 if trial else PICTURES)
    descent = Descent(steps=5, starts=1) if trial else Descent()
    found: Inversion = inverted(explorer, real, distance(explorer), descent, seed=seed)
    neighbours = torch.cat(list(training_samples(explorer)))
    nearest = torch.cdist(real.flatten(1), neighbours.flatten(1)).min(1)
    errors = (found.samples - real).square().flatten(1).mean(1)
    near = nearest.values.square() / real[0].numel()
    rows = torch.stack([real, neighbours[nearest.indices], found.begun, found.samples])[:, :SHOWN]
    figures = {
        "error": errors.mean().item(),
        "error_of_nearest_training": near.mean().item(),
        "error_of_nearest_drawn": (found.begun - real).square().mean().item(),
        "ratio": (errors.mean() / near.mean()).item(),
        "better": (errors < near).double().mean().item(),
    }
    return explorer.space.picture(rows.flatten(0, 1), columns=rows.shape[1]), figures


def smoothness(explorer: Explorer, seed: int, ways: int) -> dict[str, float]:
    """The largest of ten steps as a multiple of the mean one, averaged over ways."""
    ends = explorer.draw(2 * ways, seed)
    way = between(explorer, ends[slice(0, ways)], ends[slice(ways, None)], 11)
    by = distance(explorer)
    with torch.no_grad():
        seen = torch.cat([by.embed(part) for part in torch.split(explorer.make(way), 250)])
    steps = seen.view(ways, 11, -1).diff(dim=1).norm(dim=2)
    return {"largest_step": (steps.max(1).values / steps.mean(1)).mean().item()}


def steering(explorer: Explorer, seed: int) -> dict[str, float]:
    """Share of samples of either class at either end of the direction between two classes."""
    level = explorer.level()
    found = by_labels(explorer, "z" if level == "z" else "w", *PAIR, seed=seed)
    latents = explorer.draw(WAYS, seed + 1)
    predict = predictor(explorer)

    def share(far: float, name: str) -> float:
        number = torch.zeros(WAYS, dtype=torch.int64)
        moved = found.moved(latents, number, torch.full((WAYS,), far))
        return (predict(explorer.make(moved)) == explorer.space.classes.index(name)).double().mean().item()

    return {"steered_to": share(3.0, PAIR[0]), "steered_away": share(-3.0, PAIR[0])}


def held_out(explorer: Explorer, n: int) -> Tensor:
    """Samples that were never trained on, evenly spaced."""
    source = explorer.data.held_out
    assert source.size is not None
    return source.batch(torch.linspace(0, source.size - 1, n).round().long(), Draw("held out")).real


TARGETS: Mapping[str, Target] = {"ratio": Target(high=1.0), "better": Target(low=0.9)}
CASES = [
    Case(
        name=recipe,
        measure=partial(walked, recipe),
        options={"pictures": PICTURES, "ways": WAYS},
        targets=TARGETS,
    )
    for recipe in ("r3gan", "stylegan2")
]

if __name__ == "__main__":
    run("latents", __doc__, CASES)
