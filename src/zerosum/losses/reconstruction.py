"""How far a made sample is from the one it should be: one value a sample, in float32 at least.

Both take `prediction` and `target` of the same shape `(n, …)` and average over everything but the batch dimension, so
that a weight means the same at every resolution.
"""

from torch import Tensor

from zerosum.losses.adversarial import per_sample, precise


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error, `(n,)`: CycleGAN's cycle and identity loss (Zhu 2017, equation 2), pix2pix's L1."""
    return per_sample((precise(prediction) - precise(target)).abs())


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error, `(n,)`; no factor 1/2."""
    return per_sample((precise(prediction) - precise(target)).square())
