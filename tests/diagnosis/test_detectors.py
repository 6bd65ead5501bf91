"""Detectors on courses made by hand: each statistic rises with its fault, and only what lasts is a finding."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerosum.diagnosis.course import course_of, stretches
from zerosum.diagnosis.detectors import (
    DETECTORS,
    HOLD,
    Threshold,
    find,
    present,
    seen_by,
    shows,
    thresholds,
)
from zerosum.diagnosis.findings import CATALOGUE, Finding

HEALTHY = {
    "signal/diversity": 1.0,
    "signal/precision": 0.9,
    "signal/coverage": 0.9,
    "signal/missing": 0.0,
    "signal/rarest": 0.9,
    "signal/rarest_class": 3.0,
    "signal/narrowest": 0.9,
    "signal/narrowest_class": 5.0,
    "signal/auc": 0.7,
    "signal/auc_held_out": 0.5,
    "signal/score_real": 1.0,
    "signal/score_fake": -1.0,
    "signal/distance": 0.01,
    "signal/away": 0.05,
    "signal/drift": 0.05,
    "signal/memorised": 0.0,
    "signal/dead": 0.0,
    "signal/outside": 0.0,
    "G/grad_norm": 1.0,
    "D/grad_norm": 1.0,
    "update/G": 1e-3,
    "update/D": 1e-3,
    "learning_rate/G": 1e-3,
    "learning_rate/D": 1e-3,
    "waiting": 0.01,
}
AWAY = {"signal/precision": 0.0, "signal/coverage": 0.0, "signal/distance": 1.0, "signal/away": 1.0}
FAULTS = {
    "collapse": [{"signal/diversity": v, "signal/coverage": c} for v, c in ((0.8, 0.8), (0.4, 0.3), (0.0, 0.02))],
    "partial": [{"signal/coverage": v} for v in (0.8, 0.4, 0.05)],
    "lost": [{"signal/missing": v} for v in (0.04, 0.125, 0.5)],
    "uniform": [{"signal/narrowest": v} for v in (0.7, 0.4, 0.0)],
    "rarest": [{"signal/rarest": v} for v in (0.8, 0.4, 0.0)],
    "strong": [{"signal/auc": v} | AWAY for v in (0.6, 0.8, 1.0)],
    "blind": [{"signal/auc": v} | AWAY for v in (0.9, 0.7, 0.5)],
    "vanishing": [{"G/grad_norm": v} for v in (1e-2, 1e-5, 1e-12)],
    "diverging": [{"signal/score_real": v, "signal/score_fake": -v} for v in (1e1, 1e3, 1e9)],
    "exploding": [{"D/grad_norm": v} for v in (1e2, 1e4, 1e9)],
    "oscillating": [AWAY | {"signal/drift": v, "signal/coverage": 0.1} for v in (0.2, 0.6, 1.5)],
    "relapse": [{"signal/distance": v} for v in (0.1, 0.4, 1.0)],
    "stagnation": [{"update/G": v} for v in (1e-4, 1e-7, 0.0)],
    "starved": [{"waiting": v} for v in (0.1, 0.3, 0.9)],
    "overfitting": [{"signal/auc_held_out": v} for v in (0.55, 0.7, 1.0)],
    "memorising": [{"signal/memorised": v} for v in (0.1, 0.5, 1.0)],
    "dead": [{"signal/dead": v} for v in (0.2, 0.8, 1.0)],
    "range": [{"signal/outside": v} for v in (0.001, 0.1, 0.9)],
}
EVENTS = {"outlier": ("D/adversarial", 5.0), "drop": ("G/adversarial", -5.0)}
"""By detector of what happens once: the loss, and in which direction it leaps."""
"""By detector: the same fault, worse and worse."""


def course(*moments, **always):
    """A course with a row for each moment."""
    length = 100 * len(moments)
    lines = [{"samples_seen": 100 * n, **HEALTHY, **always, **m} for n, m in enumerate(moments, 1)]
    return course_of(lines, length)


def kinds(findings):
    return [finding.kind for finding in findings]


def test_every_detector_has_a_threshold_and_a_kind():
    assert set(DETECTORS) <= set(thresholds())
    assert all(detector.kind in CATALOGUE for detector in DETECTORS.values())
    assert all(detector.label for detector in DETECTORS.values())


def test_nothing_is_wrong_with_a_healthy_course():
    assert find(course(*[{}] * 20)) == []


@pytest.mark.parametrize("lines", [[], [{"samples_seen": 5, "signal/auc": 0.5}]])
def test_nothing_is_found_in_a_course_too_short(lines):
    assert find(course_of(lines, 10)) == []


@pytest.mark.parametrize("name", [name for name in DETECTORS if name in FAULTS])
def test_a_statistic_rises_with_its_fault(name):
    statistic = DETECTORS[name].statistic(course({}, *FAULTS[name]))
    assert np.isfinite(statistic).all()
    assert (np.diff(statistic[1:]) > 0).all()
    assert statistic[0] < statistic[-1]


@pytest.mark.parametrize("name", [name for name in DETECTORS if name in FAULTS])
def test_the_worst_is_found_since_when_it_is_so(name):
    found = find(course(*[{}] * 8, *[FAULTS[name][-1]] * 12))
    mine = [finding for finding in found if finding.kind == DETECTORS[name].kind]
    assert len(mine) >= 1
    assert mine[0].began in (900, 1000)  # the median of three waits for the second
    assert mine[0].ended is None
    assert mine[0].confidence > 0.5
    assert mine[0].evidence["statistic"] > mine[0].evidence["threshold"]


def logged(leaps, n=400, every=10):
    """A log with a look beside every tenth line: losses of 1 with a little noise, and leaps in some lines."""
    noise = np.random.default_rng(0).normal(0, 0.05, (n, 2))
    lines = [
        {"samples_seen": k, "D/adversarial": 1 + noise[k - 1, 0], "G/adversarial": 1 + noise[k - 1, 1]}
        for k in range(1, n + 1)
    ]
    for place, name, by in leaps:
        lines[place - 1][name] += by
    return course_of([line | (HEALTHY if line["samples_seen"] % every == 0 else {}) for line in lines], n)


@pytest.mark.parametrize("name", EVENTS)
def test_a_loss_that_leaps_between_two_looks_is_found_once(name):
    loss, by = EVENTS[name]
    (finding,) = find(logged([(253, loss, by)]))
    assert (finding.kind, finding.detector, finding.began, finding.ended) == ("outlier", name, 260, 270)
    assert finding.worst == 260
    assert not finding.serious
    assert finding.evidence["statistic"] > 20


def test_a_normal_course_has_no_outliers_and_the_generators_loss_may_rise():
    assert find(logged([])) == []
    assert find(logged([(253, "G/adversarial", 5.0)])) == []


def test_lazy_terms_count_as_they_last_were():
    """A penalty that is logged now and then is no leap of the sum."""
    lines = [{"samples_seen": k, "D/adversarial": 1.0, "signal/auc": 0.6} for k in range(1, 101)]
    lines = [line | ({"D_r1/r1": 7.0} if k % 4 == 0 else {}) for k, line in enumerate(lines)]
    assert find(course_of(lines, 100)) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_without_its_signals_a_detector_is_silent(name):
    lines = [{"samples_seen": n, "signal/unheard-of": 1.0} for n in range(1, 20)]
    assert seen_by(name, DETECTORS[name], course_of(lines, 20)) == []


def test_what_is_over_is_found_and_no_longer_present():
    found = find(course(*[{}] * 5, *[{"signal/dead": 1.0}] * 5, *[{}] * 10))
    assert kinds(found) == ["dead"]
    assert (found[0].began, found[0].ended) == (700, 1200)
    assert present(found) == []


def test_a_finding_shows_until_the_last_look_is_without_it():
    """Findings are settled over some moments; whether the last one still is like that is another question."""
    during = course(*[{}] * 5, *[{"signal/dead": 1.0}] * 5)
    (finding,) = present(find(during))
    assert shows(finding, during)
    after = course(*[{}] * 5, *[{"signal/dead": 1.0}] * 5, {})
    assert [seen.kind for seen in present(find(after))] == ["dead"]
    assert not shows(finding, after)
    assert shows(finding, course(*[{}] * 5, *[{"signal/dead": 1.0}] * 5, {"signal/dead": np.nan}))
    assert shows(Finding(kind="nan"), after)  # seen by no detector


def test_a_single_odd_moment_is_no_finding():
    assert find(course(*[{}] * 8, {"signal/dead": 1.0}, *[{}] * 8)) == []


def test_a_fault_of_another_sampler_is_told_with_its_name_and_figures():
    """Translation may fail in one direction; what all samplers share is told once."""
    other = {name.replace("signal/", "signal/B2A/"): v for name, v in HEALTHY.items() if name.startswith("signal/")}
    well = course(*[other] * 20)
    assert well.others == ("B2A",)
    assert find(well) == []
    ill = course(*[{**other, "signal/B2A/diversity": 0.0, "signal/B2A/coverage": 0.02, "G/grad_norm": 1e-12}] * 20)
    found = {finding.kind: finding for finding in find(ill)}
    assert set(found) == {"collapse", "partial", "vanishing"}
    assert found["collapse"].sampler == "B2A"
    assert found["collapse"].evidence["signal/B2A/diversity"] == 0.0
    assert found["vanishing"].sampler == ""
    assert Finding.read(found["collapse"].document()).sampler == "B2A"


@pytest.mark.parametrize("leap", [10, 20])
@pytest.mark.parametrize(("player", "detector"), [("G", "unsteady"), ("D", "unsteady critic")])
def test_steps_that_leap_are_found_and_steps_that_fall_with_their_rate_are_not(player, detector, leap):
    away = {"signal/distance": 0.25, "signal/auc": 0.8}
    step, rate = f"update/{player}", f"learning_rate/{player}"
    falling = [{step: length, rate: length} for length in (1e-3 * 0.8**n for n in range(20))]
    assert find(course(*falling, **away)) == []
    leaping = [{**moment, step: moment[step] * leap ** (n % 2)} for n, moment in enumerate(falling)]
    found = find(course(*leaping, **away))
    assert [(finding.kind, finding.detector) for finding in found] == [("oscillating", detector)]
    assert found[0].evidence["statistic"] == pytest.approx(np.log10(leap) / 2 * 0.5, rel=0.1)
    assert find(course(*leaping, **{"signal/distance": 0.0})) == []  # at the data there is nothing left to follow


def test_modes_that_are_being_found_again_are_not_lost():
    """A critic's leap may cost modes for a few moments; what comes back fast is no finding, what goes and comes is."""
    back = [{"signal/missing": v} for v in (0.21, 0.05, 0.07, 0.0, 0.04, 0.03, 0.01)]
    assert find(course(*[{}] * 8, *back, *[{}] * 30)) == []
    swinging = [{"signal/missing": v} for v in (0.25, 0.125) * 15]
    assert kinds(find(course(*[{}] * 8, *swinging))) == ["partial"]


