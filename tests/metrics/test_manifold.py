"""Precision, recall, density and coverage against the formulas of the papers, in float64 and all at once."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics import neighbours
from zerosum.metrics.core import Question
from zerosum.metrics.manifold import METRIC, Manifold, counts, intervals, prdc
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Points


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def distances(x: Tensor, y: Tensor) -> Tensor:
    return (x.double()[:, None] - y.double()[None]).square().sum(2)


def plain(real: Tensor, generated: Tensor, k: int) -> Manifold:
    """As Naeem's package has it."""
    radius = [
        distances(each, each).sort(dim=1).values[:, k] for each in (real, generated)
    ]  # place 0: the sample itself
    between = distances(real, generated)
    in_real = between < radius[0][:, None]
    return Manifold(
        precision=in_real.any(0).double().mean().item(),
        recall=(between < radius[1][None]).any(1).double().mean().item(),
        density=in_real.double().sum(0).mean().item() / k,
        coverage=(between.min(1).values < radius[0]).double().mean().item(),
    )


def close(found: Manifold, expected: Manifold) -> None:
    assert vars(found) == pytest.approx(vars(expected), rel=1e-12)


def question(real: Tensor, generated: Tensor, confidence: bool = True) -> Question:
    space = Points((real.shape[1],))
    sides = [Statistics(space, features, features, "") for features in (real, generated)]
    return Question(*sides, Draw(0), lambda shown: shown, confidence=confidence)


@pytest.fixture(params=[2**14, neighbours.BUDGET], ids=["small blocks", "one block"])
def _budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BUDGET", request.param)


@pytest.mark.usefixtures("_budget")
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("d", [2, 40, 300])
@pytest.mark.parametrize(("n", "m"), [(120, 120), (150, 60), (60, 150)])
def test_scores_are_those_of_the_papers(n: int, m: int, d: int, k: int) -> None:
    real, generated = normal(n, d), 0.8 * normal(m, d, 1) + 0.1
    close(prdc(real, generated, k=k), plain(real, generated, k))


@pytest.mark.usefixtures("_budget")
@pytest.mark.parametrize("d", [2, 40])
def test_faults_that_break_float32_give_the_scores_of_float64(d: int) -> None:
    centres = 10 * normal(3, d, 9)[torch.arange(120) % 3]
    tight, other = (centres + 1e-3 * normal(120, d, seed) for seed in (1, 2))
    close(prdc(tight, other), plain(tight, other, 5))
    copied = torch.cat([tight[:60], tight[:60]])
    close(prdc(tight, copied), plain(tight, copied, 5))
    lattice, sites = normal(120, d).round(), normal(120, d, 1).round()
    close(prdc(lattice, sites), plain(lattice, sites, 5))


points = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=4, max_size=30)


@given(points, points, st.integers(1, 3))
def test_ties_and_copies_are_counted_as_the_papers_count_them(
    real: list[tuple[int, int]], generated: list[tuple[int, int]], k: int
) -> None:
    a, b = torch.tensor(real).float(), torch.tensor(generated).float()
    close(prdc(a, b, k=k), plain(a, b, k))


@given(st.integers(6, 60), st.integers(6, 60), st.integers(1, 5), st.integers(0, 10**6))
def test_recall_is_precision_the_other_way_round(n: int, m: int, k: int, seed: int) -> None:
    real, generated = normal(n, 6, seed), normal(m, 6, seed + 1)
    assert prdc(real, generated, k=k).recall == prdc(generated, real, k=k).precision


@pytest.mark.parametrize("d", [2, 100])
def test_a_copy_of_the_real_set_scores_1_everywhere(d: int) -> None:
    real = normal(200, d)
    assert prdc(real, real.flip(0)) == Manifold(1.0, 1.0, 1.0, 1.0)


def test_distant_samples_score_0_and_a_single_mode_has_no_recall() -> None:
    real = normal(200, 20)
    assert prdc(real, real + 100) == Manifold(0.0, 0.0, 0.0, 0.0)
    collapsed = prdc(real, real[:1].repeat(200, 1))
    assert (collapsed.precision, collapsed.recall) == (1.0, 0.0)
    assert collapsed.coverage < 0.1


def test_counts_say_which_samples() -> None:
    real = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    found = counts(real, torch.tensor([[0.5], [10.5], [30.0], [32.0]]), k=1)
    assert found.holders.tolist() == [2, 2, 0, 0]
    assert found.covered.tolist() == [True] * 4
    assert found.recalled.tolist() == [True] * 4
    assert found.manifold == Manifold(0.5, 1.0, 1.0, 1.0)


def test_intervals_hold_the_scores_and_shrink_with_the_count() -> None:
    widths = []
    for n in (100, 400):
        found = counts(normal(n, 8), normal(n, 8, 1))
        for name, interval in intervals(found).items():
            assert interval.low <= getattr(found.manifold, name) <= interval.high
        widths.append([interval.high - interval.low for interval in intervals(found).values()])
    assert all(many < few for few, many in zip(*widths, strict=True))


def test_findings_carry_scores_settings_and_cautions() -> None:
    real, generated = normal(80, 4), normal(50, 4, 1)
    found = METRIC.compute(question(real, generated))
    assert {name: finding.value for name, finding in found.items()} == vars(prdc(real, generated))
    assert set(found) == set(METRIC.results)
    for finding in found.values():
        assert finding.settings == {"k": 5}
        assert finding.interval is not None
        assert math.isfinite(finding.interval.low + finding.interval.high)
        assert any("80 real and 50 generated" in warning for warning in finding.warnings)
        assert any("say little" in warning for warning in finding.warnings)
        json.dumps([finding.settings, finding.details], allow_nan=False)
    bare = METRIC.compute(question(normal(300, 4), normal(300, 4, 1), confidence=False))
    assert all(finding.interval is None and not finding.warnings for finding in bare.values())


def test_the_fewest_samples_do() -> None:
    found = METRIC.compute(question(normal(METRIC.fewest, 3), normal(METRIC.fewest, 3, 1)))
    assert all(math.isfinite(finding.value) for finding in found.values())
    with pytest.raises(UserError, match="k = 5"):
        prdc(normal(METRIC.fewest - 1, 3), normal(50, 3))


def test_nan_and_other_widths_are_refused() -> None:
    with pytest.raises(UserError, match="not finite"):
        prdc(normal(20, 3), normal(20, 3).fill_(math.nan))
    with pytest.raises(UserError, match="4 dimensions, not 3"):
        prdc(normal(20, 3), normal(20, 4))
