"""The comparison of two runs sees every difference but the clock's."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import exactness
import pytest


def make_run(path: Path, seconds: float = 1.0) -> Path:
    (path / "samples").mkdir(parents=True)
    (path / "samples" / "000000100.png").write_bytes(b"picture")
    checkpoint = path / "checkpoints" / "000000100"
    checkpoint.mkdir(parents=True)
    for name in exactness.FILES:
        (checkpoint / name).write_bytes(name.encode())
    line = {"samples_seen": 100, "seconds": seconds, "samples_per_second": 100 / seconds, "loss": 0.5}
    (path / "log.jsonl").write_text(json.dumps(line) + "\n" + '{"samples_seen": 2')
    return path


def test_equal_runs_are_equal_whatever_the_clock_said(tmp_path: Path) -> None:
    same = exactness.compare(make_run(tmp_path / "a"), make_run(tmp_path / "b", seconds=2.0))
    assert set(same) == set(exactness.SAME)
    assert all(same.values())


DIFFERENCES: dict[str, Callable[[Path], object]] = {
    "same_length": lambda run: (run / "checkpoints" / "000000100").rename(run / "checkpoints" / "000000200"),
    "same_model": lambda run: (run / "checkpoints" / "000000100" / "model.safetensors").write_bytes(b"other"),
    "same_training": lambda run: (run / "checkpoints" / "000000100" / "training.safetensors").write_bytes(b"other"),
    "same_log": lambda run: (run / "log.jsonl").write_text('{"samples_seen": 100, "loss": 0.25}\n'),
    "same_pictures": lambda run: (run / "samples" / "000000050.png").write_bytes(b"one more"),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_each_difference_is_seen(tmp_path: Path, what: str) -> None:
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    DIFFERENCES[what](b)
    assert [name for name, same in exactness.compare(a, b).items() if not same] == [what]


def test_progress_is_read_from_whole_lines(tmp_path: Path) -> None:
    assert exactness.samples_seen(tmp_path) == 0
    assert exactness.samples_seen(make_run(tmp_path / "a")) == 100


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("case", exactness.KILLS)
def test_kills_are_shuffled_but_begin_with_a_run_to_resume(case: str, seed: int) -> None:
    order = exactness.shuffled(exactness.KILLS[case], random.Random(seed))
    assert sorted(order) == sorted(exactness.KILLS[case])
    assert order[0] != "start"


def test_twenty_kills_in_all() -> None:
    assert sum(map(len, exactness.KILLS.values())) == 20