def test_what_is_lost_while_a_level_comes_in_and_settles_is_growths():
    """Levels come in over five moments, and have as many to settle; what is still lost then is found."""
    growth = [0.0] * 5 + [0.2, 0.4, 0.6, 0.8, 1.0] + [1.0] * 15
    lost = AWAY | {"signal/drift": 2.0, "signal/auc": 0.9}
    early = course(*({"control/growth": g, **(lost if 5 <= n < 14 else {})} for n, g in enumerate(growth)))
    assert find(early) == []
    late = course(*({"control/growth": g, **(lost if n >= 5 else {})} for n, g in enumerate(growth)))
    assert {finding.kind for finding in find(late)} == {"oscillating"}
    assert min(finding.began for finding in find(late)) == 1_600
    always = course(*({"control/growth": 2.0, **(lost if 5 <= n < 14 else {})} for n, _ in enumerate(growth)))
    assert "oscillating" in kinds(find(always))


def test_a_relapse_is_one_from_what_was_reached_at_the_same_level():
    """Small samples are nearer to small data than large ones are to large data."""
    near, away = [{"signal/distance": 0.1}] * 10, [{"signal/distance": 0.3}] * 10
    levels = [{"control/growth": g} for g in [0.0] * 6 + [0.25, 0.5, 0.75, 1.0] + [1.0] * 10]
    grown = [moment | level for moment, level in zip(near + away, levels, strict=True)]
    assert "relapse" not in {finding.detector for finding in find(course(*grown))}
    assert "relapse" in {finding.detector for finding in find(course(*near, *away))}
    again = [*grown, *({"control/growth": 1.0, "signal/distance": 0.9} for _ in range(10))]
    assert "relapse" in {finding.detector for finding in find(course(*again))}


