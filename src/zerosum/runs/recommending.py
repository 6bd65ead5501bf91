"""What to train on a data set, and how: a recipe and its sizes, as a command line that can be given at once."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch

from zerosum import recipes
from zerosum.data import DataOptions
from zerosum.diagnosis.dataset import Examination
from zerosum.errors import UserError
from zerosum.networks.pyramid import nearest_sizes
from zerosum.recipes.options import build, options
from zerosum.runs.commands import flag
from zerosum.runs.judging import SENSIBLE
from zerosum.spaces import Images

SIDE_ON_CPU = 64
"""On one core of a CPU 145,000 samples take r3gan 6 minutes at 32 x 32, 20 at 64 x 64, over an hour at 128 x 128."""
VISITS = 5
"""Of each sample at the least, where there is an accelerator."""
PATIENCE = 10
"""Evaluations without a better one, where samples are few."""
MEASURED_PIXELS = 32 * 32
"""Of the images that recipes were measured on."""
MANY, WIDE = 20_000, 32
"""Training samples that teach a wider network, and its width."""
FEW, AUGMENT = 1_000, 0.5
"""Training samples below which the critic is shown variations, and how often."""


@dataclass(frozen=True)
class Choice:
    """A value for an option of a training.

    Attributes:
        option: as in Python.
        value: that is recommended.
        usual: whether the training would take it by itself.
        why: it was chosen, in a sentence.
    """

    option: str
    value: Any
    usual: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """How to train.

    Attributes:
        recipe: by name.
        about: why this one.
        choices: of sizes.
        said: options of the data that were given.
        source: the data as it is named on a command line; None where only Python has it.
    """

    recipe: str
    about: str
    choices: tuple[Choice, ...]
    said: Mapping[str, Any]
    source: str | None

    @property
    def options(self) -> dict[str, Any]:
        """What has to be said."""
        return {**self.said, **{choice.option: choice.value for choice in self.choices if not choice.usual}}

    @property
    def command(self) -> str:
        """What to type: a command line, or a line of Python for data from there."""
        if self.source is None:
            words = [repr(self.recipe), "data=data", *(f"{name}={value!r}" for name, value in self.options.items())]
            return f"zerosum.train({', '.join(words)})"
        flags = [word for name, value in self.options.items() for word in flag(name, value)]
        return shlex.join(["zerosum", "train", self.recipe, "--data", self.source, *flags])

    @property
    def why(self) -> tuple[str, ...]:
        """A sentence a choice."""
        return (self.about, *(choice.why for choice in self.choices))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        sizes = {choice.option: choice.value for choice in self.choices}
        return {"recipe": self.recipe, **sizes, "command": self.command, "why": list(self.why)}


def recommendation(
    found: Examination, recipe: str, data_options: DataOptions, device: str, source: str | None
) -> Recommendation:
    """A recipe with sizes that suit the data and the device.

    Args:
        found: in the data.
        recipe: by name.
        data_options: with which the data was opened.
        device: `cpu`, `cuda` or `mps`.
        source: see `Recommendation`.
    """
    usual = {name: option.default for name, option in options(recipes.recipe(recipe), found.space.kind).items()}
    size, batch = resolution(found, recipe, device), batch_size(found, usual["batch_size"])
    choices = [
        size,
        batch,
        width(found, usual, device),
        gamma(found, usual, size, batch),
        augmentation(found, usual),
        length(found, usual["length_samples"], device),
        patience(found),
    ]
    default = DataOptions()
    said = {field.name: getattr(data_options, field.name) for field in fields(data_options)}
    return Recommendation(
        recipe=recipe,
        about=about(recipe, found),
        choices=tuple(choice for choice in choices if choice is not None),
        said={name: value for name, value in said.items() if value != getattr(default, name)},
        source=source,
    )


def about(recipe: str, found: Examination) -> str:
    """Why this recipe."""
    line = f"{recipe}, {recipes.names()[recipe]}, is what zerosum takes for such data"
    labelled = bool(found.space.classes) and recipe != "cyclegan"
    return f"{line}; cgan makes samples of a class that is asked for." if labelled else f"{line}."


def resolution(found: Examination, recipe: str, device: str) -> Choice | None:
    """A size that a CPU can do, and that the recipe's networks can have; None for what has no size."""
    if not isinstance(found.space, Images):
        return None
    height, width = found.space.shape[1:]
    factor = min(1.0, SIDE_ON_CPU / max(height, width)) if device == "cpu" else 1.0
    if factor == 1 and can_be_built(recipe, found.space):
        own = f"{height}x{width}"
        return Choice("resolution", own, True, f"{own}, the data's own size, is one that networks and device can do.")
    rows, columns = nearest_sizes(round(height * factor), round(width * factor))[0]
    size = str(rows) if rows == columns else f"{rows}x{columns}"
    if factor < 1:
        why = f"{size} for a first run: at {height}x{width} a CPU takes hours, about four times as many a doubling."
        return Choice("resolution", size, False, why)
    return Choice(
        "resolution", size, False, f"{size}: networks that double from a small base have no {height}x{width}."
    )


