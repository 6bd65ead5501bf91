"""Large networks of others, from the Hugging Face hub or a folder, through `transformers` (extra `vision`).

`dinov2` (Oquab 2023) gives the class token after the last normalisation, which Stein 2023 found to agree best with what
people see; `clip` (Radford 2021) the image embedding before it is scaled to length 1. Weights are read from safetensors
only, and no code of the hub is run. Images are prepared as the model's `preprocessor_config.json` says, by torch's own
operations: the processors of `transformers` want torchvision, or work image by image.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.metrics.networks.preparation import COLOURS, as_levels, digest_of, in_parts, to_rgb, whole_if
from zerosum.metrics.statistics import Look

AT_ONCE = 32
DINOV2 = "facebook/dinov2-large"
CLIP = "openai/clip-vit-large-patch14"
FILTERS = {2: "bilinear", 3: "bicubic"}
"""Numbers of PIL's filters, which configurations use, and torch's names."""


@dataclass(frozen=True)
class Preparation:
    """What a model wants done to images.

    Attributes:
        shortest: the shorter side is brought to it, the aspect kept; or
        size: (height, width), to which images are stretched. Neither: images keep their size.
        filter: `bicubic` or `bilinear`, antialiased, then rounded to whole levels. PIL rounds after each direction,
            which may differ by some levels where values saturate.
        crop: (height, width) cut from the middle; None for all.
        scale: what levels are multiplied by, usually 1 / 255.
        mean, std: of each colour after that, subtracted and divided by.
    """

    shortest: int | None
    size: tuple[int, int] | None
    filter: str
    crop: tuple[int, int] | None
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Preparation":
        """From what a `preprocessor_config.json` says; raises KeyError, TypeError or ValueError if it is none."""
        size, shortest = said.get("size"), None
        if isinstance(size, int) or (isinstance(size, Mapping) and "shortest_edge" in size):
            shortest, size = (size if isinstance(size, int) else int(size["shortest_edge"])), None
        resizes, crops, scales, normalises = (
            said.get(f"do_{what}", True) for what in ("resize", "center_crop", "rescale", "normalize")
        )
        return cls(
            shortest=shortest if resizes else None,
            size=_sides(size) if resizes and shortest is None else None,
            filter=FILTERS[int(said.get("resample", 3))],
            crop=_sides(said["crop_size"]) if crops and "crop_size" in said else None,
            scale=float(said.get("rescale_factor", 1 / 255)) if scales else 1.0,
            mean=tuple(map(float, said["image_mean"])) if normalises else (0.0, 0.0, 0.0),
            std=tuple(map(float, said["image_std"])) if normalises else (1.0, 1.0, 1.0),
        )

    def __call__(self, shown: Tensor) -> Tensor:
        """Levels of images `(n, c, h, w)` -> float32 `(n, 3, h', w')`."""
        images = to_rgb(shown)
        target = self._target(images.shape[2], images.shape[3])
        if target != tuple(images.shape[2:]):
            resized = F.interpolate(images.float(), target, mode=self.filter, antialias=True, align_corners=False)
            images = whole_if(resized.clamp(0, 255), images)
        mean, std = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in (self.mean, self.std))
        return (self._cropped(images).float() * self.scale - mean) / std

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if self.shortest is None:
            return self.size or (height, width)
        short = min(height, width)  # the longer side is rounded down
        return height * self.shortest // short, width * self.shortest // short

    def _cropped(self, images: Tensor) -> Tensor:
        """The middle; images that are smaller get a black border."""
        if self.crop is None:
            return images
        missing = [max(0, want - have) for want, have in zip(self.crop, images.shape[2:], strict=True)]
        top, left = -(-missing[0] // 2), -(-missing[1] // 2)
        images = F.pad(images, (left, missing[1] - left, top, missing[0] - top))
        down, across = ((have - want) // 2 for have, want in zip(images.shape[2:], self.crop, strict=True))
        return images[:, :, down : down + self.crop[0], across : across + self.crop[1]]

    def __str__(self) -> str:
        steps = [f"uint8 RGB ({COLOURS})"]
        how = f"{self.filter}, antialiased, whole levels"
        if self.shortest is not None:
            steps.append(f"shorter side to {self.shortest} ({how})")
        elif self.size is not None:
            steps.append(f"resized to {self.size[0]}x{self.size[1]} ({how})")
        if self.crop is not None:
            steps.append(f"middle {self.crop[0]}x{self.crop[1]}")
        return ", ".join([*steps, f"times {self.scale:.6g}", f"minus {list(self.mean)}, over {list(self.std)}"])


def _sides(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size["height"]), int(size["width"]))


@dataclass(frozen=True)
class Pretrained:
    """A model of others as a feature network.

    Attributes:
        name: `dinov2` or `clip`.
        source: the hub's name or the folder.
        module: the model, in eval mode.
        prepare: what is done to images first.
        embed: (module, prepared images) -> features `(n, d)`.
    """

    name: str
    source: str
    module: nn.Module
    prepare: Preparation
    embed: Callable[[nn.Module, Tensor], Tensor]
    classes: tuple[str, ...] = ()

    @property
    def preparation(self) -> str:
        """In words."""
        return str(self.prepare)

    @cached_property
    def digest(self) -> str:
        """Of weights and preparation."""
        return digest_of(self.module.state_dict(), self.name, self.preparation, str(self.module))

    def __call__(self, shown: Tensor) -> Look:
        """Images `(n, c, h, w)`, uint8, or float32 in [0, 1] -> features `(n, d)`."""
        shown = as_levels(shown, self.name)
        device = next(self.module.parameters()).device
        return in_parts(lambda part: Look(self.embed(self.module, self.prepare(part))), shown.to(device), AT_ONCE)


def dinov2(source: str | os.PathLike[str] = DINOV2, *, device: torch.device | str = "cpu") -> Pretrained:
    """DINOv2's class token.

    Args:
        source: a name on the hub, whose cache is used, or a folder.
        device: where it computes.

    Raises:
        UserError: `transformers` is not installed, or there is no such model.
    """
    return _opened("dinov2", "Dinov2Model", str(source), _class_token, device)


def clip(source: str | os.PathLike[str] = CLIP, *, device: torch.device | str = "cpu") -> Pretrained:
    """CLIP's image embedding; arguments and errors as of `dinov2`."""
    return _opened("clip", "CLIPVisionModelWithProjection", str(source), _image_embedding, device)