def test_a_class_that_is_hardly_made_is_nothing_while_samples_come_nearer():
    hardly = {"signal/rarest": 0.0}
    nearer = [hardly | {"signal/distance": 0.9 * 0.7**n} for n in range(12)]
    assert "rarest" not in {finding.detector for finding in find(course(*nearer))}
    assert "rarest" in {finding.detector for finding in find(course(*[hardly] * 12))}


def test_a_collapse_within_a_class_is_judged_as_one_of_all():
    assert thresholds()["uniform"] == thresholds()["collapse"]


def test_a_collapse_is_told_though_a_level_comes_in():
    moments = [{"control/growth": 0.1 * n, "signal/diversity": 0.0, "signal/coverage": 0.02} for n in range(20)]
    assert "collapse" in kinds(find(course(*moments)))


def test_samples_need_not_be_good_in_the_grace_period():
    collapsed = {"signal/diversity": 0.0}
    found = find(course(*[collapsed] * 3, *[{}] * 37))
    assert "collapse" not in kinds(found)


def test_findings_come_in_the_order_in_which_they_began():
    dead, copies = {"signal/dead": 1.0}, {"signal/memorised": 1.0}
    found = find(course(*[{}] * 5, *[dead] * 5, *[dead | copies] * 10))
    assert [finding.began for finding in found] == sorted(finding.began for finding in found)
    assert kinds(found) == ["dead", "memorising"]


