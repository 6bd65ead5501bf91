"""How data is prepared: the options that every source understands, each of them a flag of the command line."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args, get_type_hints

from typing_extensions import Doc

from zerosum.data.splits import USUAL_SHARE
from zerosum.errors import UserError, choose
from zerosum.kinds import refuse_misfit
from zerosum.spaces.images import Preprocessing

Fit = Literal["crop", "stretch", "pad"]
LabelKind = Literal["character", "style"]
LARGEST_SIDE = 16_384
FREE = ("resolution", "target")
"""What may be of other types in Python: a number, a path."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """How samples are prepared, varied and split.

    Raises:
        UserError: a value is out of its range; the message gives the range.
    """

    resolution: Annotated[
        str | None, Doc("Height and width of images: 32 or 64x48 (height x width). Default: the source's own.")
    ] = None
    channels: Annotated[
        int | None, Doc("Channels of images: 1 grey, 3 colour, 4 with alpha. Default: as the source has.")
    ] = None
    preprocessing: Annotated[Preprocessing, Doc("The value range that networks see.")] = "[-1,1]"
    fit: Annotated[Fit, Doc("What is done when an image has another aspect: crop, stretch or pad it.")] = "crop"
    label: Annotated[LabelKind, Doc("What the labels of glyphs mean: the character or the style.")] = "character"
    target: Annotated[
        str | None, Doc("A second domain (folder, archive …): samples of it are made from those of the first.")
    ] = None
    paired: Annotated[bool, Doc("Samples of two domains that belong together come together.")] = False
    flip: Annotated[bool, Doc("Augmentation: mirror every second image.")] = False
    shift: Annotated[float, Doc("Augmentation: move images by up to this share of their size.")] = 0.0
    rotate: Annotated[float, Doc("Augmentation: turn images by up to this many degrees.")] = 0.0
    scale: Annotated[float, Doc("Augmentation: enlarge or shrink images by up to this share.")] = 0.0
    crop: Annotated[float, Doc("Augmentation: cut away up to this share of each side, at random places.")] = 0.0
    held_out: Annotated[
        float, Doc("Share of the samples that is never trained on, at most 10,000, evenly from every class.")
    ] = USUAL_SHARE
    allow_unreadable: Annotated[bool, Doc("Go on although more than 5 % of the images cannot be read.")] = False
    streaming: Annotated[
        bool, Doc("Read hf:NAME from its parquet files while training, instead of packing it once.")
    ] = False
    shard_window: Annotated[
        int, Doc("Of data that is streamed, shards: how many at a time, whose samples are mixed.")
    ] = 16
    read_ahead: Annotated[int, Doc("Of data that is streamed: decoded samples in memory, at most.")] = 1024

    def __post_init__(self) -> None:
        choose("preprocessing", self.preprocessing, dict.fromkeys(get_args(Preprocessing)))
        choose("fit", self.fit, dict.fromkeys(get_args(Fit)))
        choose("label", self.label, dict.fromkeys(get_args(LabelKind)))
        for name, kind in get_type_hints(type(self)).items():
            if name not in FREE:
                refuse_misfit(name, getattr(self, name), kind)
        _ = self.size
        if self.channels is not None and self.channels < 1:
            raise UserError(f"channels is {self.channels}; it must be at least 1.")
        for name, top in (("shift", 1.0), ("rotate", 180.0), ("scale", 1.0), ("crop", 1.0)):
            if not 0 <= getattr(self, name) <= top or getattr(self, name) == 1.0 == top:
                most = "below 1" if top == 1.0 else f"at most {top:g}"
                raise UserError(f"{name} is {getattr(self, name)}; it must be at least 0 and {most}.")
        for name in ("shard_window", "read_ahead"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if not 0 < self.held_out < 1:
            raise UserError(f"held_out is {self.held_out}; it is a share of the samples, between 0 and 1.")

    @property
    def size(self) -> tuple[int, int] | None:
        """`resolution` as (height, width)."""
        if self.resolution is None:
            return None
        sides = str(self.resolution).lower().split("x")
        if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
            raise UserError(f"resolution is {self.resolution!r}; give a side (32) or height x width (64x48).")
        height, width = int(sides[0]), int(sides[-1])
        if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
            raise UserError(f"resolution is {self.resolution!r}; sides must be from 1 to {LARGEST_SIDE}.")
        return height, width
