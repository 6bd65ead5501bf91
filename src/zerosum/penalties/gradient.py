"""Penalties on the slope of a critic: pure functions `(critic, real, fake, draw) -> (n,)`.

Notation: D(x) is the score of a sample, g = ∇ₓ D(x) its gradient with respect to the sample and ‖g‖ the Euclidean norm
over everything but the batch dimension. The score of a map (PatchGAN) is its mean. Values come without a weight and
without a hidden factor: where a paper writes λ or γ/2, that is what the caller multiplies with.

Arguments of all: `critic` turns samples into scores `(n, …)`; `real` and `fake` are samples `(n, *shape)` of equal
shape; `draw` gives the random points. Gradients are taken with `create_graph=True`, so values can be differentiated
once more by the critic's weights. Norms are in float32 at least, whatever the autocast.
A critic with batch normalisation mixes samples: there ∇ₓ is that of the sum of all scores, and ‖g‖ is no slope of D.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from zerosum.collectives import mean_over_processes
from zerosum.draw import Draw

Critic = Callable[[Tensor], Tensor]
Penalty = Callable[[Critic, Tensor, Tensor, Draw], Tensor]
PenaltyName = Literal["gradient-penalty", "r1", "r2", "dragan"]


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
    """(‖∇D(x̂)‖ - 1)² at x̂ = ε x + (1 - ε) G(z), ε ~ U(0, 1) a sample (Gulrajani 2017, equation 3; λ = 10)."""
    return _off_one(critic, _between(real, fake, draw))


def r1(critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
    """‖∇D(x)‖² on real samples (Mescheder 2018, equation 9, without its γ/2).

    If `real` requires gradients it is handed to the critic as it is, so that a `Remember`ing critic gives the scores it
    already has; otherwise a leaf is made of it.
    """
    return _squared_norm(critic, real)


def r2(critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
    """‖∇D(G(z))‖² on generated samples (Mescheder 2018, equation 10, without its γ/2); reuses scores as `r1` does."""
    return _squared_norm(critic, fake)


def dragan(critic: Critic, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
    """(‖∇D(x̂)‖ - 1)² near real samples (Kodali 2017, section 2.3, with k = 1; λ = 10).

    x̂ = x + α δ with α ~ U(0, 1) a sample and δ = ½ std(x) u, u ~ U(0, 1) a value, as in the authors' code
    (github.com/kodalinaveen3/DRAGAN); the paper's text has δ ~ N(0, cI). std is one number over the whole batch of
    all processes.
    """
    noise = draw.uniform(*real.shape).to(real)
    far = real.detach() + 0.5 * _deviation(real.detach()) * noise
    return _off_one(critic, _between(far, real, draw))


PENALTIES: dict[str, Penalty] = {
    "gradient-penalty": gradient_penalty,
    "r1": r1,
    "r2": r2,
    "dragan": dragan,
}
"""Every penalty by name."""

REAL_ONLY: tuple[Penalty, ...] = (r1, dragan)
"""Those that look at real samples alone, whatever `fake` is."""


TARGETS: dict[Penalty, float] = {gradient_penalty: 1.0, r1: 0.0, r2: 0.0, dragan: 1.0}
"""The length of the gradient that each wants; its value is the square of what is missing."""


class Remember:
    """A critic that looks at a tensor once: asked again about the same tensor, it gives the scores it already has.

    Made anew for every move. The tensor itself is the key (and is kept alive for that), so the scores handed out belong
    to the graph that starts at it: R1 costs one forward pass less when the loss has asked about the same real samples,
    and R1 and R2 together one backward pass.

    Args:
        critic: from samples to scores; a conditional critic is closed over its labels.
    """

    def __init__(self, critic: Critic) -> None:
        self._critic = critic
        self._known: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._together: dict[tuple[int, int], tuple[Tensor, ...]] = {}
        self._slopes: dict[tuple[int, int], Tensor] = {}

    def __call__(self, samples: Tensor) -> Tensor:
        """Samples `(n, *shape)` to the critic's scores for them."""
        if _key(samples) not in self._known:
            self._known[_key(samples)] = (samples, self._critic(samples))
        return self._known[_key(samples)][1]

    def look(self, *several: Tensor) -> None:
        """Look at several tensors in one pass; only for a critic to whom each sample stands for itself."""
        scores = torch.split(self._critic(torch.cat(several)), [len(samples) for samples in several])
        self._known |= {_key(samples): (samples, own) for samples, own in zip(several, scores, strict=True)}
        self._together |= {_key(samples): several for samples in several}

    def slope(self, samples: Tensor) -> Tensor:
        """∇D at `samples`, which require gradients, `(n, *shape)`; of all that one pass looked at, at once."""
        self(samples)
        if _key(samples) not in self._slopes:
            leaves = [x for x in self._together.get(_key(samples), (samples,)) if x.requires_grad and x.is_leaf]
            total = torch.stack([_total(self(leaf)) for leaf in leaves]).sum()
            gradients = torch.autograd.grad(total, leaves, create_graph=True)
            self._slopes |= {_key(leaf): gradient for leaf, gradient in zip(leaves, gradients, strict=True)}
        return self._slopes[_key(samples)]


def _key(samples: Tensor) -> tuple[int, int]:
    return id(samples), samples._version


def slope(critic: Critic, samples: Tensor) -> Tensor:
    """∇D at `samples`, flattened to `(n, values)`, float32 at least, part of the graph."""
    points = samples if samples.requires_grad else samples.detach().requires_grad_()
    if isinstance(critic, Remember) and points.is_leaf:
        return _precise(critic.slope(points)).flatten(1)
    (gradient,) = torch.autograd.grad(_total(critic(points)), points, create_graph=True)
    return _precise(gradient).flatten(1)


def _squared_norm(critic: Critic, samples: Tensor) -> Tensor:
    return slope(critic, samples).square().sum(1)


def _off_one(critic: Critic, samples: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(slope(critic, samples), dim=1)  # its own gradient at 0 is 0, not NaN
    return (norm - 1).square()


def _total(scores: Tensor) -> Tensor:
    """The sum of all samples' scores; its gradient holds every sample's own."""
    return _precise(scores).flatten(1).mean(1).sum() if scores.ndim > 1 else _precise(scores).sum()


def _precise(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _between(a: Tensor, b: Tensor, draw: Draw) -> Tensor:
    """A random point on the line from `b` to `a` for every sample, cut off from any graph."""
    a, b = _precise(a.detach()), _precise(b.detach())
    epsilon = draw.uniform(len(a), *(1,) * (a.ndim - 1)).to(a)
    return epsilon * a + (1 - epsilon) * b


def _deviation(x: Tensor) -> Tensor:
    centre = mean_over_processes(x.mean())
    return mean_over_processes((x - centre).square().mean()).sqrt()
