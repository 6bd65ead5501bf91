"""The clinic does what it says to a training, and its thresholds lie between the healthy and the sick."""

import numpy as np
import pytest
import torch
from clinic_calibrate import Patient, findings, in_time, kept_up, share, threshold
from sicknesses import HEALTHY, KINDS, Changed, few, one_class, overflow, to_255, twice, wrong_labels

from zerosum.data import open_data
from zerosum.diagnosis import CATALOGUE
from zerosum.diagnosis.course import Course
from zerosum.draw import Draw
from zerosum.recipes import names

PLACES = torch.arange(40)


def patient(kind: str, values: list[float], seed: int = 0, failure: str = "") -> Patient:
    seen = np.linspace(0, 1000, len(values))
    course = Course(seen, {"signal/diversity": 1 - np.array(values)}, 1000)
    return Patient(kind, "gan", "ring", seed, course, True, 0, failure, ())


@pytest.fixture(scope="module")
def digits():
    return open_data("digits", progress=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_names_findings_and_wards_that_exist(kind):
    sickness = KINDS[kind]
    assert set(sickness.right) <= set(CATALOGUE)
    assert {recipe for recipe, _ in sickness.wards} <= set(names())
    options = sickness.options if callable(sickness.options) else dict(sickness.options)
    assert (sickness.plan, sickness.data, sickness.critic, options) != (None, None, None, {})


def test_all_recipes_are_seen_healthy():
    assert {recipe for recipe, _ in HEALTHY} == set(names())


def test_data_become_what_they_are_said_to_become(digits):
    assert few(60)(digits, 1).train.size == 60
    copies = twice(20, 7)(digits, 1).train.batch(torch.arange(140), Draw(0)).real.flatten(1)
    assert len(copies.unique(dim=0)) == 7
    unbalanced = one_class(0.95)(digits, 1).train
    labels = unbalanced.batch(torch.arange(unbalanced.size), Draw(0)).label
    assert (labels == 1).float().mean() == pytest.approx(0.95, abs=0.01)
    true, false = digits.train, wrong_labels(0.5)(digits, 1).train
    everything = torch.arange(true.size)
    same = (true.batch(everything, Draw(0)).label == false.batch(everything, Draw(0)).label).float().mean()
    assert same == pytest.approx(0.55, abs=0.04)
    scaled = to_255(digits, 1).train
    assert isinstance(scaled, Changed)
    assert scaled.batch(PLACES, Draw(0)).real.max() == 255
    assert overflow(torch.tensor(1.0)).isinf()


def test_a_threshold_lies_between_healthy_and_sick():
    healthy = [patient("healthy", [0.2] * 20), patient("healthy", [0.3] * 20)]
    sick = [patient("fast generator", [0.3] * 10 + [0.9] * 10)]
    found = threshold("collapse", healthy, sick)
    assert (found["healthy"], found["sick"]) == pytest.approx((0.3, 0.9))
    assert 0.3 < found["at"] < 0.9


def test_one_odd_value_is_not_kept_up():
    assert kept_up("collapse", patient("healthy", [0.1] * 10 + [5.0] + [0.1] * 10).course) == pytest.approx(0.1)


def test_a_failure_is_found_and_in_time():
    ill = patient("not a number", [0.1] * 20, failure="D/adversarial became NaN or infinite in round 3")
    assert "nan" in {finding.kind for finding in in_time(ill, findings(ill))}


def test_shares_come_with_their_interval():
    assert share(19, 20) == "19/20 = 95% (75%–100%)"
