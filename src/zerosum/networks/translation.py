"""Networks that turn one picture into another, and the critic that looks at patches (CycleGAN, Zhu 2017, appendix 7.2).

Names as in the paper: c7s1-k is a 7 x 7 convolution with k filters and stride 1, dk and uk halve and double with
3 x 3 kernels, Rk is a residual block, Ck a 4 x 4 convolution of the critic. Instance normalisation throughout (a bias
before it would do nothing and is left out), reflection at the borders of c7s1 and R, weights N(0, 0.02).
"""

from itertools import pairwise

from torch import nn

from zerosum.errors import UserError
from zerosum.networks.initialisation import initialise
from zerosum.networks.layers import Output, image_shape, norm
from zerosum.networks.resnet import Residual
from zerosum.spaces import Space


class ResNetTranslator(nn.Sequential):
    """c7s1-k, d2k, d4k, R4k x `blocks`, u2k, uk, c7s1: pictures of one space to pictures of another, of equal size.

    Args:
        source, target: the two spaces; channel counts and value ranges may differ.
        width: k, 64 in the paper.
        blocks: residual blocks; by default 9 for sides from 256 and 6 for smaller ones (the paper's), 4 below 64.

    Raises:
        UserError: not images, sizes that differ, or sides that are not a multiple of 4 and at least 8.
    """

    independent = True
    """No picture that is made depends on the others of its batch."""

    def __init__(self, source: Space, target: Space, *, width: int = 64, blocks: int | None = None) -> None:
        before, size = image_shape(source, "translation", "Give two domains of images.")
        after, other = image_shape(target, "translation", "Give two domains of images.")
        _check_sizes(size, other)
        super().__init__(
            *(nn.ReflectionPad2d(3), nn.Conv2d(before, width, 7, bias=False), *_normalised(width)),
            *_halve(width),
            *_halve(2 * width),
            *(_block(4 * width) for _ in range(_usual_blocks(size) if blocks is None else blocks)),
            *_double(4 * width),
            *_double(2 * width),
            *(nn.ReflectionPad2d(3), nn.Conv2d(width, after, 7), Output(target)),
        )
        initialise(self, "dcgan")


class PatchGAN(nn.Sequential):
    """C-k without normalisation, C-2k, C-4k, …: pictures to a map of scores `(n, 1, h, w)`, each of one patch.

    Args:
        space: images.
        width: k, 64 in the paper; doubled each layer up to 8k.
        layers: how many layers halve the picture. A score sees a patch of 16, 34, 70 or 142 pixels for 1, 2, 3 or 4.
            By default 3 (the paper's) for sides from 128, 2 below, and 1 where a picture is too small for that.

    Raises:
        UserError: not images, or too small for that many layers.
    """

    independent = True
    """No picture's scores depend on the others of its batch."""

    def __init__(self, space: Space, *, width: int = 64, layers: int | None = None) -> None:
        channels, size = image_shape(space, "translation", "Give two domains of images.")
        halvings = _usual_halvings(size) if layers is None else layers
        if halvings < 1 or min(size) >> halvings < 3:
            raise UserError(
                f"A patch critic with {halvings} halving layers cannot judge images of {size[0]}x{size[1]}: "
                f"give at least 1 layer and sides of at least {3 << max(halvings, 1)} pixels."
            )
        widths = [min(width << i, 8 * width) for i in range(halvings + 1)]
        strides = [2] * (halvings - 1) + [1]
        super().__init__(
            *(nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)),
            *(layer for (a, b), s in zip(pairwise(widths), strides, strict=True) for layer in _patches(a, b, s)),
            nn.Conv2d(widths[-1], 1, 4, padding=1),
        )
        initialise(self, "dcgan")


def _check_sizes(size: tuple[int, int], other: tuple[int, int]) -> None:
    if size != other:
        raise UserError(
            f"Translation keeps the size, but one space has {size[0]}x{size[1]} and the other {other[0]}x{other[1]}. "
            "Give both the same resolution."
        )
    if any(side % 4 or side < 8 for side in size):
        near = "x".join(str(max(8, 4 * round(side / 4))) for side in size)
        raise UserError(
            f"Translation halves a picture twice: {size[0]}x{size[1]} will not do, both sides must be multiples of 4 "
            f"and at least 8. Nearest: {near}."
        )


def _usual_blocks(size: tuple[int, int]) -> int:
    return 9 if max(size) >= 256 else 6 if max(size) >= 64 else 4


def _usual_halvings(size: tuple[int, int]) -> int:
    return 3 if min(size) >= 128 else 2 if min(size) >= 16 else 1


def _normalised(width: int) -> list[nn.Module]:
    return [norm("instance", width), nn.ReLU()]


def _halve(width: int) -> list[nn.Module]:
    return [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False), *_normalised(2 * width)]


def _double(width: int) -> list[nn.Module]:
    up = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=False)
    return [up, *_normalised(width // 2)]


def _block(width: int) -> nn.Module:
    branch = nn.Sequential(
        *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False), *_normalised(width)),
        *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False), norm("instance", width)),
    )
    return Residual(branch, nn.Identity())


def _patches(before: int, after: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=False)
    return [convolution, norm("instance", after), nn.LeakyReLU(0.2)]
