"""What files hold is told by their content, and no file is read twice for it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zerosum.data import DataOptions, digests, open_data, packing
from zerosum.data.digests import digest
from zerosum.data.packed import PackedSource

Folder = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read, whose changes count as settled at once."""
    seen: list[str] = []
    honest = digests._digest
    monkeypatch.setattr(digests, "SETTLED_NS", -10_000_000_000)
    monkeypatch.setattr(digests, "_digest", lambda path: seen.append(path.name) or honest(path))
    return seen


@pytest.fixture
def packings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each packing that was made."""
    made: list[int] = []
    honest = packing.pack
    monkeypatch.setattr(packing, "pack", lambda *args: made.append(args[0].count) or honest(*args))
    return made


def images(count: int = 4) -> dict[str, np.ndarray]:
    return {f"{i}.png": np.full((8, 8), 10 * i, np.uint8) for i in range(count)}


def of(folder: Path, root: Path) -> dict[str, str]:
    return digests.digests({path.name: path for path in sorted(folder.iterdir())}, folder, root)


def levels(folder: Path, cache: Path) -> list[int]:
    source = open_data(folder, cache=cache, progress=False).train
    assert isinstance(source, PackedSource)
    return source.values.numpy()[:, 0, 0, 0].tolist()


def test_content_alone_counts(folder: Folder, root: Path) -> None:
    found = of(folder(images()), root)
    assert len(set(found.values())) == 4
    assert of(folder(images(), "elsewhere"), root) == found


def test_no_file_is_read_twice(folder: Folder, root: Path, read: list[str]) -> None:
    first = of(folder(images()), root)
    assert len(read) == 4
    again = of(folder({"4.png": np.zeros((9, 9), np.uint8)}), root)
    assert {name: again[name] for name in first} == first
    assert read[4:] == ["4.png"]


@pytest.mark.parametrize("length", ["same", "other"])
def test_an_edit_is_seen_though_its_time_is_set_back(folder: Folder, root: Path, read: list[str], length: str) -> None:
    path = folder(images())
    before, status = of(path, root), (path / "2.png").stat()
    content = bytearray((path / "2.png").read_bytes())
    content[-1] ^= 1
    (path / "2.png").write_bytes(bytes(content) + b"!" * (length == "other"))
    os.utime(path / "2.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    after = of(path, root)
    assert [name for name in before if before[name] != after[name]] == ["2.png"]
    assert read[4:] == ["2.png"]


def test_what_has_just_changed_is_not_trusted(folder: Folder, root: Path) -> None:
    path = folder(images())
    of(path, root)
    assert not list(root.rglob("*.json"))


HARMS = ["", "[]", '{"version": 1}', '{"version": 0, "files": {}}', '{"version": 1, "files": {"1.png": null}}']
HARMS += ['{"version": 1, "files": {"1.png": []}}', '{"version": 1, "files": []}']


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_memory_is_made_anew(folder: Folder, root: Path, read: list[str], harm: str) -> None:
    first = of(folder(images()), root)
    (memory,) = (root / "digests").iterdir()
    memory.write_text(harm)
    assert of(folder(images()), root) == first
    del read[:]
    of(folder({}), root)
    assert read == []


def test_what_cannot_be_read_has_none(folder: Folder, root: Path, read: list[str]) -> None:
    path = folder(images())
    (path / "gone.png").symlink_to(path / "nothing")
    assert of(path, root)["gone.png"] == ""


def test_a_cache_that_cannot_be_written_is_no_error(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert digest(folder(images()) / "1.png", tmp_path / "file" / "cache")


def test_copied_and_moved_folders_are_packed_once(folder: Folder, root: Path, packings: list[int]) -> None:
    path = folder({f"{kind}/{name}": a for kind in ("cat", "dog") for name, a in images().items()})
    shutil.copytree(path, path.with_name("copied"))
    first = open_data(path, cache=root)
    assert open_data(path.with_name("copied"), cache=root).fingerprint == first.fingerprint
    moved = path.rename(path.with_name("moved"))
    assert open_data(moved, cache=root).fingerprint == first.fingerprint
    assert packings == [8]
    open_data(moved, DataOptions(resolution="4"), cache=root)
    assert packings == [8, 8]


def test_an_edited_image_is_packed_anew(folder: Folder, root: Path, packings: list[int]) -> None:
    path = folder(images())
    assert levels(path, root) == [0, 10, 20, 30]
    status = (path / "2.png").stat()
    (path / "2.png").write_bytes((path / "1.png").read_bytes())
    os.utime(path / "2.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert levels(path, root) == [0, 10, 10, 30]
    assert packings == [4, 4]


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_copied_arrays_are_packed_once(tmp_path: Path, root: Path, packings: list[int], ending: str) -> None:
    array = np.zeros((5, 8, 8), np.uint8)
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{ending}"
        np.save(path, array) if ending == "npy" else np.savez(path, samples=array)
        open_data(path, DataOptions(resolution="4"), cache=root)
    assert packings == [5]
