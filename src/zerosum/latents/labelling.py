"""What class generated samples are of, by a classifier that has seen real ones only, and what follows for latents.

- averages: the mean latent of a class (Radford 2016, section 6.3.2, of three samples);
- boundaries: a hyperplane between the latents of two classes, whose normal is the direction that leads from the one to
  the other (Shen 2020, InterFaceGAN, section 3.1; a linear support vector machine as there).
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.latents.directions import Directions, deviations
from zerosum.latents.explorer import Explorer, Latents, Level, pieces
from zerosum.metrics.networks import Classifier, classifier_for
from zerosum.metrics.statistics import show
from zerosum.runs.trained import class_number
from zerosum.spaces import Images

FEWEST = 10
"""Samples of a class that a boundary or a mean is taken from."""


def classes_of(explorer: Explorer, latents: Latents) -> Tensor:
    """The class of each latent's sample, `(n,)`; that which was asked for, where the generator is told.

    Raises:
        UserError: nobody knows the classes.
    """
    if latents.labels is not None:
        return latents.labels.cpu()
    predict = predictor(explorer)
    with torch.no_grad():
        return torch.cat([predict(explorer.samples(part)).cpu() for part in pieces(latents)])


def predictor(explorer: Explorer) -> Callable[[Tensor], Tensor]:
    """Samples `(n, *shape)` in network values to class numbers `(n,)`.

    It is the classifier that is trained once on the run's own training data, or that the run itself has learned.

    Raises:
        UserError: there are no classes, or the samples are no images and the run has learned no classifier.
    """
    refuse_no_classes(explorer)
    learned = explorer.trained.game.classifier
    if learned is not None:
        told = learned
        networks = {name: copy.deepcopy(network).eval() for name, network in explorer.trained.game.networks.items()}
        return lambda samples: told(networks, samples.cpu()).argmax(1)
    if not isinstance(explorer.space, Images):
        raise UserError(f"Samples are classified where they are images; these are {explorer.space.kind}.")
    network = classifier_for(explorer.data, device=explorer.device)
    assert isinstance(network, Classifier)
    return lambda samples: network.predict(show(explorer.space, samples))


def refuse_no_classes(explorer: Explorer, *names: str) -> None:
    """Raise a UserError for a run on data without labels, or without classes of these names."""
    if not explorer.space.classes:
        raise UserError(
            "This needs labels, and the run's data has none: take directions without labels (sefa, ganspace)."
        )
    for name in names:
        class_number(name, explorer.space.classes)


def refuse_told(explorer: Explorer, level: Level) -> None:
    """Raise a UserError where the class is no property of the latent."""
    if explorer.conditional and level == "z":
        raise UserError("This generator is told the class beside its latents, which hold nothing of it: take --label.")


def mean_of(explorer: Explorer, latents: Latents, found: Tensor, name: str) -> Tensor:
    """The mean of the latents whose samples are of a class, of the shape of one.

    Raises:
        UserError: there is no such class, or too few samples of it.
    """
    return latents.values[members(explorer, found, name).to(latents.values.device)].mean(0)


def members(explorer: Explorer, found: Tensor, name: str) -> Tensor:
    """Which samples are of a class, `(n,)`.

    Raises:
        UserError: there is no such class, or too few.
    """
    mine = found == class_number(name, explorer.space.classes)
    if mine.sum() < FEWEST:
        raise UserError(
            f"Only {int(mine.sum())} of {len(found)} samples are of class {name!r}; at least {FEWEST} are needed: "
            "take more samples, or train longer."
        )
    return mine


def boundary(explorer: Explorer, latents: Latents, positive: Tensor, negative: Tensor, caption: str) -> Directions:
    """The unit normal of the hyperplane that parts two sets of latents; towards the positive ones.

    Args:
        explorer: the generator.
        latents: `z` or `w`, `(n, size)`.
        positive, negative: which are of either set, `(n,)`.
        caption: what it is called.
    """
    from sklearn.svm import LinearSVC  # slow to import

    chosen = positive | negative
    values, sides = latents.values.cpu()[chosen].double(), positive[chosen]
    spread = values.std(0).clamp_min(1e-6)
    machine = LinearSVC(C=0.01, dual=False, class_weight="balanced").fit((values / spread).numpy(), sides.numpy())
    normal = torch.nn.functional.normalize(torch.from_numpy(machine.coef_) / spread, dim=1).float()
    right = (torch.from_numpy(machine.predict((values / spread).numpy())) == sides).double().mean().item()
    said = f"{caption}, {right:.1%} of its own latents on the right side"
    normal = normal.to(explorer.device)
    return Directions(normal, deviations(explorer, normal, latents.level), latents.level, (said,))


def by_labels(
    explorer: Explorer, level: Level, positive: str, negative: str | None, *, n: int = 2_000, seed: int = 0
) -> Directions:
    """The direction towards a class, away from another or from all others.

    Raises:
        UserError: no classes, no such class, or too few samples of it.
    """
    refuse_no_classes(explorer, positive, *([] if negative is None else [negative]))
    refuse_told(explorer, level)
    if positive == negative:
        raise UserError(f"positive and negative are both {positive!r}; there is no boundary between them.")
    latents = explorer.draw(n, seed, level="z" if level == "z" else "w")
    found = classes_of(explorer, latents)
    mine = members(explorer, found, positive)
    others = ~mine if negative is None else members(explorer, found, negative)
    return boundary(explorer, latents, mine, others, f"{positive} against {negative or 'all others'}")
