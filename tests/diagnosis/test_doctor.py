"""The doctor watches a training and leaves no trace in it; what it writes is a function of the training."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import zerosum
from zerosum.diagnosis import doctor as at_the_bedside
from zerosum.diagnosis.course import course_of
from zerosum.diagnosis.doctor import Doctor, announced, in_words, looked_enough
from zerosum.diagnosis.findings import CATALOGUE, Finding

POINTS = {"data": "ring", "width": 8, "latent_size": 4, "batch_size": 8, "report_every_samples": 80}
QUIET = {"precision": "float32", "device": "cpu", "progress": False, "evaluate": "off"}
EVERY = {"snapshot_every_samples": 640, "checkpoint_every_samples": 640}
LOOKS = {"doctor_every_samples": 640}
SETTLED = {"doctor": "watch", "every_samples": 640, "doctor_every_samples": 640}


def weights(content: dict) -> dict:
    return {name: value for name, value in content.items() if name.endswith(("safetensors", "png"))}


@pytest.mark.parametrize("recipe", ["dcgan", "sngan", "cgan", "r3gan", "cyclegan"])
def test_weights_and_pictures_are_those_of_a_training_nobody_watched(recipe, tiny, content, tmp_path):
    how = tiny(recipe, doctor="off")
    alone = zerosum.train(**how, out=tmp_path / "alone")
    watched = zerosum.train(**how, out=tmp_path / "seen", observers=[Doctor(tmp_path / "seen", every_samples=16)])
    ours, theirs = content(watched.path), content(alone.path)
    assert [name for name in weights(ours) if ours[name] != theirs[name]] == []
    assert weights(ours).keys() == weights(theirs).keys()
    probed = [line["samples_seen"] for line in watched.log if "signal/coverage" in line]
    assert probed == [16, 32, 48]


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A training with a look every 640 samples."""
    out = tmp_path_factory.mktemp("watched") / "run"
    return zerosum.train("gan", **POINTS, **QUIET, **EVERY, **LOOKS, length_samples=2560, out=out)


def test_it_watches_unless_told_otherwise(watched):
    assert watched.plan["doctor"] == SETTLED
    assert [line["samples_seen"] for line in watched.log if "signal/auc" in line] == [640, 1280, 1920, 2560]


def test_a_training_that_was_stopped_and_resumed_has_the_same_log(watched, content, stop_at, tmp_path):
    how = POINTS | QUIET | EVERY | LOOKS | {"length_samples": 2560}
    cut = zerosum.train("gan", **how, out=tmp_path / "cut", observers=[stop_at(1000)])
    assert [line["samples_seen"] for line in cut.log if "signal/auc" in line] == [640]
    ours, theirs = content(zerosum.resume(cut, progress=False).path), content(watched.path)
    assert [line for line in ours["log"] if "note" not in line] == theirs["log"]
    same = [name for name in theirs if "2560" in name]
    assert len(same) == 3
    assert [name for name in same if ours[name] != theirs[name]] == []


def test_a_resumed_run_goes_on_as_recorded_unless_told_otherwise(tmp_path):
    how = POINTS | QUIET | EVERY
    run = zerosum.train("gan", **how, length_samples=80, doctor="off", out=tmp_path / "run")
    assert run.plan["doctor"] == {"doctor": "off", "every_samples": None}
    zerosum.resume(run, length_samples=640, progress=False)
    assert run.plan["doctor"]["doctor"] == "off"
    assert not any("signal/auc" in line for line in run.log)
    zerosum.resume(run, length_samples=1280, progress=False, doctor="watch", **LOOKS)
    assert run.plan["doctor"] == SETTLED
    assert [line["samples_seen"] for line in run.log if "signal/auc" in line] == [1280]
    zerosum.resume(run, length_samples=6400, progress=False, doctor="off")
    assert run.log[-1]["samples_seen"] == 6400
    assert [line["samples_seen"] for line in run.log if "signal/auc" in line] == [1280]


def test_a_run_from_before_the_doctor_goes_on_without(tmp_path):
    run = zerosum.train("gan", **POINTS, **QUIET, **EVERY, length_samples=80, out=tmp_path / "run")
    plan = run.plan
    del plan["doctor"]
    (run.path / "plan.json").write_text(json.dumps(plan))
    zerosum.resume(run, length_samples=640, progress=False)
    assert "doctor" not in run.plan
    assert not any("signal/auc" in line for line in run.log)