def test_confidence_is_a_half_at_the_threshold_and_has_no_overflow():
    threshold = Threshold(at=2.0, scale=0.5)
    assert threshold.confidence(2.0) == 0.5
    assert threshold.confidence(2.5) > threshold.confidence(2.1) > 0.5
    assert threshold.confidence(1e300) == pytest.approx(1.0)
    assert threshold.confidence(-1e300) == pytest.approx(0.0)


@given(st.lists(st.booleans(), max_size=40))
def test_stretches_are_apart_and_cover_what_lasts(beyond):
    found = stretches(np.array(beyond, dtype=bool), HOLD)
    assert all(beyond[first] and beyond[end - 1] and sum(beyond[first:end]) >= HOLD for first, end in found)
    assert all(end + 1 < first for (_, end), (first, _) in pairwise(found))
    for place in range(len(beyond) - HOLD + 1):
        if all(beyond[place : place + HOLD]):
            assert any(first <= place < end for first, end in found)


def test_progress_of_a_training_that_was_looked_at_rarely_is_counted_from_its_first_look():
    """A critic that is sure of samples which come nearer is not too strong, however few the looks were."""
    nearer = [{"signal/auc": 1.0, "signal/distance": 0.98 * 0.5**n} for n in range(4)]
    assert kinds(find(course(*nearer))) == []
    stays = [{"signal/auc": 1.0, "signal/distance": 0.98, "signal/precision": 0.0, "signal/coverage": 0.0}] * 4
    assert "strong" in kinds(find(course(*stays)))
