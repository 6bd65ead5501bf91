"""Orthogonal regularisation against its formula in float64, by either product."""

import pytest
import torch

from zerosum.penalties.orthogonal import unorthogonality

SHAPES = [(3, 7), (7, 3), (4, 4), (6, 2, 3, 3), (40, 2, 3, 3), (1, 5)]


def weight(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_it_is_the_formula(shape):
    W = weight(*shape)
    rows = W.flatten(1)
    expected = (rows @ rows.T * (1 - torch.eye(len(rows)))).square().sum()
    torch.testing.assert_close(unorthogonality(W), expected)
    torch.testing.assert_close(*(torch.autograd.grad(f, W)[0] for f in (unorthogonality(W), expected)))


def test_orthogonal_rows_of_any_length_cost_nothing():
    W = torch.diag(torch.tensor([1.0, 5.0, 0.1])) @ torch.nn.init.orthogonal_(torch.empty(3, 8))
    assert unorthogonality(W).item() == pytest.approx(0, abs=1e-10)
    assert unorthogonality(W.double()).dtype == torch.float64


def test_autocast_leaves_it_as_it_is():
    W = weight(9, 4).float()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(unorthogonality(W), unorthogonality(W.clone()))
        assert unorthogonality(W).dtype == torch.float32
    torch.testing.assert_close(unorthogonality(W).double(), unorthogonality(W.double()), rtol=1e-5, atol=0)
