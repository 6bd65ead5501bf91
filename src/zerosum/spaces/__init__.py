"""What one sample is, how it is shown and how it is saved."""

from zerosum.spaces.core import Space
from zerosum.spaces.describing import describe, restore
from zerosum.spaces.images import Images
from zerosum.spaces.points import Points

__all__ = ["Images", "Points", "Space", "describe", "restore"]
