"""Folders and archives: what is found, how it is labelled, and what is said when it cannot be used."""

import os
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from zerosum.data import Data, DataOptions, open_data
from zerosum.data.packed import PackedSource, PairedSource
from zerosum.draw import Draw
from zerosum.errors import UserError

Folder = Callable[..., Path]


def images(count: int, *shape: int, start: int = 0) -> dict[str, np.ndarray]:
    return {f"{i:03}.png": np.full(shape or (8, 8), start + i, np.uint8) for i in range(count)}


def stored(data: Data) -> np.ndarray:
    assert isinstance(data.train, PackedSource)
    return data.train.values.numpy()


def labels(data: Data) -> list[str]:
    assert isinstance(data.train, PackedSource)
    assert data.train.labels is not None
    return [data.space.classes[number] for number in data.train.labels]


def zipped(folder: Path) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder.parent))
    return archive


@pytest.mark.parametrize("pack", [lambda path: path, zipped], ids=["folder", "zip"])
def test_images_come_in_the_order_of_their_names(folder: Folder, pack: Callable[[Path], Path]) -> None:
    data = open_data(str(pack(folder(images(12)))))
    assert stored(data).shape == (12, 1, 8, 8)
    assert stored(data)[:, 0, 0, 0].tolist() == list(range(12))
    assert data.space.classes == ()
    assert (data.train.size, data.held_out.size) == (10, 2)


@pytest.mark.parametrize("pack", [lambda path: path, zipped], ids=["folder", "zip"])
def test_nested_folders_are_classes(folder: Folder, pack: Callable[[Path], Path]) -> None:
    files = {f"{name}/{file}": a for name in ("dog", "cat/big", "cat/small") for file, a in images(4).items()}
    data = open_data(pack(folder(files)))
    assert data.space.classes == ("cat/big", "cat/small", "dog")
    assert labels(data) == ["cat/big"] * 4 + ["cat/small"] * 4 + ["dog"] * 4
    assert data.held_out.batch(torch.arange(3), Draw("a")).label.tolist() == [0, 1, 2]  # type: ignore[union-attr]


def test_zip_and_folder_hold_the_same(folder: Folder) -> None:
    path = folder({f"{c}/{name}": a for c in "ab" for name, a in images(5).items()})
    assert open_data(path).fingerprint == open_data(zipped(path)).fingerprint


def test_moving_a_folder_changes_nothing_but_changing_it_does(folder: Folder, tmp_path: Path) -> None:
    path = folder(images(6))
    before = open_data(path).fingerprint
    moved = path.rename(tmp_path / "moved")
    assert open_data(moved).fingerprint == before
    (moved / "000.png").write_bytes((moved / "005.png").read_bytes())
    os.utime(moved / "000.png", ns=(1, 1))
    assert open_data(moved).fingerprint != before


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "bmp", "tiff", "gif"])
def test_every_format_is_found(folder: Folder, kind: str) -> None:
    from PIL import Image

    path = folder(images(1))
    for i in range(4):
        Image.fromarray(np.full((8, 8), 40 * i, np.uint8)).save(path / f"{i}.{kind.upper()}")
    assert len(stored(open_data(path))) == 5


def test_mixed_images_get_one_form(folder: Folder) -> None:
    files = images(3) | {
        "colour.png": np.zeros((20, 10, 3), np.uint8),
        "alpha.png": np.zeros((9, 9, 4), np.uint8),
        "deep.png": np.full((8, 8), 65535, np.uint16),
    }
    path = folder(files)
    assert stored(open_data(path)).shape == (6, 3, 64, 64)
    assert stored(open_data(path)).dtype == np.uint16
    small = open_data(path, DataOptions(resolution="4x6", channels=1))
    assert small.space.shape == (1, 4, 6)
    assert stored(small)[5].max() <= stored(small).max() == 65535


def test_what_is_not_an_image_by_name_is_left_alone(folder: Folder, tmp_path: Path) -> None:
    extra = {"notes.txt": b"hello", ".hidden.png": b"", "__MACOSX/._000.png": b"", ".git/x.png": b""}
    path = folder(images(4) | extra)
    shutil.make_archive(str(tmp_path / "packed"), "zip", path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (path, tmp_path / "packed.zip"):
            assert len(stored(open_data(given))) == 4


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_to_nothing_is_unreadable(folder: Folder) -> None:
    path = folder(images(40))
    (path / "lost.png").symlink_to(path / "nowhere.png")
    with pytest.warns(UserWarning, match=r"lost\.png"):
        assert len(stored(open_data(path))) == 40


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_in_a_circle_is_not_followed_for_ever(folder: Folder) -> None:
    path = folder(images(4))
    (path / "again").symlink_to(path)
    assert len(stored(open_data(path))) == 4


@pytest.mark.parametrize("where", ["head", "body"])
def test_few_unreadable_images_are_listed_and_skipped(folder: Folder, where: str) -> None:
    path = folder(images(40, 30, 30))
    content = (path / "007.png").read_bytes()
    (path / "007.png").write_bytes(b"" if where == "head" else content[: len(content) - 30])
    for _ in range(2):  # the second time from the cache
        with pytest.warns(UserWarning, match=r"007\.png"):
            data = open_data(path)
        assert stored(data)[:, 0, 0, 0].tolist() == [i for i in range(40) if i != 7]


def test_many_unreadable_images_stop_unless_allowed(folder: Folder) -> None:
    path = folder(images(20) | {f"bad{i:02}.png": b"broken" for i in range(12)})
    for _ in range(2):
        with pytest.raises(UserError, match=r"12 of 32 images cannot be read.*bad00\.png.*bad09\.png.* and 2 more"):
            open_data(path)
        with pytest.warns(UserWarning, match="bad00"):
            assert len(stored(open_data(path, DataOptions(allow_unreadable=True)))) == 20


def test_labels_stay_with_their_images_when_some_are_skipped(folder: Folder) -> None:
    files = {f"{c}/{name}": a for c, start in (("a", 0), ("b", 100)) for name, a in images(30, start=start).items()}
    path = folder(files)
    (path / "a" / "000.png").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="a/000"):
        data = open_data(path)
    for image, label in zip(stored(data), labels(data), strict=True):
        assert label == ("a" if image.max() < 100 else "b")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no images"),
        ({"a.txt": b"x"}, "no images"),
        (images(1), "1 usable image.*at least 3"),
        (images(2), "2 usable image.*2 training samples"),
        ({"a.png": b"", "b.png": b"no", "c.png": b"no"}, r"None of the 3.*a\.png \(not an image\)"),
    ],
)
def test_too_few_images(folder: Folder, files: dict[str, np.ndarray], message: str) -> None:
    path = folder(files)
    path.mkdir(exist_ok=True)
    with pytest.raises(UserError, match=message):
        open_data(path)


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../b.png", "..\\evil.png", "C:/evil.png"])
def test_archives_that_point_outside_are_refused(tmp_path: Path, folder: Folder, name: str) -> None:
    archive = zipped(folder(images(4)))
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, b"x")
    with pytest.raises(UserError, match="outside"):
        open_data(archive)


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no archive")
    with pytest.raises(UserError, match=r"x\.zip"):
        open_data(tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("", "empty"), ("digit", "'digits'"), ("/no/such/place", "no such file"), ("glyph:sans-serif", "glyphs:sans")],
)
def test_unknown_data_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(UserError, match=hint):
        open_data(name)


