"""A trained generator's latents: truncation, interpolation, arithmetic, mixing, directions, inversion, neighbours."""

from zerosum.latents.exhibit import Exhibit
from zerosum.latents.explorer import Explorer, Latents
from zerosum.latents.ways import WAYS, explore

__all__ = ["WAYS", "Exhibit", "Explorer", "Latents", "explore"]
