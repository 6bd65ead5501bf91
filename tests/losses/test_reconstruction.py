"""Distances between samples, one value a sample."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zerosum.losses import l1, l2

FORMULAS = {l1: np.abs, l2: np.square}


@pytest.mark.parametrize("loss", FORMULAS, ids=lambda loss: loss.__name__)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_formula(loss, shape, seed):
    a, b = torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    expected = FORMULAS[loss](a.numpy() - b.numpy()).reshape(shape[0], -1).mean(1)
    np.testing.assert_allclose(loss(a, b), expected)


@pytest.mark.parametrize("loss", FORMULAS, ids=lambda loss: loss.__name__)
def test_half_precision_is_averaged_in_float32(loss):
    prediction = torch.ones(1, 5000, dtype=torch.bfloat16)
    value = loss(prediction, torch.zeros(1, 5000, dtype=torch.bfloat16))
    assert value.dtype == torch.float32
    assert value.item() == 1
