"""Generators of NVlabs' stylegan3, in the same files as those of stylegan2-ada-pytorch.

What tensors do not say, the schedule of the layers, is told by their names, `L{index}_{side}_{channels}`, and held
against the filters of the file.
"""

import re
from typing import Any

import torch

from zerosum.errors import UserError
from zerosum.importing.names import AFFINE, NVLABS_PICTURE, NVLABS_STYLED, PICTURE, STYLED, Names, together
from zerosum.importing.published import Tensors, counted, renamed
from zerosum.networks.alias_free import Level, resampling, schedule

LAYER = re.compile(r"synthesis\.(L(\d+)_(\d+)_(\d+))\.weight")
FILTER = re.compile(r"synthesis\.L\d+_\d+_\d+\.(up|down)_filter")
INPUT = ("affine.weight", "affine.bias", "weight", "transform")
USUAL_WIDTH = 512
"""Channels at most, where a generator does not show another number."""


def layers_of(found: Tensors) -> list[tuple[str, int, int]]:
    """Name, side and channels of every layer in order, the picture's last; none: it is no such generator."""
    matches = sorted((match for name in found if (match := LAYER.fullmatch(name))), key=lambda match: int(match[2]))
    return [(match[1], int(match[3]), int(match[4])) for match in matches]


def names_of(layers: list[tuple[str, int, int]], depth: int, *, labelled: bool) -> Names:
    """Our names of a generator's tensors with theirs."""
    names = {"style.mean": "mapping.w_avg"}
    names |= together("style.embedding.", AFFINE, "mapping.embed.", AFFINE) if labelled else {}
    for index in range(depth):
        names |= together(f"style.network.{2 * index}.", AFFINE, f"mapping.fc{index}.", AFFINE)
    names |= together("body.input.", INPUT, "synthesis.input.", INPUT)
    names |= together("body.input.", ("frequencies", "phases"), "synthesis.input.", ("freqs", "phases"))
    for index, (theirs, _, _) in enumerate(layers[:-1]):
        ours = (*STYLED, "bias.bias", "magnitude.mean_square")
        names |= together(
            f"body.convolutions.{index}.", ours, f"synthesis.{theirs}.", (*NVLABS_STYLED, "bias", "magnitude_ema")
        )
    last = f"synthesis.{layers[-1][0]}."
    names["body.magnitude.mean_square"] = f"{last}magnitude_ema"
    return names | together("body.picture.", PICTURE, last, NVLABS_PICTURE)


def renamed_generator(found: Tensors) -> Tensors:
    """A generator's tensors by our names.

    Raises:
        UserError: one is missing, or another is there besides.
    """
    depth, labelled = counted(r"mapping\.fc\d+\.weight", found), "mapping.embed.weight" in found
    names = names_of(layers_of(found), depth, labelled=labelled)
    weights = {name: value for name, value in found.items() if not FILTER.fullmatch(name)}
    return renamed(weights, names, "generator", "StyleGAN3")


def options_of(found: Tensors) -> dict[str, Any]:
    """The options of `stylegan3` that a generator's names and shapes tell.

    Raises:
        UserError: layers, or their filters, are not by the published schedule.
    """
    layers = layers_of(found)
    first, side = layers[0], layers[-1][1]
    rotation = found[f"synthesis.{first[0]}.weight"].shape[-1] == 1
    times = 2 if rotation else 1
    options: dict[str, Any] = {"variant": "r" if rotation else "t", "layers": len(layers) - 1}
    options |= {"width": layers[-2][2] // times, "max_width": USUAL_WIDTH}
    bare = schedule((side, side), width=1, layers=options["layers"], margin=0)
    options["margin"] = (first[1] - bare[0].size[0]) // 2
    for most in (USUAL_WIDTH, first[2] // times):  # whatever is not reached does not show
        options["max_width"] = most
        levels = levels_of(options, side)
        if [(level.size[0], level.channels) for level in levels] == [layer[1:] for layer in layers[:-1]]:
            refuse_other_filters(found, levels, radial=rotation)
            return options | mapping_of(found)
    wanted = ", ".join(f"L{index}_{level.size[0]}_{level.channels}" for index, level in enumerate(levels))
    raise UserError(
        f"The layers of the file ({', '.join(name for name, _, _ in layers[:-1])}) are not by StyleGAN3's schedule, "
        f"which gives {wanted}."
    )


def levels_of(options: dict[str, Any], side: int) -> list[Level]:
    """The levels of such options."""
    times = 2 if options["variant"] == "r" else 1
    widths = {name: times * options[name] for name in ("width", "max_width")}
    return schedule((side, side), **widths, layers=options["layers"], margin=options["margin"])


def mapping_of(found: Tensors) -> dict[str, Any]:
    """The options of the mapping network."""
    size_w, told = found["mapping.fc0.weight"].shape
    embedding = found.get("mapping.embed.weight")
    return {
        "size_w": size_w,
        "latent_size": told - (0 if embedding is None else len(embedding)),
        "depth": counted(r"mapping\.fc\d+\.weight", found),
        "labels": "none" if embedding is None else "projection",
    }


def refuse_other_filters(found: Tensors, levels: list[Level], *, radial: bool) -> None:
    """Raise a UserError for filters that are not those of the schedule."""
    for (name, _, _), before, after in zip(layers_of(found), [levels[0], *levels], levels, strict=False):
        designed = resampling(before, after, radial=radial)
        for kind, taps in {"up": designed.rise, "down": designed.fall}.items():
            there = found.get(f"synthesis.{name}.{kind}_filter", torch.zeros(0))
            if there.shape != taps.shape or not torch.allclose(there.double(), taps, rtol=0, atol=1e-6):
                raise UserError(f"{name}.{kind}_filter of the file is another filter than StyleGAN3's.")
