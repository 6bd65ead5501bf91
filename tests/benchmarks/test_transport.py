"""Wasserstein distances against closed forms and against SciPy."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from judges.transport import wasserstein_between, wasserstein_of_shift
from scipy.stats import wasserstein_distance

NUMBERS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20)


@given(NUMBERS, NUMBERS)
def test_between_numbers_as_scipy_has_it(x: list[float], y: list[float]) -> None:
    found = wasserstein_between(torch.tensor(x), torch.tensor(y))
    assert found == pytest.approx(wasserstein_distance(x, y), abs=1e-6)


@pytest.mark.parametrize("shift", [-2.0, 0.5, 3.0])
def test_of_a_shift_is_what_shifted_samples_have(shift: float) -> None:
    x = torch.randn(1_000, generator=torch.Generator().manual_seed(0)).double()
    assert wasserstein_between(x, x + shift) == pytest.approx(wasserstein_of_shift(torch.tensor([shift])))


def test_of_a_shift_is_its_length() -> None:
    assert wasserstein_of_shift(torch.tensor([3.0, -4.0])) == 5.0
