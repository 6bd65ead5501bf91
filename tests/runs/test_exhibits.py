"""Plots and samples beside findings."""

import numpy as np
import pytest
from PIL import Image

from zerosum.diagnosis.course import course_of
from zerosum.diagnosis.detectors import find
from zerosum.diagnosis.findings import Finding
from zerosum.runs.exhibits import HEIGHT, LEFT, SHOWN, WIDTH, moments_of, plots, span, strips
from zerosum.runs.foreign import with_class


def course(*dead: float):
    lines = [{"samples_seen": 100 * n, "signal/dead": value} for n, value in enumerate(dead, 1)]
    return course_of(lines, 100 * len(dead))


SICK = course(*[0.0] * 10, *[0.9] * 5, *[0.0] * 5, *[1.0] * 20)


def test_a_detector_has_one_plot_with_every_stretch_and_the_threshold():
    findings = find(SICK)
    assert [finding.kind for finding in findings] == ["dead", "dead"]
    (plot,) = plots(findings, SICK, 4_000)
    assert plot.title == "dead"
    assert len(plot.stretches) == len(plot.worst) == 2
    (first, width), (second, rest) = plot.stretches
    scale = (WIDTH - LEFT - 6) / 4_000
    assert first == pytest.approx(LEFT + 1_200 * scale, abs=0.1)
    assert width == pytest.approx((findings[0].ended - 1_200) * scale, abs=0.2)
    assert second + rest == pytest.approx(WIDTH - 6, abs=0.1)
    assert plot.limit is not None
    assert all(y < plot.limit for _, y in plot.worst)
    assert plot.curves["dead"].count("M") == 1
    assert plot.curves["dead"].count("L") == 39


def test_findings_without_a_detector_show_their_evidence():
    finding = Finding(kind="healthy", began=1_000, evidence={"signal/dead": 0.0, "signal/unknown": 1.0})
    (plot,) = plots([finding], SICK, 4_000)
    assert list(plot.curves) == ["dead"]
    assert plot.limit is None
    assert plot.worst == []


@pytest.mark.parametrize(
    "finding", [Finding(kind="few", evidence={"value": 3.0}), Finding(kind="nan", began=5, detail="loss of phase D")]
)
def test_what_was_not_measured_over_time_has_no_plot(finding):
    assert plots([finding], SICK, 4_000) == []


@pytest.mark.parametrize("values", [[np.nan] * 40, [1e30] * 40, [0.0] * 39 + [1e30], [-1e30, 1.0] * 20])
def test_whatever_the_values_all_that_is_drawn_is_near_the_canvas(values):
    extreme = course(*values)
    for plot in plots(
        [Finding(kind="dead", began=100, worst=100, detector="dead", evidence={"statistic": 1.0})], extreme, 0
    ):
        numbers = [
            float(part)
            for path in plot.curves.values()
            for part in path.replace("M", "L").replace("L", ",").split(",")
            if part
        ]
        assert np.isfinite(numbers).all()
        assert all(-10 <= y <= HEIGHT + 10 for y in numbers[1::2])


@pytest.mark.parametrize(
    ("at", "values"), [(5.0, [0.0, 1.0]), (0.5, [0.0, 1.0]), (-5.0, [0.0, 1.0]), (1.0, [1.0, 1.0])]
)
def test_the_threshold_is_always_within(at, values):
    low, high = span([np.array(values)], at)
    assert low < high
    assert low <= at <= high


SEEN = [0, 100, 200, 300, 400]


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (
            Finding(kind="dead", began=150, worst=290, ended=350),
            {100: "before", 300: "at its worst", 400: "when it was over"},
        ),
        (Finding(kind="dead", began=150, worst=400), {100: "before", 400: "at its worst, now"}),
        (Finding(kind="dead", began=110, worst=110, ended=120), {100: "before", 200: "when it was over"}),
        (Finding(kind="dead", began=0, worst=0, ended=500), {0: "at its worst"}),
        (Finding(kind="nan", began=250), {200: "before", 400: "now"}),
        (Finding(kind="healthy", began=150), {400: "now"}),
    ],
)
def test_samples_from_just_before_at_the_worst_and_at_the_end(finding, words):
    assert moments_of(finding, SEEN) == words


def test_the_surest_findings_are_shown_in_their_order(tmp_path):
    snapshots = {}
    for seen in SEEN:
        snapshots[seen] = tmp_path / f"{seen:09d}.png"
        Image.new("L", (4, 4), 9).save(snapshots[seen])
    snapshots[0].write_bytes(b"half a pic")
    findings = [
        Finding(kind="dead", began=50 + n, ended=90, confidence=c) for n, c in enumerate((0.6, 0.9, 0.5, 0.8, 0.7))
    ]
    found = strips(findings, snapshots)
    assert [strip.when for strip in found] == ["51 – 90", "53 – 90", "54 – 90"]
    assert len(found) == SHOWN
    assert [picture["words"] for picture in found[0].pictures] == ["when it was over"]
    assert found[0].pictures[0]["src"].startswith("data:image/png;base64,")
    assert strips([Finding(kind="few")], snapshots) == []


@pytest.mark.parametrize(
    ("number", "classes", "detail"), [(1.0, ("cat", "dog"), "class 'dog' is hardly made"), (2.0, ("cat", "dog"), "")]
)
def test_the_class_that_is_hardly_made_is_named(number, classes, detail):
    finding = Finding(kind="partial", detector="rarest", evidence={"signal/rarest_class": number})
    assert with_class(finding, classes).detail == detail
