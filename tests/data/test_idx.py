import gzip
from pathlib import Path

import numpy as np
import pytest

from zerosum.data import open_data
from zerosum.data.idx import is_idx, read_idx
from zerosum.data.packed import PackedSource
from zerosum.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 7, 5)).astype(np.uint8)
LABELS = (np.arange(12) % 3).astype(np.uint8)
CODES = {"uint8": 8, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    axes = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return head + axes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(folder: Path, compressed: bool) -> Path:
    for name, array in (("train-images-idx3-ubyte", IMAGES), ("train-labels-idx1-ubyte", LABELS)):
        content = idx(array)
        (folder / (name + ".gz" * compressed)).write_bytes(gzip.compress(content) if compressed else content)
    return folder / ("train-images-idx3-ubyte" + ".gz" * compressed)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("given", ["file", "folder"])
def test_images_and_labels_are_found(tmp_path: Path, compressed: bool, given: str) -> None:
    path = write(tmp_path, compressed)
    data = open_data(path if given == "file" else tmp_path)
    assert isinstance(data.train, PackedSource)
    assert np.array_equal(data.train.values.numpy()[:, 0], IMAGES)
    assert data.train.labels is not None
    assert data.train.labels.tolist() == LABELS.tolist()
    assert data.space.classes == ("0", "1", "2")


def test_without_labels_there_are_no_classes(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(idx(IMAGES))
    assert open_data(tmp_path / "pictures").space.classes == ()


@pytest.mark.parametrize("dtype", CODES)
def test_every_type_is_read(tmp_path: Path, dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "x").write_bytes(idx(array))
    assert np.array_equal(read_idx(tmp_path / "x"), array)


@pytest.mark.parametrize("cut", [4, 12, -1])
@pytest.mark.parametrize("compressed", [False, True])
def test_files_cut_short(tmp_path: Path, cut: int, compressed: bool) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(idx(IMAGES))[:cut] if compressed else idx(IMAGES)[:cut])
    with pytest.raises(UserError, match=str(path)):
        read_idx(path)


def test_other_files_are_not_idx(tmp_path: Path) -> None:
    for content in (b"", b"\0\0", b"hello", b"\0\0\x99\3"):
        (tmp_path / "x").write_bytes(content)
        assert not is_idx(tmp_path / "x")
        with pytest.raises(UserError, match="another kind"):
            open_data(tmp_path / "x")
