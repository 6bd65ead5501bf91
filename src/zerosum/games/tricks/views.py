"""What the critic sees of every sample, real or generated: with noise, or varied."""

import math

import torch
import torch.nn.functional as F
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


def blurred(widest: float) -> View:
    """Images smoothed by 2^-(d/σ)², σ in pixels, at most `widest`; beyond the border there is 0 (Karras 2021, F.2)."""
    reach = math.ceil(3 * widest)

    def see(samples: Tensor, draw: Draw, sigma: float) -> Tensor:
        places = torch.arange(-reach, reach + 1, device=samples.device, dtype=samples.dtype)
        taps = torch.exp2(-(places / sigma).square())
        kernel = (taps / taps.sum()).expand(samples.shape[1], 1, 1, -1).contiguous()
        for taps, pad in ((kernel.mT, (reach, 0)), (kernel, (0, reach))):
            samples = F.conv2d(samples, taps, padding=pad, groups=samples.shape[1])
        return samples

    return View("blur", see)


def _with_noise(samples: Tensor, draw: Draw, sigma: float) -> Tensor:
    return samples + sigma * draw.normal(*samples.shape).to(samples)