def test_a_single_image_is_no_data(folder: Folder) -> None:
    with pytest.raises(UserError, match="folder"):
        open_data(folder(images(1)) / "000.png")


class TestDomains:
    @pytest.fixture
    def both(self, folder: Folder) -> tuple[Path, Path]:
        other = {name.replace(".png", ".bmp"): _bmp(array) for name, array in images(10, start=100).items()}
        return folder(images(10), "a"), folder(other, "b")

    def test_pairs_go_by_name(self, both: tuple[Path, Path]) -> None:
        data = open_data(both[0], DataOptions(target=str(both[1]), paired=True, flip=True))
        for source in (data.train, data.held_out):
            assert isinstance(source, PairedSource)
            batch = source.batch(torch.arange(source.size), Draw("a"))
            assert batch.condition is not None
            step = (batch.real - batch.condition).mul(127.5).round()
            assert (step == 100).all()

    def test_unpaired_domains_have_splits_of_their_own(self, both: tuple[Path, Path]) -> None:
        data = open_data(both[0], DataOptions(target=str(both[1])))
        trained = data.train.batch(torch.arange(200) % 8, Draw("a"))
        held_out = data.held_out.batch(torch.arange(50) % 2, Draw("a"))
        for name in ("condition", "real"):
            seen = [set(getattr(batch, name).mul(127.5).add(127.5).round()[:, 0, 0, 0].int().tolist())
                    for batch in (trained, held_out)]  # fmt: skip
            assert not seen[0] & seen[1]
            assert len(seen[0] | seen[1]) == 10

    def test_a_skipped_image_has_no_partner(self, both: tuple[Path, Path]) -> None:
        (both[0] / "004.png").write_bytes(b"broken")
        options = DataOptions(target=str(both[1]), paired=True, allow_unreadable=True)
        with pytest.raises(UserError, match="partner: 004"), pytest.warns(UserWarning, match="004"):
            open_data(both[0], options)

    def test_labels_are_those_of_the_condition(self, folder: Folder) -> None:
        first = folder({f"{c}/{name}": a for c in "xy" for name, a in images(5).items()}, "a")
        data = open_data(first, DataOptions(target=str(folder(images(20), "b"))))
        assert data.space.classes == ("x", "y")
        assert data.train.batch(torch.arange(8), Draw("a")).label.tolist() == [0] * 4 + [1] * 4  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("target", "paired", "message"),
        [
            (images(10, 9, 9), False, "one shape"),
            (images(10, 8, 8, 3), False, "channels"),
            (images(9), True, "partner: 009"),
            (images(2), False, "at least 3"),
        ],
    )
    def test_domains_that_do_not_fit(
        self, folder: Folder, target: dict[str, np.ndarray], paired: bool, message: str
    ) -> None:
        options = DataOptions(target=str(folder(target, "b")), paired=paired)
        with pytest.raises(UserError, match=message):
            open_data(folder(images(10), "a"), options)

    @pytest.mark.parametrize(("name", "target"), [("ring", "digits"), ("digits", "photos"), ("digits", "grid")])
    def test_only_images_make_domains(self, name: str, target: str) -> None:
        with pytest.raises(UserError, match="domain"):
            open_data(name, DataOptions(target=target))

    @pytest.mark.parametrize("name", ["digits", "ring", "photos"])
    def test_one_domain_cannot_be_paired(self, name: str) -> None:
        with pytest.raises(UserError, match="two domains"):
            open_data(name, DataOptions(paired=True))


def _bmp(array: np.ndarray) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "BMP")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 300, "a\0b", "~nobody-of-this-name/x"])
def test_what_cannot_be_a_path_is_no_data(name: str) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        open_data(name)


def test_a_folder_that_was_removed_is_missed(folder: Folder) -> None:
    path = folder(images(4))
    open_data(path)
    shutil.rmtree(path)
    with pytest.raises(UserError, match="no such file or folder"):
        open_data(path)
