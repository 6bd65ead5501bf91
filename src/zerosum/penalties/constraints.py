"""What a critic is kept to by construction or after a step, rather than asked for in its loss.

Weight clipping projects the weights back into a box after each step. Spectral normalisation divides every weight by
its largest singular value σ(W), so that each layer is 1-Lipschitz for the matrix it multiplies with.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils import parametrize

from zerosum.errors import UserError


@torch.no_grad()
def clip_weights(module: nn.Module, bound: float) -> None:
    """Clip every parameter of `module` to [-bound, bound], in place (Arjovsky 2017, algorithm 1; 0.01 there).

    Raises:
        UserError: `bound` is not positive.
    """
    if not bound > 0:
        raise UserError(f"The bound of weight clipping is {bound}; it must be greater than 0 (0.01 in the WGAN paper).")
    parameters: list[Tensor] = list(module.parameters())
    torch._foreach_clamp_min_(parameters, -bound)
    torch._foreach_clamp_max_(parameters, bound)


def spectral_norm(
    module: nn.Module, n_power_iterations: int = 1, kind: "type[SpectralNorm] | None" = None
) -> nn.Module:
    """Normalise the weights of every convolution, linear layer and embedding in `module`, in place (Miyato 2018).

    Call it after the weights are initialised; layers that are normalised already are left as they are.

    Args:
        module: its weights become parametrised, its biases and norms stay free.
        n_power_iterations: how often the estimate of σ is refined in a training forward pass; 1 in the paper.
        kind: `InitialSpectralNorm`, or, by default, `SpectralNorm`.

    Returns:
        The same module.

    Raises:
        UserError: `n_power_iterations` is less than 1.
    """
    if n_power_iterations < 1:
        raise UserError(f"Spectral normalisation was given {n_power_iterations} power iterations; it needs at least 1.")
    for layer in module.modules():
        if isinstance(layer, _ConvNd | nn.Linear | nn.Embedding) and not parametrize.is_parametrized(layer, "weight"):
            outputs = 1 if isinstance(layer, _ConvTransposeNd) else 0
            power = (kind or SpectralNorm)(layer.weight, outputs=outputs, n_power_iterations=n_power_iterations)
            parametrize.register_parametrization(layer, "weight", power)
    return module


class SpectralNorm(nn.Module):
    """W -> W / σ(W), with σ(W) = uᵀ W v by power iteration (Miyato 2018, algorithm 1; kernels as outputs x rest).

    It differs from PyTorch's own in three decisions:
    - u and v start at W's leading singular vectors, not at random ones, so σ is exact from the first step on;
    - they move only in a training forward pass of a thawed weight that records gradients. A frozen critic is thus the
      same function however often it is asked, and the state follows from the moves played alone. It is in `state_dict`;
    - σ and the quotient are computed in the weight's own precision, whatever the autocast.

    Args:
        weight: the weight to start from.
        outputs: the dimension that counts outputs; it becomes the rows of W.
        n_power_iterations: iterations a forward pass.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, *, outputs: int = 0, n_power_iterations: int = 1) -> None:
        super().__init__()
        self.outputs = outputs
        self.n_power_iterations = n_power_iterations
        u, v = leading_singular_vectors(self._matrix(weight.detach()))
        self.register_buffer("u", u)
        self.register_buffer("v", v)

    def forward(self, weight: Tensor) -> Tensor:
        """The normalised weight, of the same shape."""
        with torch.autocast(weight.device.type, enabled=False):
            matrix = self._matrix(weight)
            if self.training and weight.requires_grad and torch.is_grad_enabled():
                self._iterate(matrix)
            u, v = self.u.clone(), self.v.clone()  # the graph must outlive the next iteration
            sigma = torch.dot(u, torch.mv(matrix, v))
            return weight / sigma.clamp_min(_TINY)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        for _ in range(self.n_power_iterations):  # what is added keeps the direction while a weight is all zero
            self.u.copy_(F.normalize(torch.mv(matrix, self.v) + _TINY * self.u, dim=0, eps=0))
            self.v.copy_(F.normalize(torch.mv(matrix.T, self.u) + _TINY * self.v, dim=0, eps=0))

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.outputs, 0).flatten(1)


class InitialSpectralNorm(SpectralNorm):
    """W -> σ(W₀) W / σ(W) with W₀ what W starts as: improved spectral normalisation (Lee 2022, equation 7).

    Weights keep the spectral norm that they start with: σ = 1 throughout makes a transformer's critic too weak.

    Args:
        weight, how: see `SpectralNorm`.
    """

    start: Tensor

    def __init__(self, weight: Tensor, **how: int) -> None:
        super().__init__(weight, **how)
        matrix = self._matrix(weight.detach())
        self.register_buffer("start", torch.dot(self.u, torch.mv(matrix, self.v)))

    def forward(self, weight: Tensor) -> Tensor:
        """The normalised weight, of the same shape."""
        return self.start * super().forward(weight)


_TINY = 1e-12


def leading_singular_vectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The unit vectors u, v with matrix @ v = σ u for the largest σ, by the smaller Gram matrix's eigenvectors.

    The sign is fixed (u's entries sum to no less than 0), so that equal matrices give equal vectors everywhere.
    """
    rows, columns = matrix.shape
    if rows > columns:
        v, u = leading_singular_vectors(matrix.T)
        return u, v
    u = torch.linalg.eigh(matrix @ matrix.T).eigenvectors[:, -1]
    u = torch.where(u.sum() < 0, -u, u)
    fallback = torch.full_like(matrix[0], columns**-0.5)  # any direction will do where the matrix is all zero
    return u, F.normalize(torch.mv(matrix.T, u) + _TINY * fallback, dim=0, eps=0)
