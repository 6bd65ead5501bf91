"""Bins, their test and their divergence against plain formulas, and what they say of known faults."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.bins import (
    ALPHA,
    GROUPS,
    METRIC,
    Assignment,
    Histograms,
    binned,
    divergence_interval,
    jensen_shannon,
)
from zerosum.metrics.core import Finding, Question
from zerosum.metrics.neighbours import nearest
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Points

MODES = 10


def modes(n: int, seed: int, last: int = MODES) -> Tensor:
    """The first `last` of ten modes, equally likely."""
    generator = torch.Generator().manual_seed(seed)
    centres = 5 * torch.randn(MODES, 6, generator=torch.Generator().manual_seed(99))
    return centres[torch.randint(last, (n,), generator=generator)] + torch.randn(n, 6, generator=generator)


def findings(real: Tensor, generated: Tensor, seed: int = 0, confidence: bool = True) -> dict[str, Finding]:
    space = Points((real.shape[1],))
    sides = [Statistics(space, features, features, "") for features in (real, generated)]
    return dict(METRIC.compute(Question(*sides, Draw(seed), lambda shown: shown, confidence=confidence)))


histogram = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=20).filter(
    lambda pairs: all(sum(side) > 0 for side in zip(*pairs, strict=True)) and all(a + b > 0 for a, b in pairs)
)


@given(histogram)
def test_bins_are_different_where_the_two_proportion_test_says_so(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import norm

    real, generated = (torch.tensor(side) for side in zip(*pairs, strict=True))
    n, m = int(real.sum()), int(generated.sum())
    different = []
    for a, b in pairs:
        pooled = (a + b) / (n + m)
        error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        different.append(error > 0 and 2 * norm.sf(abs(a / n - b / m) / error) < ALPHA)
    found = Histograms(real, generated)
    assert found.different.tolist() == different
    assert found.ndb == sum(different) / len(pairs)


@given(histogram)
def test_divergence_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    from scipy.spatial.distance import jensenshannon

    real, generated = (torch.tensor(side) for side in zip(*pairs, strict=True))
    found = jensen_shannon(real, generated)
    assert found == pytest.approx(jensenshannon(real.double(), generated.double()) ** 2, abs=1e-7)
    assert found == pytest.approx(jensen_shannon(generated, real), abs=1e-12)
    assert 0 <= found <= math.log(2) + 1e-6


def test_every_counted_sample_is_in_its_nearest_bin_once() -> None:
    real, generated = modes(401, 1), modes(300, 2)
    found = binned(real, generated, Draw(0), bins=12)
    histograms = found.histograms()
    assert int(histograms.real.sum()) == 200, "the half that places the bins is counted"
    assert int(histograms.generated.sum()) == 300
    order = Draw(0).permutation(401)
    placing = {tuple(row) for row in real[order[:201]].tolist()}
    assert not placing & {tuple(row) for row in real[order[201:]].tolist()}
    own = [real[order[201:]][found.real == place].mean(0) for place in range(found.bins) if (found.real == place).any()]
    assert nearest(torch.stack(own), real[order[201:]]).squares.max() < 50, "a bin is not a place"


@pytest.mark.parametrize("bins", [10, 40])
def test_equal_distributions_have_about_alpha_different_bins(bins: int) -> None:
    shares, divergences, expected = [], [], []
    for seed in range(40):
        found = binned(modes(1600, 2 * seed), modes(800, 2 * seed + 1), Draw(seed), bins=bins).histograms()
        shares.append(found.ndb)
        divergences.append(found.divergence)
        expected.append(found.divergence_if_equal)
    assert sum(shares) / 40 == pytest.approx(ALPHA, abs=0.025)
    assert sum(divergences) == pytest.approx(sum(expected), rel=0.2)


def test_lost_modes_are_seen_the_more_the_worse() -> None:
    real = modes(1000, 1)
    found = [findings(real, modes(1000, 2, last)) for last in (10, 8, 6, 4, 2)]
    for name in ("ndb", "jsd"):
        values = [each[name].value for each in found]
        assert values == sorted(values), name
        assert values[-1] > 5 * values[0], name


def test_findings_are_those_of_the_draw_and_explain_themselves() -> None:
    real, generated = modes(500, 1), modes(400, 2, 7)
    found, again, other = (findings(real, generated, seed) for seed in (0, 0, 1))
    assert found == again
    assert found["jsd"].details != other["jsd"].details
    for finding in found.values():
        json.dumps([finding.settings, finding.details], allow_nan=False)
        assert finding.interval is not None
        assert finding.interval.low <= finding.value <= finding.interval.high
        assert finding.settings["bins"] == 25
        assert any("25 bins instead of 100" in warning for warning in finding.warnings)
    assert sum(found["ndb"].details["generated"]) == 400
    assert found["ndb"].value == sum(found["ndb"].details["different"]) / len(found["ndb"].details["different"])
    bare = findings(modes(2000, 1), modes(1000, 2), confidence=False)
    assert all(finding.interval is None and not finding.warnings for finding in bare.values())


def test_leaving_groups_out_leaves_each_sample_out_once() -> None:
    found = Assignment(torch.arange(50) % 3, torch.arange(73) % 3, 3)
    kept = sum(len(found.without(group).real) for group in range(GROUPS))
    assert kept == 50 * (GROUPS - 1)
    assert sum(len(found.without(group).generated) for group in range(GROUPS)) == 73 * (GROUPS - 1)
    interval = divergence_interval(found)
    assert interval.low <= found.histograms().divergence <= interval.high


def test_copies_of_one_sample_are_one_bin() -> None:
    found = findings(torch.ones(60, 3), torch.ones(50, 3))
    assert (found["ndb"].value, found["jsd"].value) == (0.0, 0.0)
    assert found["ndb"].details["generated"] == [50]


def test_the_fewest_samples_do() -> None:
    found = findings(modes(METRIC.fewest, 1), modes(METRIC.fewest, 2))
    assert all(math.isfinite(finding.value) for finding in found.values())


def test_nan_is_refused() -> None:
    with pytest.raises(UserError, match="not finite"):
        binned(modes(50, 1), modes(50, 2) * math.nan, Draw(0))
