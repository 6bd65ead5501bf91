"""How far a sample moves with its style: the length that StyleGAN2 keeps the same everywhere."""

import torch
from torch import Tensor


def path_lengths(samples: Tensor, w: Tensor, direction: Tensor) -> Tensor:
    """‖J_wᵀ y‖ with J_w = ∂G(w)/∂w, `(n,)`, float32 at least and part of the graph (Karras 2020, equation 4).

    By J_wᵀ y = ∇_w ⟨G(w), y⟩ it takes one backward pass. Where every layer is told a w of its own, the square is the
    mean of the layers' squares, as in the authors' code. The mean over y ~ N(0, I) of ‖J_wᵀ y‖² is ‖J_w‖²_F.

    Args:
        samples: G(w), `(n, *shape)`.
        w: `(n, size_w)` or `(n, layers, size_w)`; the samples are a function of it.
        direction: y, of the samples' shape; the paper's is N(0, I) over the root of the positions of a picture.
    """
    precise = torch.promote_types(samples.dtype, torch.float32)
    (slope,) = torch.autograd.grad((samples.to(precise) * direction).sum(), w, create_graph=True)
    squares: Tensor = slope.to(precise).square().sum(-1)
    return (squares if w.ndim == 2 else squares.mean(1)).sqrt()
