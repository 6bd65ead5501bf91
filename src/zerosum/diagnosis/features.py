"""The cheap feature space: what samples roughly look like, in at most 64 cells a channel, without a network.

Of images two things are kept a cell: the mean value, and the mean of the gradient's magnitude, by which a blurred image
differs from a sharp one. For values x in [0, 1] the magnitude is √((∂x² + ∂y²) / 2) of differences between neighbouring
pixels, at most 1. It spreads far less over samples than the means do (by 3 to 7.5 times on digits, glyphs and
photographs of 16 to 128 pixels), hence the factor `EDGES`: a constant, so that a sample's features are always the same.
"""

from functools import cache

import torch
from torch import Tensor

from zerosum.spaces import Images, Points, Space

CELLS = 8
"""Cells along each side, of images that have so many pixels."""
EDGES = 4.0
"""What magnitudes are multiplied by; beyond 1 they are cut off."""


@torch.no_grad()
def plain_features(space: Space, samples: Tensor) -> Tensor:
    """Features of samples in network values, `(n, *shape)` -> `(n, d)`, float32, on their device.

    Images: means, then edges, each `(channels, ≤ 8, ≤ 8)`, in [0, 1]. Points: divided by the space's extent. Anything
    else: flattened.
    """
    if isinstance(space, Images):
        unit = space.decode(samples)
        edges = pooled(magnitude(unit)).mul_(EDGES).clamp_(max=1)
        return torch.cat([pooled(unit).flatten(1), edges.flatten(1)], dim=1)
    flat = samples.float().flatten(1)
    return flat / space.extent if isinstance(space, Points) else flat


def magnitude(images: Tensor) -> Tensor:
    """Of the gradient of images in [0, 1], `(n, c, h, w)`; there is no step beyond the last row and column."""
    across, down = torch.zeros_like(images), torch.zeros_like(images)
    across[..., :-1] = images.diff(dim=3)
    down[..., :-1, :] = images.diff(dim=2)
    return across.square_().add_(down.square_()).div_(2).sqrt_()


def pooled(images: Tensor) -> Tensor:
    """Means of cells, `(n, c, h, w)` -> `(n, c, ≤ 8, ≤ 8)`; pixels on a border count for both sides by their share."""
    rows, columns = (shares(side, images.device) for side in images.shape[2:])
    return rows @ images @ columns.T


@cache
def shares(side: int, device: torch.device) -> Tensor:
    """What each of `side` pixels counts for in the mean of each cell, `(cells, side)`; rows sum to 1."""
    cells = min(CELLS, side)
    begin = torch.arange(cells)[:, None] * (side / cells)
    pixel = torch.arange(side)[None]
    overlap = torch.minimum(begin + side / cells, pixel + 1) - torch.maximum(begin, pixel)
    return (overlap.clamp(min=0) * (cells / side)).to(device)
