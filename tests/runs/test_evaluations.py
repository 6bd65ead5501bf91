"""Records in a run: appended whole, whoever else appends."""

import threading
from dataclasses import replace

import pytest

from zerosum.errors import UserError
from zerosum.metrics.records import Record
from zerosum.runs.evaluations import latest, read, store

RECORD = Record(
    metric="fd[raw]",
    value=1.0,
    better="lower",
    n_real=2,
    n_generated=2,
    reference={},
    generated={},
    seed=0,
    seconds=0.0,
    zerosum="0",
    details={"long": ["x" * 50] * 200},
)


def test_what_is_stored_is_read(tmp_path):
    assert read(tmp_path) == []
    assert store(tmp_path, [RECORD]) == read(tmp_path) == [RECORD]


def test_several_writers_do_not_mix_their_lines(tmp_path):
    def work(seed: int) -> None:
        for _ in range(20):
            store(tmp_path, [replace(RECORD, seed=seed)])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seeds = [record.seed for record in read(tmp_path)]
    assert sorted(seeds) == [seed for seed in range(4) for _ in range(20)]


def test_the_last_of_each_metric_is_the_latest():
    records = [RECORD, replace(RECORD, metric="kid[raw]"), replace(RECORD, value=2.0)]
    assert [(record.metric, record.value) for record in latest(records)] == [("fd[raw]", 2.0), ("kid[raw]", 1.0)]


def test_a_run_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(UserError, match="Cannot write to"):
        store(tmp_path / "nowhere", [RECORD])
