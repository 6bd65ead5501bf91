"""Images to look at."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from zerosum.draw import Draw

Images = Callable[..., Tensor]


@pytest.fixture
def images() -> Images:
    """Random images: `images(n, channels, height, width, seed=0)`, uint8, each with a tint of its own."""

    def make(n: int, *shape: int, seed: int = 0) -> Tensor:
        draw = Draw(seed, "images", *shape)
        return (draw.integers(256, n, *shape) * draw.uniform(n, shape[0], 1, 1)).to(torch.uint8)

    return make
