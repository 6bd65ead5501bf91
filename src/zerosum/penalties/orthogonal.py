"""How far the rows of a weight are from orthogonal, whatever their lengths."""

import torch
from torch import Tensor


def unorthogonality(weight: Tensor) -> Tensor:
    """‖W Wᵀ ⊙ (1 - I)‖²_F, the sum over pairs of rows of their inner product's square, `()` (Brock 2019, equation 3).

    A row is what makes one output of a layer. (The paper's W has outputs as columns.) In float32 at least, whatever the
    autocast. Where there are more rows than columns it is ‖Wᵀ W‖²_F - Σ_i ‖w_i‖⁴, the same by the smaller product.

    Args:
        weight: outputs first, of two dimensions or more; the others are joined.
    """
    with torch.autocast(weight.device.type, enabled=False):
        rows = weight.to(torch.promote_types(weight.dtype, torch.float32)).flatten(1)
        if rows.shape[0] > rows.shape[1]:
            return (rows.T @ rows).square().sum() - rows.square().sum(1).square().sum()
        products = rows @ rows.T
        return (products - torch.diag(products.diagonal())).square().sum()
