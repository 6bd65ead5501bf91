"""Small data sets on disk, and a cache of the tests' own."""

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROSUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def encoded(array: np.ndarray, kind: str = "PNG") -> bytes:
    """An image file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of PNG files from names and arrays."""

    def make(files: dict[str, np.ndarray | bytes], name: str = "images") -> Path:
        for path, content in files.items():
            place = tmp_path / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else encoded(content))
        return tmp_path / name

    return make


@pytest.fixture
def tar(tmp_path: Path) -> Callable[..., Path]:
    """Makes a tar file of names and contents."""

    def make(name: str, members: dict[str, np.ndarray | bytes]) -> Path:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(place, "w") as archive:
            for path, given in members.items():
                content = given if isinstance(given, bytes) else encoded(given)
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return place

    return make
