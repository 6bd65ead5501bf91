"""Mode coverage on samples whose figures are known."""

import math

import pytest
import torch
from torch import Tensor

from zerosum.data import density
from zerosum.data.points import grid, ring
from zerosum.draw import Draw
from zerosum.metrics import modes as module
from zerosum.metrics.core import Modes, Question
from zerosum.metrics.modes import METRIC, coverage, reverse_kl, share_within, tally, truncated_std
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Points

CENTRES = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
TWO = Modes(CENTRES, std=1.0)


def modes_of(name: str) -> Modes:
    mixture = density(name)
    assert mixture.modes is not None
    assert mixture.std is not None
    return Modes(mixture.modes, mixture.std)


def question(points: Tensor, modes: Modes) -> Question:
    side = Statistics(Points(points.shape[1:]), features=points, kept=points, fingerprint="")
    return Question(side, side, Draw(0), lambda shown: shown, modes=modes)


@pytest.mark.parametrize(("name", "n"), [("ring", 2_500), ("grid", 2_500), ("grid100", 25_000)])
def test_true_samples_reach_the_figures_of_the_data(name: str, n: int) -> None:
    samples = density(name).sample(n, Draw("true"))
    found, modes = coverage(samples, modes_of(name)), len(modes_of(name).centres)
    assert found.modes == modes
    assert found.hq == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert found.reverse_kl == pytest.approx((modes - 1) / (2 * n), rel=1)
    assert found.spread == pytest.approx(1, abs=0.03)
    assert found.narrowest < found.spread < found.widest


@pytest.mark.parametrize("factor", [0.5, 0.8])
def test_narrow_modes_are_measured_as_narrow(factor: float) -> None:
    for made in (ring(std=0.01 * factor), grid(std=0.05 * factor)):
        found = coverage(made.sample(4_000, Draw("narrow")), modes_of(made.name))
        cut = truncated_std(2, 3 / factor) / truncated_std(2)
        assert found.spread == pytest.approx(factor * cut, rel=0.03)


def test_a_mode_collapsed_to_a_point_is_narrow_although_the_other_is_wide() -> None:
    wide = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) + CENTRES[1]
    found = coverage(torch.cat([CENTRES[:1].expand(500, 2), wide]), TWO)
    assert found.narrowest == 0
    assert found.widest == pytest.approx(1, abs=0.1)


def test_only_samples_within_three_deviations_count() -> None:
    samples = torch.tensor([[2.9, 0.0], [0.0, 3.1], [5.0, 5.0], [10.0, 2.99]])
    found = coverage(samples, TWO)
    assert (found.modes, found.hq, found.reverse_kl) == (2, 0.5, 0)


def test_a_lost_mode_costs_a_kl_of_log_two() -> None:
    found = coverage(torch.zeros(10, 2), TWO)
    assert (found.modes, found.hq) == (1, 1.0)
    assert found.reverse_kl == pytest.approx(math.log(2))


def test_without_any_good_sample_the_kl_is_infinite() -> None:
    found = coverage(torch.full((10, 2), 100.0), TWO)
    assert (found.modes, found.hq, found.reverse_kl, found.spread) == (0, 0.0, math.inf, 0.0)


def test_kl_of_uneven_shares() -> None:
    p = torch.tensor([3, 1])
    assert reverse_kl(p) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_truncated_deviation_is_what_truncated_normals_have(dimensions: int) -> None:
    x = torch.randn(200_000, dimensions, generator=torch.Generator().manual_seed(0))
    inside = x.norm(dim=1) <= 2
    assert truncated_std(dimensions, reach=2) == pytest.approx(x[inside].std().item(), rel=0.01)
    assert share_within(dimensions, reach=2) == pytest.approx(inside.double().mean().item(), abs=0.005)


def test_figures_do_not_depend_on_how_many_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, modes = density("ring").sample(300, Draw("parts")), modes_of("ring")
    whole = tally(samples, modes)
    monkeypatch.setattr(module, "AT_ONCE", 40)
    parts = tally(samples, modes)
    assert torch.equal(whole.mode, parts.mode)
    assert torch.equal(whole.squares, parts.squares)


def test_findings_are_the_figures_with_intervals_around_them() -> None:
    points, modes = density("ring").sample(2_500, Draw("findings")), modes_of("ring")
    found, figures = METRIC.compute(question(points, modes)), coverage(points, modes)
    assert found.keys() == METRIC.results.keys()
    for name, finding in found.items():
        assert finding.value == getattr(figures, name)
        assert not finding.warnings
    for name in ("hq", "reverse_kl", "spread"):
        interval = found[name].interval
        assert interval is not None
        assert interval.low < found[name].value < interval.high
    assert sum(found["modes"].details["samples a mode"]) == round(figures.hq * 2_500)


@pytest.mark.parametrize("result", ["hq", "spread"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(result: str) -> None:
    truth = {"hq": share_within(2), "spread": 1.0}[result]
    held = 0
    for seed in range(100):
        found = METRIC.compute(question(density("ring").sample(500, Draw(seed)), modes_of("ring")))
        interval = found[result].interval
        assert interval is not None
        held += interval.low <= truth <= interval.high
    assert 88 <= held <= 100


def test_interval_of_the_kl_holds_that_of_uneven_modes() -> None:
    """Three quarters of the samples in one of two modes."""
    truth, held = reverse_kl(torch.tensor([3, 1])), 0
    for seed in range(100):
        points = CENTRES[(Draw(seed).uniform(400) < 0.25).long()]
        interval = METRIC.compute(question(points, TWO))["reverse_kl"].interval
        assert interval is not None
        held += interval.low <= truth <= interval.high
    assert 88 <= held <= 100


@pytest.mark.parametrize("n", [1, 2, 10])
@pytest.mark.parametrize("place", [0.0, 100.0])
def test_few_or_far_samples_warn_and_do_not_crash(n: int, place: float) -> None:
    found = METRIC.compute(question(torch.full((n, 2), place), TWO))
    assert any("few" in text for text in found["modes"].warnings)
    assert any("No sample" in text for text in found["hq"].warnings) == (place > 0)
