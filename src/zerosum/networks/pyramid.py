"""Which sizes a network of doublings can have: height = h0·2^k, width = w0·2^k with one k ≥ 1 and small h0, w0.

DCGAN and the residual networks start at a base of h0 x w0 and double k times (or halve k times down to it).
"""

from dataclasses import dataclass

from zerosum.errors import UserError

SMALLEST, USUAL, LARGEST = 3, 4, 8
OR_MLP = " Or use network 'mlp'."


@dataclass(frozen=True)
class Pyramid:
    """The base, and how often it is doubled to reach the full size."""

    base: tuple[int, int]
    levels: int

    def channels(self, width: int, max_width: int) -> list[int]:
        """Channels a level, from the finest to the coarsest: `width`, doubled each time, at most `max_width`."""
        return [min(width << level, max_width) for level in range(self.levels)]


def pyramid(size: tuple[int, int], network: str, instead: str = "") -> Pyramid:
    """The pyramid of an image's size (height, width): base 4 where possible, else the fewest levels.

    Raises:
        UserError: the size has none; the message names the nearest ones for `network`, and what to do `instead`.
    """
    height, width = size
    found = [
        Pyramid((height >> k, width >> k), k)
        for k in range(1, max(height, width).bit_length())
        if height % (1 << k) == width % (1 << k) == 0 and _is_base(height >> k) and _is_base(width >> k)
    ]
    if not found:
        sizes = " or ".join(f"{h}x{w}" for h, w in nearest_sizes(height, width))
        raise UserError(
            f"Network {network!r} cannot have images of {height}x{width} (height x width): both sides must be a whole "
            f"number from {SMALLEST} to {LARGEST}, doubled equally often. Nearest: {sizes}.{instead}"
        )
    return min(found, key=lambda p: (min(p.base) != USUAL, p.levels))


def nearest_sizes(height: int, width: int, count: int = 2) -> list[tuple[int, int]]:
    """The `count` sizes that have a pyramid and differ least in height and width together."""
    levels = range(1, max(height, width).bit_length() + 1)
    sizes = {
        (h0 << k, w0 << k) for k in levels for h0 in range(SMALLEST, LARGEST + 1) for w0 in range(SMALLEST, LARGEST + 1)
    }
    return sorted(sizes, key=lambda size: (abs(size[0] - height) + abs(size[1] - width), size))[:count]


def _is_base(side: int) -> bool:
    return SMALLEST <= side <= LARGEST
