"""A disk that is full: files can be made, but grow no further than some size."""

import pytest

import zerosum
from zerosum.training import checkpoints

FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing fails instead of killing
from zerosum.cli import main
import zerosum.training.engine, matplotlib.figure, torch.utils.tensorboard
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny):
    return zerosum.train(**tiny("dcgan", checkpoint_every_samples=16), out=tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.9, 0.3, 0.0], ids=["weights", "pictures", "log"])
def test_a_full_disk_stops_the_training_with_the_last_checkpoint_intact(python, tiny, content, whole, tmp_path, share):
    """What does not fit any more: the weights, also the pictures, or nothing at all."""
    cut = tmp_path / "cut"
    zerosum.train(**tiny("dcgan", checkpoint_every_samples=16, length_samples=16), out=cut)
    size = (cut / "checkpoints" / "000000016" / "model.safetensors").stat().st_size
    before = content(cut)
    result = python("-c", FULL, int(share * size), "resume", "cut", "--length-samples", "48", cwd=tmp_path)
    assert result.returncode == (1 if share else 2), result.stderr  # 2: not even begun
    assert "Traceback" not in result.stderr
    message = result.stderr.splitlines()[-1]
    assert message.startswith("zerosum: Cannot write ")
    assert [int(name) for name in checkpoints.names(cut / "checkpoints")] == [16]
    assert {name: after for name, after in content(cut).items() if name in before and name != "log"} == {
        name: value for name, value in before.items() if name != "log"
    }
    zerosum.resume(cut, length_samples=48, progress=False)
    ours, theirs = content(cut), content(whole.path)
    assert {name: value for name, value in ours.items() if "000000048" in name} == {
        name: value for name, value in theirs.items() if "000000048" in name
    }
    assert ours["log"] == theirs["log"]


@pytest.mark.slow
def test_on_a_full_disk_no_training_begins(python, tiny, as_flags, tmp_path):
    result = python("-c", FULL, 100, "train", *as_flags(**tiny("gan")), "--out", "run", cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert "Cannot write" in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_samples_that_do_not_fit_are_told(python, whole, tmp_path):
    result = python("-c", FULL, 100, "sample", whole.path, "--n", "64", "--out", "x.npz", cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert "Cannot write 'x.npz'" in result.stderr.splitlines()[-1]
