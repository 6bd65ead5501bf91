"""Augmentation of what a critic sees: differentiable, batched, and applied with a probability p.

A policy maps images `(n, c, h, w)` in network values, p and a draw to images. With p below 0.8 the identity is so
likely that the distribution behind the varied samples is told from any other, and nothing leaks into what is generated
(Karras 2020, section 2.2). Colours are measured in half the value range around its middle, as where it is [-1, 1].
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import choose
from zerosum.spaces import Images

PolicyName = Literal["diffaugment", "ada"]
NON_LEAKING = 0.8
"""Largest p with which the transforms of ADA do not leak (Karras 2020, section 2.2)."""


class Policy(Protocol):
    """`(images, p, draw) -> images`, each transform with probability p a sample."""

    def __call__(self, images: Tensor, p: float, draw: Draw) -> Tensor:
        """Images `(n, c, h, w)`, varied."""
        ...


@dataclass(frozen=True)
class InUnits:
    """A policy for values around 0 of deviation about 1, for images whose values are elsewhere.

    Args:
        policy: what is done.
        middle, half: of the value range.
    """

    policy: Policy
    middle: float
    half: float

    def __call__(self, images: Tensor, p: float, draw: Draw) -> Tensor:
        """Images `(n, c, h, w)`, varied, in float32 at least."""
        with torch.autocast(images.device.type, enabled=False):
            precise = images.to(torch.promote_types(images.dtype, torch.float32))
            return self.policy((precise - self.middle) / self.half, p, draw) * self.half + self.middle


def policy(name: str, space: Images) -> Policy:
    """The policy called `name` for the values of a space; UserError if there is none."""
    middle, half = (0.5, 0.5) if space.preprocessing == "[0,1]" else (0.0, 1.0)
    return InUnits(choose("augmentation policy", name, POLICIES), middle, half)


# --- DiffAugment (Zhao 2020, section 3): colour, translation and cutout, published with p = 1 ---


def diffaugment(images: Tensor, p: float, draw: Draw) -> Tensor:
    """Colour, then translation by up to 1/8 of the size, then a cutout of half the size."""
    steps = {"colour": colour, "translation": translation, "cutout": cutout}
    for name, step in steps.items():
        own = draw.sub(name)
        chosen = own.sub("chosen").uniform(len(images)) < p
        images = torch.where(_rows(chosen), step(images, own), images)
    return images


def colour(images: Tensor, draw: Draw) -> Tensor:
    """Brightness + U(-½, ½), saturation x U(0, 2) and contrast x U(½, 3/2), in this order."""
    u = draw.uniform(len(images), 3)[:, :, None, None, None].to(images)
    images = images + (u[:, 0] - 0.5)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (2 * u[:, 1]) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (u[:, 2] + 0.5) + mean


def translation(images: Tensor, draw: Draw, share: float = 1 / 8) -> Tensor:
    """Moved by whole pixels, up to a share of the size; 0 where nothing is."""
    n, _, *size = images.shape
    for dim, length in enumerate(size, start=2):
        most = int(length * share + 0.5)
        shift = draw.integers(2 * most + 1, n) - most
        places = torch.arange(length, device=images.device) - shift[:, None]
        inside = (places >= 0) & (places < length)
        index = _along(places.clamp(0, length - 1), dim).expand_as(images)
        images = images.gather(dim, index) * _along(inside, dim)
    return images


def cutout(images: Tensor, draw: Draw, share: float = 0.5) -> Tensor:
    """A rectangle of a share of the size at a random place becomes 0; it may stick out."""
    n, _, *size = images.shape
    hidden = images.new_ones((), dtype=torch.bool)
    for dim, length in enumerate(size, start=2):
        side = int(length * share + 0.5)
        begin = draw.integers(length + (1 - side % 2), n)[:, None] - side // 2
        places = torch.arange(length, device=images.device)
        hidden = hidden & _along((places >= begin) & (places < begin + side), dim)
    return images * ~hidden


# --- ADA (Karras 2020, appendix B): pixel blitting, geometry and colour, each with probability p ---


def ada(images: Tensor, p: float, draw: Draw) -> Tensor:
    """One resampling (bilinear, reflected at the edge) for all of blitting and geometry, one matrix for all colours.

    The transforms, their order and strength are the paper's. It resamples at double resolution with wavelet filters;
    here the interpolation is bilinear, which flips, turns by right angles and whole pixels do not feel.
    """
    height, width = images.shape[2:]
    moves = placement(len(images), p, draw.sub("placement"), (height, width)).to(images)
    half = torch.tensor([width / 2, height / 2, 1.0]).to(images)  # pixels from the middle -> [-1, 1]
    grid = F.affine_grid((moves * half / half[:, None])[:, :2], list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    matrix, shift = colours(len(images), images.shape[1], p, draw.sub("colours"))
    return torch.einsum("nij,njhw->nihw", matrix.to(images), images) + shift.to(images)[:, :, None, None]


def placement(n: int, p: float, draw: Draw, size: tuple[int, int]) -> Tensor:
    """Where each pixel of the output looks in the input, `(n, 3, 3)`, in pixels (x, y, 1) from the middle."""
    u, normal, chosen = draw.uniform(n, 6), draw.sub("normal").normal(n, 4), draw.sub("chosen").uniform(n, 9)
    once = 1 - math.sqrt(1 - min(p, 1.0))  # of two rotations at least one comes with probability p
    extent = torch.tensor([size[1], size[0]], device=u.device)

    def gate(value: Tensor, place: int, probability: float = p) -> Tensor:
        return torch.where(chosen[:, place] < probability, value, torch.zeros_like(value))

    flip = 1 - 2 * gate((2 * u[:, 0]).floor(), 0)
    turn = gate((4 * u[:, 1]).floor(), 1) * (math.pi / 2)
    whole = [gate(((2 * u[:, 2 + i] - 1) * 0.125 * extent[i]).round(), 2) for i in (0, 1)]
    zoom = torch.exp2(gate(0.2 * normal[:, 0], 3))
    before, after = (gate((2 * u[:, 4 + i] - 1) * math.pi, 4 + i, once) for i in (0, 1))
    stretch = torch.exp2(gate(0.2 * normal[:, 1], 6))
    part = [gate(0.125 * normal[:, 2 + i] * extent[i], 7) for i in (0, 1)]
    steps = (
        *(scaled(flip, torch.ones_like(flip)), turned(turn), moved(*whole)),
        *(scaled(1 / zoom, 1 / zoom), turned(before), scaled(1 / stretch, stretch), turned(after), moved(*part)),
    )
    return functools.reduce(torch.matmul, steps)


def colours(n: int, channels: int, p: float, draw: Draw) -> tuple[Tensor, Tensor]:
    """Brightness, contrast, luma flip, hue (of three channels) and saturation: `(n, c, c)` and a shift `(n, c)`."""
    u, normal, chosen = draw.uniform(n, 2), draw.sub("normal").normal(n, 3), draw.sub("chosen").uniform(n, 5)

    def gate(value: Tensor, place: int) -> Tensor:
        return torch.where(chosen[:, place] < p, value, torch.zeros_like(value))[:, None, None]

    one = torch.eye(channels, device=u.device)
    luma = torch.full((channels, channels), 1 / channels, device=u.device)  # projects on (1, …, 1)
    brightness = gate(0.2 * normal[:, 0], 0)
    contrast = torch.exp2(gate(0.5 * normal[:, 1], 1))
    flip = one - 2 * luma * gate((2 * u[:, 0]).floor(), 2)
    saturation = luma + (one - luma) * torch.exp2(gate(normal[:, 2], 4))
    matrix = contrast * flip
    if channels == 3:
        matrix = hue(gate((2 * u[:, 1] - 1) * math.pi, 3)) @ matrix
    matrix = saturation @ matrix
    return matrix, matrix.sum(2) * brightness[:, 0]


def scaled(x: Tensor, y: Tensor) -> Tensor:
    """diag(x, y, 1), `(n, 3, 3)`."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], dim=1))


def turned(angle: Tensor) -> Tensor:
    """A rotation, `(n, 3, 3)`."""
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1).view(-1, 3, 3)


def moved(x: Tensor, y: Tensor) -> Tensor:
    """A translation of the picture by (x, y): each pixel looks the other way, `(n, 3, 3)`."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], dim=1).view(-1, 3, 3)


def hue(angle: Tensor) -> Tensor:
    """A rotation of three colours around (1, 1, 1), `(n, 1, 1)` to `(n, 3, 3)` (Rodrigues)."""
    one = torch.eye(3, device=angle.device)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=angle.device) / math.sqrt(3)
    return one + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


POLICIES: dict[str, Policy] = {"diffaugment": diffaugment, "ada": ada}
"""Policies by name, for values around 0."""


def _rows(mask: Tensor) -> Tensor:
    return mask[:, None, None, None]


def _along(values: Tensor, dim: int) -> Tensor:
    """`(n, length)` beside images, along one of their dimensions."""
    return values[:, None, :, None] if dim == 2 else values[:, None, None, :]
