"""Killed at any moment and resumed, a run ends as if nothing had happened."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import zerosum

WORKER = Path(__file__).with_name("kill_worker.py")


def last(content: dict) -> dict:
    """What the end of a training left, and the way there; the checkpoint before may be another one."""
    newest = max(name.split("/")[1] for name in content if name.startswith("checkpoints/"))
    return {k: v for k, v in content.items() if not k.startswith("checkpoints/") or k.split("/")[1] == newest}


@pytest.mark.slow
def test_killed_while_a_checkpoint_is_written(python, tiny, content, tmp_path):
    how = tiny("wgan", checkpoint_every_samples=8)
    result = python(WORKER, tmp_path, json.dumps(how), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    ends = json.loads(result.stdout.splitlines()[-1])
    assert len(ends) == 6
    for name, (killed, resumed, left) in ends.items():
        assert killed == -signal.SIGKILL, name
        assert resumed == 0, (name, result.stderr)
        assert [int(found) for found in left] == {"renamed": [8, 16, 24], "old one half removed": [8, 16, 24]}.get(
            name, [8, 16]
        )
        assert last(content(tmp_path / name)) == last(content(tmp_path / "whole")), name


@pytest.mark.slow
def test_killed_at_a_random_moment(environment, tiny, as_flags, content, tmp_path):
    """Again and again, until it gets through; most kills come in the middle of a round or of a picture."""
    how = tiny("dcgan", length_samples=1600, checkpoint_every_samples=80, snapshot_every_samples=160, flip=True)
    whole = zerosum.train(**how, out=tmp_path / "whole")
    flags = [word for word in as_flags(**how) if word != "True"]
    words, cut, kills = ["train", *flags, "--out", "cut"], tmp_path / "cut", 0
    moments = random.Random(time.time_ns())
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-m", "zerosum", *words], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            wait_for_the_first_picture(process, cut)
            seconds = moments.uniform(0.0, (0.2, 1.5, 1.5)[kills]) if kills < 3 else 60.0
            try:
                _, stderr = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
                process.communicate()
            else:
                assert process.returncode == 0, stderr
                break
        words = ["resume", "cut"]
    assert kills
    assert last(content(cut)) == last(content(whole.path))


def wait_for_the_first_picture(process: subprocess.Popen, run: Path) -> None:
    """The plan is written by then."""
    while not (run / "samples" / "000000000.png").exists() and process.poll() is None:
        time.sleep(0.01)