def can_be_built(recipe: str, space: Images) -> bool:
    """Whether the recipe has networks for such images."""
    try:
        with torch.random.fork_rng():
            build(recipes.recipe(recipe), space, {})
    except UserError:
        return False
    return True


def batch_size(found: Examination, usual: int) -> Choice:
    """The recipe's own, or a power of two that the training samples can fill."""
    size = found.train_size
    if size is None or size >= usual:
        return Choice("batch_size", usual, True, f"Batches of {usual} are what the recipe was measured with.")
    value = 1 << (size.bit_length() - 1)
    return Choice("batch_size", value, False, f"Batches of {value}: {size} training samples fill no batch of {usual}.")


def width(found: Examination, usual: Mapping[str, Any], device: str) -> Choice | None:
    """Twice the channels where an accelerator can do them and there is much to learn."""
    enough = found.train_size is not None and found.train_size >= MANY
    if device == "cpu" or not isinstance(found.space, Images) or not enough or "width" not in usual:
        return None
    why = f"{WIDE} channels at the finest level: {found.train_size:,} samples can teach them."
    return Choice("width", WIDE, False, why)


def gamma(found: Examination, usual: Mapping[str, Any], size: Choice | None, batch: Choice) -> Choice | None:
    """The weight of R1 and R2 from pixels beyond 32 x 32 and the batch, in the proportion of StyleGAN2-ADA's rule."""
    if "gamma" not in usual or size is None:
        return None
    rows, _, columns = str(size.value).partition("x")
    pixels = max(MEASURED_PIXELS, int(rows) * int(columns or rows))
    value = float(f"{usual['gamma'] * pixels / MEASURED_PIXELS * usual['batch_size'] / batch.value:.2g}")
    why = f"Gamma {value:g}: in proportion to pixels over batch (Karras 2020), from {usual['gamma']:g} at 32x32."
    return Choice("gamma", value, value == usual["gamma"], why)


def augmentation(found: Examination, usual: Mapping[str, Any]) -> Choice | None:
    """Variation of what the critic sees, where samples are few."""
    few = found.train_size is not None and found.train_size < FEW
    if not few or "augment" not in usual or not isinstance(found.space, Images):
        return None
    why = f"Augmentation with probability {AUGMENT}: {found.train_size} samples are soon known by heart (Zhao 2020)."
    return Choice("augment", AUGMENT, False, why)


def length(found: Examination, usual: int, device: str) -> Choice:
    """The recipe's own, or `VISITS` of each sample where an accelerator makes them quickly."""
    size = found.train_size
    if size is None:
        return Choice("length_samples", usual, True, f"{usual:,} samples are what the recipe was measured with.")
    if device != "cpu" and VISITS * size > usual:
        why = f"{VISITS} visits of each of {size:,} training samples."
        return Choice("length_samples", VISITS * size, False, why)
    return Choice("length_samples", usual, True, f"{usual:,} samples: each training sample {usual / size:.3g} times.")


def patience(found: Examination) -> Choice | None:
    """An earlier end where there are too few different samples."""
    if not {"few", "duplicates"} & {finding.kind for finding in found.findings}:
        return None
    if found.held_out_size is not None and found.held_out_size < SENSIBLE:
        why = (
            f"With {found.held_out_size} samples held out no evaluation tells when samples are best: the pictures must."
        )
        return Choice("patience", None, True, why)
    why = "So few samples are soon known by heart: the training ends when its evaluations get no better."
    return Choice("patience", PATIENCE, False, why)
