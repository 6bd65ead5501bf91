"""What the critic sees of every sample, real or generated: with noise, or varied."""

from torch import Tensor

from zerosum.data.differentiable import Policy
from zerosum.draw import Draw
from zerosum.games.tricks.seams import View


def noisy() -> View:
    """Instance noise: x + σ ε with ε ~ N(0, I), in units of sample values (Sønderby 2016, section 3)."""
    return View("instance_noise", _with_noise)


def augmented(policy: Policy) -> View:
    """Variation with a probability p, so that few samples are not learnt by heart (Zhao 2020; Karras 2020)."""

    def see(samples: Tensor, draw: Draw, p: float) -> Tensor:
        return policy(samples, min(p, 1.0), draw)

    return View("augment", see)


def _with_noise(samples: Tensor, draw: Draw, sigma: float) -> Tensor:
    return samples + sigma * draw.normal(*samples.shape).to(samples)
