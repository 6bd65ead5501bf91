"""A penalty on scores that are far from 0, where a loss sees differences of scores alone."""

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.penalties.gradient import Critic


def drift(critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
    """D(x)² of real samples, `(n,)`, float32 at least; a map of scores counts as its mean (Karras 2018, appendix A.1).

    The paper's weight is 0.001. Arguments as of the penalties in `zerosum.penalties.gradient`.
    """
    scores = critic(real)
    return scores.to(torch.promote_types(scores.dtype, torch.float32)).square().reshape(len(scores), -1).mean(1)