def _class_token(module: nn.Module, images: Tensor) -> Tensor:
    tokens: Tensor = module(pixel_values=images).last_hidden_state
    return tokens[:, 0]


def _image_embedding(module: nn.Module, images: Tensor) -> Tensor:
    embedding: Tensor = module(pixel_values=images).image_embeds
    return embedding


def _opened(
    name: str, kind: str, source: str, embed: Callable[[nn.Module, Tensor], Tensor], device: torch.device | str
) -> Pretrained:
    """Read a model of one of the classes of `transformers`."""
    try:
        import transformers
        from transformers.utils import cached_file
    except ImportError as error:
        raise UserError(
            f'The feature network {name!r} needs the extra "vision": pip install "zerosum[vision]".'
        ) from error
    source = str(Path(source).expanduser()) if Path(source).expanduser().is_dir() else source
    try:
        prepare = Preparation.of(json.loads(Path(cached_file(source, "preprocessor_config.json")).read_text()))
        module, report = getattr(transformers, kind).from_pretrained(
            source, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # network, names, formats: the library raises all sorts
        raise UserError(
            f"The feature network {name!r} cannot be read from {source!r}: {' '.join(str(error).split())[:300]} "
            "Name a folder with config.json, preprocessor_config.json and model.safetensors as weights, or download "
            f"the model on a machine with a connection: hf download {source}."
        ) from error
    if report["missing_keys"]:
        raise UserError(
            f"{source!r} is not a model for {name!r}: {len(report['missing_keys'])} of its weights are missing, "
            f"{sorted(report['missing_keys'])[0]!r} for one."
        )
    return Pretrained(name, source, module.eval().requires_grad_(False).to(device), prepare, embed)
