"""A file of tensors is whole or not there, and what killed writers left behind goes."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zerosum.metrics import files

HEAD = {"key": "one", "about": '{"ümlaut": 1}'}
TENSORS = {
    "floats": torch.arange(12.0).view(3, 4),
    "turned": torch.arange(6).view(2, 3).T,
    "none": torch.zeros(0, 5),
    "number": torch.tensor(True),
}


def written(path: Path) -> Path:
    files.write(path, HEAD, TENSORS)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = files.read(written(tmp_path / "a" / "b" / "file"))
    assert found is not None
    head, tensors = found
    assert head == HEAD
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
    assert all(tensors[name].dtype == value.dtype for name, value in TENSORS.items())
    assert names(tmp_path / "a" / "b") == {"file"}


def test_a_file_without_a_head_has_an_empty_one(tmp_path: Path) -> None:
    save_file({"x": torch.ones(2)}, tmp_path / "file")
    found = files.read(tmp_path / "file")
    assert found is not None
    assert found[0] == {}


def test_the_newest_takes_the_place(tmp_path: Path) -> None:
    path = written(tmp_path / "file")
    files.write(path, {}, {"x": torch.ones(2)})
    found = files.read(path)
    assert found is not None
    assert list(found[1]) == ["x"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(b"\xff" * 100),
        lambda path: path.write_text("something else altogether, and rather long for a header"),
    ],
)
def test_what_cannot_be_read_counts_as_none(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = written(tmp_path / "file")
    harm(path)
    assert files.read(path) is None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert files.read(tmp_path) is None
    assert files.read(written(tmp_path / "file") / "below") is None


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        written(tmp_path / "file" / "below")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        written(tmp_path / "folder")
    assert names(tmp_path) == {"file", "folder"}


def test_where_the_disk_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "file")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, {}, {"x": torch.ones(2)})
    assert names(tmp_path) == {"file"}
    found = files.read(path)
    assert found is not None
    assert found[0] == HEAD


def test_leftovers_go_after_a_day(tmp_path: Path) -> None:
    stale, fresh, other = tmp_path / ".a.tmp", tmp_path / ".b.tmp", tmp_path / "c.tmp"
    for path in (stale, fresh, other):
        path.write_text("half")
    for path in (stale, other):
        old = time.time() - files.STALE_SECONDS - 60
        os.utime(path, (old, old))
    written(tmp_path / "file")
    assert names(tmp_path) == {".b.tmp", "c.tmp", "file"}


def test_several_writers_leave_one_whole_file(tmp_path: Path) -> None:
    path, seen, barrier = tmp_path / "file", [], threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(5):
            files.write(path, {"who": str(number)}, {"x": torch.full((1_000,), number)})
            seen.append(files.read(path))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    for found in seen:
        assert found is not None
        assert (found[1]["x"] == int(found[0]["who"])).all()
    assert names(tmp_path) == {"file"}
