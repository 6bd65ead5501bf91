"""Truncation: fewer kinds of samples, and better ones, the nearer latents are to their mean.

- towards the mean, x' = μ + ψ (x - μ), of styles (Karras 2019, appendix B) or of latents, whose mean is 0. The mean of
  styles is that of their class, where the generator is told one: the mean of all would take the class away.
- by a threshold t, latents from the normal distribution cut off at ±t (Brock 2019, section 3.1). There z is drawn anew
  until it is inside; here it is moved, by z' = Φ⁻¹(Φ(-t) + Φ(z) (Φ(t) - Φ(-t))), which has the same distribution, so
  that one z can be followed from threshold to threshold.
"""

import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.latents.explorer import Explorer, Latents
from zerosum.priors import Normal


def truncated(explorer: Explorer, latents: Latents, psi: float | Tensor) -> Latents:
    """Latents moved towards the mean of their level.

    Args:
        explorer: the generator.
        latents: `(n, …)`.
        psi: what is left of the distance, of all or of each, `(n,)`; 1 leaves them, 0 is the mean.

    Raises:
        UserError: there is nothing between the latents (coins, codes).
    """
    explorer.level(latents.level, walk=True)
    centre = explorer.ensemble(latents.level).centre(latents)
    share = torch.as_tensor(psi, device=centre.device).view(-1, *(1,) * (latents.values.ndim - 1))
    return latents.at(torch.lerp(centre.expand_as(latents.values), latents.values, share))


def within(explorer: Explorer, latents: Latents, threshold: float) -> Latents:
    """Normal latents moved into [-threshold, threshold].

    Raises:
        UserError: the latents are not normal, or the threshold is not positive.
    """
    if latents.level != "z" or not isinstance(explorer.latent.prior, Normal):
        raise UserError("A threshold truncates normal latents z; here take psi.")
    if not threshold > 0:
        raise UserError(f"threshold is {threshold}; it must be greater than 0.")
    z = latents.values.cpu().double()
    low, high = (torch.special.ndtr(z.new_tensor(end)) for end in (-threshold, threshold))
    inside = torch.special.ndtri(low + torch.special.ndtr(z) * (high - low))
    return latents.at(inside.clamp(-threshold, threshold).float().to(latents.values.device))
