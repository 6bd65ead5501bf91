import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerosum.data import DataOptions, open_data
from zerosum.data.packed import PackedSource
from zerosum.errors import UserError


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r'pip install "zerosum\[hub\]"'):
        open_data("hf:mnist")


@pytest.mark.parametrize("stored", ["parquet", "arrow"])
def test_local_folders_work_offline(tmp_path: Path, stored: str) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra hub is not installed")
    pictures = [Image.fromarray(np.full((6, 8, 3), 10 * i, np.uint8)) for i in range(10)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    table = datasets.Dataset.from_dict({"image": pictures, "label": [i % 2 for i in range(10)]}, features=features)
    folder = tmp_path / "table"
    folder.mkdir()
    table.to_parquet(folder / "train.parquet") if stored == "parquet" else table.save_to_disk(folder)
    data = open_data(f"hf:{folder}", DataOptions(resolution="4x6"))
    assert data.space.shape == (3, 4, 6)
    assert data.space.classes == ("a", "b")
    assert isinstance(data.train, PackedSource)
    assert data.train.values[:, 0, 0, 0].tolist() == [10 * i for i in range(10)]


def test_tables_without_images_are_refused(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra hub is not installed")
    datasets.Dataset.from_dict({"text": ["a", "b", "c"]}).save_to_disk(tmp_path)
    with pytest.raises(UserError, match="its columns are text"):
        open_data(f"hf:{tmp_path}")


def test_data_sets_that_do_not_exist_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the extra hub is not installed")
    with pytest.raises(UserError, match="cannot be loaded"):
        open_data(f"hf:{tmp_path}")