def test_another_word_is_refused(tmp_path):
    with pytest.raises(zerosum.UserError, match=r"Unknown doctor .wach.\. Did .* Allowed: off, treat, watch"):
        zerosum.train("gan", **POINTS, **QUIET, doctor="wach", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_would_be_done_says_who_watches():
    described = zerosum.describe("gan", **POINTS, **LOOKS, length_samples=2560)
    assert described["doctor"] == SETTLED
    assert zerosum.describe("gan", **POINTS, doctor="off")["doctor"]["doctor"] == "off"


def test_a_finding_is_told_once_and_the_state_is_shown_at_every_look(monkeypatch, tmp_path):
    told, shown = [], []
    monkeypatch.setattr(at_the_bedside, "find", lambda course: [Finding(kind="collapse", began=16)])
    doctor = Doctor(tmp_path / "run", every_samples=16, tell=told.append, show=shown.append)
    how = POINTS | QUIET | {"length_samples": 48, "report_every_samples": 16, "doctor": "off"}
    run = zerosum.train("gan", **how, out=tmp_path / "run", observers=[doctor])
    assert shown == ["mode collapse"] * 3
    assert len(told) == 1
    assert told[0].startswith("Doctor: mode collapse since 16 samples")
    assert [line.get("finding/collapse") for line in run.log] == [1.0, 1.0, 1.0]


def test_what_comes_back_is_told_in_short_and_what_stays_is_not_told_again(tmp_path):
    told = []
    doctor = Doctor(tmp_path, every_samples=1, tell=told.append)
    looks = [8, 8, None, 40, 48]  # where the finding of each look began; the last has only been dated anew
    for began in looks:
        doctor.speak([] if began is None else [Finding(kind="collapse", began=began)])
    assert len(told) == 2
    assert told[0].startswith("Doctor: mode collapse since 8 samples (")
    assert told[1] == "Doctor: mode collapse again since 40 samples."


def test_what_is_no_danger_is_not_told(tmp_path):
    told = []
    doctor = Doctor(tmp_path, every_samples=1, tell=told.append)
    doctor.speak([Finding(kind="starved", began=1)])
    assert told == []


def test_healthy_is_only_said_after_looks_beyond_the_grace_period():
    def course(*seen):
        return course_of([{"samples_seen": n, "signal/auc": 0.5} for n in seen], 1000)

    assert not looked_enough(course())
    assert not looked_enough(course(50, 99))
    assert not looked_enough(course(50, 100))
    assert not looked_enough(course(100, 150))
    assert looked_enough(course(100, 150, 200))


def test_the_words_name_a_kind_once_and_the_advice():
    twice = [Finding(kind="partial", confidence=c, began=8) for c in (0.6, 0.9)]
    assert in_words(twice) == "partial mode collapse"
    text = announced(Finding(kind="strong", began=1_234, evidence={"signal/auc": 1.0, "statistic": 0.5}))
    assert "critic too strong since 1,234 samples (auc 1)" in text
    assert "--critic-lr" in text
    seen = Finding(kind="oscillating", detector="unsteady", detail="steps leap", evidence={"update/G": 0.5}, began=8)
    assert "(steps leap: update/G 0.5)" in announced(seen)
    assert "(steps leap)" in announced(replace(seen, detector=""))


def test_the_callers_random_numbers_stay(watched, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    zerosum.train("gan", **POINTS, **QUIET, length_samples=48, out=tmp_path / "run")
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_the_page_about_the_doctor_has_every_kind_of_finding(kind):
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    assert f"| {kind.name} | {kind.what} | {kind.causes[0] if kind.causes else '–'} |" in page


def test_a_run_that_was_over_and_goes_on_has_the_log_of_one_that_was_longer_from_the_start(tmp_path, content):
    how = POINTS | QUIET | EVERY | LOOKS | {"lr_decay": "none"}
    whole = zerosum.train("gan", **how, length_samples=1600, out=tmp_path / "whole")
    run = zerosum.train("gan", **how, length_samples=960, out=tmp_path / "run")
    zerosum.resume(run, length_samples=1600, progress=False)
    assert content(run.path)["log"] == content(whole.path)["log"]
    assert [line["samples_seen"] for line in run.log if "signal/auc" in line] == [640, 1280]
