"""A disk that is full: files can be made, but grow no further than some size."""

import contextlib
import resource
import signal
from collections.abc import Iterator

import pytest

import zerosum
from zerosum.cli import main
from zerosum.training import checkpoints
from zerosum.training.observers import Report


@contextlib.contextmanager
def full_beyond(size: int) -> Iterator[None]:
    """No file of this process grows larger than so many bytes; writing more fails."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # else the process would be killed
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture(scope="module")
def how(tiny) -> dict:
    return tiny("dcgan", checkpoint_every_samples=16)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, how):
    return zerosum.train(**how, out=tmp_path_factory.mktemp("whole") / "run")


class Terminate:
    """Sends SIGTERM in the first round; the training ends after the second."""

    every_samples = 8

    def __call__(self, state) -> Report:
        if state.samples_seen == 8:
            signal.raise_signal(signal.SIGTERM)
        return Report()


def ends(run: dict) -> dict:
    return {name: value for name, value in run.items() if name == "log" or "000000048" in name}


@pytest.mark.parametrize("limit", [0, 100, 1000, 2000, 4000, 8000, 16000])
def test_a_full_disk_stops_the_training_with_the_last_checkpoint_intact(how, content, whole, tmp_path, capsys, limit):
    """Nothing can be written any more, or no log, events, pictures, weights, whatever does not fit."""
    cut = tmp_path / "cut"
    with pytest.raises(zerosum.Interrupted):
        zerosum.train(**how, out=cut, observers=[Terminate()])
    before = content(cut)
    with full_beyond(limit):
        assert main(["resume", str(cut)]) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("zerosum: Cannot write to ")
    assert err.splitlines()[-1].endswith("The last checkpoint, at 16 samples, is intact.")
    assert [int(name) for name in checkpoints.names(cut / "checkpoints")] == [16]
    after = content(cut)
    assert all(after[name] == value for name, value in before.items() if name != "log")
    assert after["log"][:1] == before["log"]
    zerosum.resume(cut, progress=False)
    assert ends(content(cut)) == ends(content(whole.path))


def test_a_full_disk_leaves_the_plan_as_it_was(whole, capsys):
    before = (whole.path / "plan.json").read_bytes()
    with full_beyond(100):
        assert main(["resume", str(whole.path), "--length-samples", "96"]) == 2
    assert "Cannot write to" in capsys.readouterr().err.splitlines()[-1]
    assert (whole.path / "plan.json").read_bytes() == before


def test_on_a_full_disk_no_training_begins(as_flags, how, whole, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with full_beyond(100):
        assert main(["train", *as_flags(**how), "--out", "run"]) == 2
    assert capsys.readouterr().err == "zerosum: Cannot write to 'run' (File too large).\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.png", "x.npz", "x"])
def test_samples_that_do_not_fit_are_told(whole, tmp_path, capsys, name):
    with full_beyond(100):
        assert main(["sample", str(whole.path), "--n", "64", "--out", str(tmp_path / name)]) == 2
    assert "Cannot write" in capsys.readouterr().err.splitlines()[-1]
