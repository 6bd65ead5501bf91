"""A plan in its run directory: nothing is left behind by what cannot begin, and a report whatever happens."""

import signal

import pytest
import torch

import zerosum
from zerosum.errors import Terminated, TrainingFailed, UserError
from zerosum.runs import playing, read_notes
from zerosum.runs.playing import refuse_finished, write_first_plan
from zerosum.training.engine import Engine

TINY = {"width": 8, "length_samples": 48, "batch_size": 8, "device": "cpu", "progress": False, "evaluate": "off"}


class Fails:
    """An observer that cannot go on."""

    every_samples = 24

    def __call__(self, state):
        if state.samples_seen:
            raise RuntimeError("no more")


def test_a_plan_that_cannot_be_written_leaves_no_directory(tmp_path, monkeypatch):
    def full(run, document):
        raise UserError("Cannot write (disk full).")

    monkeypatch.setattr(playing, "write_plan", full)
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(UserError, match="disk full"):
        write_first_plan(run, {})
    assert not run.exists()


def test_there_is_a_report_of_a_training_that_broke(tmp_path):
    with pytest.raises(RuntimeError, match="no more"):
        zerosum.train("gan", data="ring", **TINY, out=tmp_path / "run", observers=[Fails()])
    assert "zerosum run" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(("seen", "length", "finished"), [(0, 8, False), (8, 8, True), (16, 8, True)])
def test_what_has_seen_enough_is_finished(tmp_path, seen, length, finished):
    if not finished:
        refuse_finished(tmp_path, seen, length)
        return
    with pytest.raises(UserError, match=f"already seen {seen} samples of {length}"):
        refuse_finished(tmp_path, seen, length)


def test_a_resumed_batch_must_be_shared_evenly_and_the_run_stays_as_it_was(tmp_path):
    run = zerosum.train("gan", data="ring", **TINY, out=tmp_path / "run")
    before = (run.path / "plan.json").read_bytes()
    with pytest.raises(UserError, match="A batch of 8 cannot be shared evenly by 3 processes"):
        zerosum.resume(run, devices=3, length_samples=96, progress=False)
    assert (run.path / "plan.json").read_bytes() == before


def test_a_training_that_failed_says_so_at_the_end_of_its_log_until_it_goes_on(tmp_path):
    class Breaks:
        every_samples = 32

        def __call__(self, state):
            raise TrainingFailed("D/r1 became NaN or infinite in round 3 (24 samples seen).")

    how = TINY | {"checkpoint_every_samples": 24, "report_every_samples": 8}
    with pytest.raises(TrainingFailed):
        zerosum.train("gan", data="ring", **how, out=tmp_path / "run", observers=[Breaks()])
    assert read_notes(tmp_path / "run") == [(32, "failed: D/r1 became NaN or infinite in round 3 (24 samples seen).")]
    assert "not a number" in (tmp_path / "run" / "report.html").read_text()
    zerosum.resume(tmp_path / "run", progress=False)
    assert read_notes(tmp_path / "run") == []
    assert "not a number" not in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Terminated])
@pytest.mark.parametrize("where", ["compile", "play"])
def test_who_does_not_wait_is_told_where_the_training_stands(tmp_path, monkeypatch, where, stop):
    """Ctrl-C or SIGTERM before the first round, or a second time within one; what goes on then is the same training."""
    whole = zerosum.train("gan", data="ring", **TINY, out=tmp_path / "whole")

    def impatient(*given):
        raise stop

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Engine, where, impatient)
        with pytest.raises(zerosum.Interrupted, match=f"zerosum resume {run}") as stopped:
            zerosum.train("gan", data="ring", **TINY, out=run)
    assert stopped.value.signal == (signal.SIGTERM if stop is Terminated else signal.SIGINT)
    assert torch.equal(zerosum.resume(run, progress=False).sample(8), whole.sample(8))
