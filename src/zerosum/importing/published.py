"""What a file of published weights holds, under our names, and the options of the recipe that it was made with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.importing.names import Names
from zerosum.networks.filters import Filter
from zerosum.networks.progressive import widths_of
from zerosum.recipes.options import options
from zerosum.recipes.stylegan2 import stylegan2

Tensors = dict[str, Tensor]

FILTERS = re.compile(r"(.*\.)?(resample_filter|kernel)")
"""What filters are called, which are no weights."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Networks of a file.

    Attributes:
        kind: of the file.
        averaged: the averaged generator's tensors by our names.
        live: the same of the generator as trained last, where it is there.
        critic: the critic's, or why it is not carried over.
        options: of the recipe.
        recipe: `stylegan2` or `stylegan3`.
        shape: of a sample.
        classes: how many.
        mean_known: whether the mean of w was in the file; else it is to be estimated.
    """

    kind: str
    averaged: Tensors
    live: Tensors | None
    critic: Tensors | str
    options: Mapping[str, Any]
    shape: tuple[int, int, int]
    classes: int
    mean_known: bool = True
    recipe: str = "stylegan2"


def renamed(found: Mapping[str, Tensor], names: Names, whose: str, of: str = "StyleGAN2") -> Tensors:
    """A network's tensors by our names.

    Raises:
        UserError: one is missing, another is there besides, or the filter is another one.
    """
    for name in (name for name in found if FILTERS.fullmatch(name)):
        refuse_other_filter(name, found[name])
    besides = {name for name in found if not FILTERS.fullmatch(name)} - set(names.values())
    if lacking := sorted(set(names.values()) - set(found)):
        raise UserError(f"The {whose} of the file is not {of}'s: it lacks {lacking[0]!r}.")
    if besides:
        raise UserError(f"The {whose} of the file is not {of}'s: it has {min(besides)!r} besides.")
    return {ours: found[theirs] for ours, theirs in names.items()}


def refuse_other_filter(name: str, kernel: Tensor) -> None:
    """Raise a UserError for a filter that is not the published one, whatever its gain."""
    published = Filter().kernel
    if kernel.shape != published.shape or not torch.allclose(kernel.float() / kernel.float().sum(), published):
        raise UserError(f"{name!r} of the file is another filter than the outer product of (1, 3, 3, 1).")


def options_of(tensors: Tensors, levels: int, depth: int) -> dict[str, Any]:
    """The options of the recipe that a generator's tensors tell by their shapes."""
    size_w, told = tensors["style.network.0.weight"].shape
    embedding = tensors.get("style.embedding.weight")
    widths = [tensors[f"body.convolutions.{2 * level}.convolution.weight"].shape[-4] for level in range(levels + 1)]
    usual = options(stylegan2)["max_width"].default
    return {
        "width": widths[-1],
        "max_width": usual if widths_of(levels, widths[-1], usual) == widths else max(widths),
        "latent_size": told - (0 if embedding is None else len(embedding)),
        "size_w": size_w,
        "depth": depth,
        "labels": "none" if embedding is None else "projection",
    }


def shape_of(tensors: Tensors, levels: int) -> tuple[int, int, int]:
    """Channels, height and width of a sample."""
    channels = tensors["body.pictures.0.convolution.weight"].shape[-4]
    return channels, 4 << levels, 4 << levels


def counted(pattern: str, found: Mapping[str, Tensor]) -> int:
    """How many tensors have such a name."""
    return sum(re.fullmatch(pattern, name) is not None for name in found)


def fitted(tensors: Tensors, like: Mapping[str, Tensor], whose: str) -> Tensors:
    """Tensors in the shapes and the type of a network's own; sides of length 1 may stand elsewhere.

    Raises:
        UserError: one has another size.
    """
    for name, own in like.items():
        if sides(tensors[name]) != sides(own):
            raise UserError(
                f"The {whose} of the file is not as published: {name} is {tuple(tensors[name].shape)} there and "
                f"{tuple(own.shape)} here. Channels must double at each level below the finest, up to a largest number."
            )
    return {name: tensors[name].detach().to(own.dtype).reshape(own.shape) for name, own in like.items()}


def sides(tensor: Tensor) -> list[int]:
    """The sides of a tensor that are longer than 1."""
    return [side for side in tensor.shape if side != 1]
