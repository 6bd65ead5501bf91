"""The judge of modes on samples whose figures are known."""

import math

import pytest
import torch
from judges.modes import ModeJudge, reverse_kl, truncated_std

from zerosum.data import density
from zerosum.data.points import grid, ring
from zerosum.draw import Draw

CENTRES = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
JUDGE = ModeJudge(CENTRES, std=1.0)


def judge_of(name: str) -> ModeJudge:
    mixture = density(name)
    assert mixture.modes is not None
    assert mixture.std is not None
    return ModeJudge(mixture.modes, mixture.std)


@pytest.mark.parametrize(("name", "n"), [("ring", 2_500), ("grid", 2_500), ("grid100", 25_000)])
def test_true_samples_reach_the_figures_of_the_data(name: str, n: int) -> None:
    samples = density(name).sample(n, Draw("true"))
    coverage, modes = judge_of(name)(samples), len(judge_of(name).centres)
    assert coverage.modes == modes
    assert coverage.hq == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert coverage.reverse_kl == pytest.approx((modes - 1) / (2 * n), rel=1)
    assert coverage.spread == pytest.approx(1, abs=0.03)
    assert coverage.narrowest < coverage.spread < coverage.widest


@pytest.mark.parametrize("factor", [0.5, 0.8])
def test_narrow_modes_are_measured_as_narrow(factor: float) -> None:
    for made in (ring(std=0.01 * factor), grid(std=0.05 * factor)):
        coverage = judge_of(made.name)(made.sample(4_000, Draw("narrow")))
        cut = truncated_std(2, 3 / factor) / truncated_std(2)
        assert coverage.spread == pytest.approx(factor * cut, rel=0.03)


def test_a_mode_collapsed_to_a_point_is_narrow_although_the_other_is_wide() -> None:
    wide = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) + CENTRES[1]
    coverage = JUDGE(torch.cat([CENTRES[:1].expand(500, 2), wide]))
    assert coverage.narrowest == 0
    assert coverage.widest == pytest.approx(1, abs=0.1)


def test_only_samples_within_three_deviations_count() -> None:
    samples = torch.tensor([[2.9, 0.0], [0.0, 3.1], [5.0, 5.0], [10.0, 2.99]])
    coverage = JUDGE(samples)
    assert (coverage.modes, coverage.hq, coverage.reverse_kl) == (2, 0.5, 0)


def test_a_lost_mode_costs_a_kl_of_log_two() -> None:
    coverage = JUDGE(torch.zeros(10, 2))
    assert (coverage.modes, coverage.hq) == (1, 1.0)
    assert coverage.reverse_kl == pytest.approx(math.log(2))


def test_without_any_good_sample_the_kl_is_infinite() -> None:
    coverage = JUDGE(torch.full((10, 2), 100.0))
    assert (coverage.modes, coverage.hq, coverage.reverse_kl, coverage.spread) == (0, 0.0, math.inf, 0.0)


def test_kl_of_uneven_shares() -> None:
    p = torch.tensor([3, 1])
    assert reverse_kl(p) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_truncated_deviation_is_what_truncated_normals_have(dimensions: int) -> None:
    x = torch.randn(200_000, dimensions, generator=torch.Generator().manual_seed(0))
    kept = x[x.norm(dim=1) <= 2]
    assert truncated_std(dimensions, reach=2) == pytest.approx(kept.std().item(), rel=0.01)
