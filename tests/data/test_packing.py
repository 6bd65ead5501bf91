"""The cache: whole or not there, whatever happens while it is written."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zerosum.data import DataOptions, packing
from zerosum.data.packing import Cache, default_root
from zerosum.data.pictures import Form, Pictures
from zerosum.data.samples import Samples
from zerosum.errors import UserError

COUNT = 50
FORM = Form(4, 5, 1, np.dtype(np.uint8))


def pictures(read: Callable[[int], np.ndarray] | None = None) -> Pictures:
    read = read or (lambda item: np.full((4, 5, 1), item, np.uint8))
    return Pictures(
        count=COUNT,
        describe=str,
        probe=lambda item: FORM,
        read=lambda item, side: read(item),
        labels=np.arange(COUNT) % 2,
        classes=("even", "odd"),
    )


def packed(root: Path, make: Callable[[], Pictures] = pictures, key: tuple[object, ...] | None = ("k",)) -> Samples:
    return Cache(root=root, progress=False).samples(key, make, DataOptions())


def assert_whole(samples: Samples) -> None:
    assert samples.values[:, 0, 0, 0].tolist() == list(range(COUNT))
    assert samples.labels is not None
    assert samples.labels.tolist() == [item % 2 for item in range(COUNT)]
    assert samples.classes == ("even", "odd")


def never() -> Pictures:
    raise AssertionError("packed again")


def test_pictures_are_packed_once(tmp_path: Path) -> None:
    assert_whole(packed(tmp_path))
    assert_whole(packed(tmp_path, never))
    assert [path.name[0] for path in tmp_path.iterdir()] != ["."]


def test_options_that_shape_images_have_packings_of_their_own(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path, progress=False)
    cache.samples(("k",), pictures, DataOptions())
    assert cache.samples(("k",), pictures, DataOptions(resolution="8")).values.shape == (COUNT, 1, 8, 8)
    assert cache.samples(("k",), pictures, DataOptions(channels=3)).values.shape == (COUNT, 3, 4, 5)
    assert cache.samples(("k",), never, DataOptions(flip=True, held_out=0.4)).values.shape == (COUNT, 1, 4, 5)


def test_without_a_key_content_decides(tmp_path: Path) -> None:
    first, again = packed(tmp_path, key=None), packed(tmp_path, key=None)
    assert first.fingerprint == again.fingerprint
    assert len(list(tmp_path.iterdir())) == 1


def test_two_at_once_do_no_harm(tmp_path: Path) -> None:
    together = threading.Barrier(2)

    def read(item: int) -> np.ndarray:
        if item == COUNT - 1:
            together.wait(timeout=20)
        return np.full((4, 5, 1), item, np.uint8)

    results: list[Samples] = []
    threads = [threading.Thread(target=lambda: results.append(packed(tmp_path, lambda: pictures(read)))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    for samples in results:
        assert_whole(samples)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_a_killed_packing_leaves_nothing_half_valid(tmp_path: Path) -> None:
    program = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_packing import Path, packed, pictures
        def read(item):
            if item == 40:
                os.kill(os.getpid(), signal.SIGKILL)
            return __import__("numpy").zeros((4, 5, 1), "uint8")
        packed(Path({str(tmp_path)!r}), lambda: pictures(read))
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".tmp")
    assert_whole(packed(tmp_path))
    assert left.exists()  # it might be at work still …
    old = time.time() - 3 * 24 * 3600
    os.utime(left, (old, old))
    packed(tmp_path, key=("other",))
    assert not left.exists()  # … but not after days


@pytest.mark.parametrize("harm", ["values.npy", "rows.npz", "about.json"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_packing_is_made_anew(tmp_path: Path, harm: str, how: str) -> None:
    packed(tmp_path)
    (place,) = tmp_path.iterdir()
    content = (place / harm).read_bytes()
    (place / harm).unlink() if how == "gone" else (place / harm).write_bytes(content[: len(content) // 2])
    assert_whole(packed(tmp_path))
    assert_whole(packed(tmp_path, never))


class Stop(BaseException):
    pass


def test_an_interrupted_packing_cleans_up(tmp_path: Path) -> None:
    def read(item: int) -> np.ndarray:
        raise Stop

    with pytest.raises(Stop):
        packed(tmp_path, lambda: pictures(read))
    assert list(tmp_path.iterdir()) == []


def test_images_that_fail_late_leave_no_holes(tmp_path: Path) -> None:
    def read(item: int) -> np.ndarray:
        if item in (0, 49):
            raise OSError("cut short")
        return np.full((4, 5, 1), item, np.uint8)

    with pytest.warns(UserWarning, match=r"0 \(cut short\), 49 \(cut short\)"):
        samples = packed(tmp_path, lambda: pictures(read))
    assert samples.values[:, 0, 0, 0].tolist() == list(range(1, 49))
    assert samples.labels is not None
    assert samples.labels.tolist() == [item % 2 for item in range(1, 49)]


def test_images_that_fail_late_have_no_say_in_the_form(tmp_path: Path) -> None:
    """A truncated file has a whole head: larger than all others, in colour, of higher precision."""

    def read(item: int) -> np.ndarray:
        if item == 7:
            raise OSError("cut short")
        return np.full((4, 5, 1), item, np.uint8)

    large = Form(40, 50, 3, np.dtype(np.uint16))
    odd = replace(pictures(read), probe=lambda item: large if item == 7 else Form(4, 5, 1, np.dtype(np.uint8)))
    with pytest.warns(UserWarning, match=r"7 \(cut short\)"):
        samples = packed(tmp_path, lambda: odd)
    assert samples.values.shape == (COUNT - 1, 1, 4, 5)
    assert samples.values.dtype == np.uint8
    assert samples.values[:, 0, 0, 0].tolist() == [item for item in range(COUNT) if item != 7]
    assert samples.labels is not None
    assert samples.labels.tolist() == [item % 2 for item in range(COUNT) if item != 7]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="ZEROSUM_CACHE"):
        packed(tmp_path / "file" / "cache")


def test_the_environment_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    assert default_root() == tmp_path / "packed"
    monkeypatch.delenv("ZEROSUM_CACHE")
    assert default_root().name == "packed"
    assert "zerosum" in str(default_root())


def odd_one(height: int, width: int, channels: int, dtype: str = "uint8") -> Pictures:
    """Pictures of which one, in the middle, has another form; larger ones come reduced, as JPEGs do."""

    def form(item: int) -> Form:
        return Form(height, width, channels, np.dtype(dtype)) if item == COUNT // 2 else FORM

    def read(item: int, side: int) -> np.ndarray:
        own = form(item)
        smaller = max(1, max(own.height, own.width) // (2 * side))
        return np.zeros((own.height // smaller, own.width // smaller, own.channels), own.dtype)

    return Pictures(count=COUNT, describe=str, probe=form, read=read)


@pytest.mark.parametrize("probed", [2, 256])
@pytest.mark.parametrize(
    ("odd", "shape", "dtype"),
    [
        ((4, 5, 1), (1, 4, 5), "uint8"),
        ((4, 5, 3), (3, 4, 5), "uint8"),
        ((9, 5, 1), (1, 64, 64), "uint8"),
        ((400, 500, 1), (1, 64, 64), "uint8"),
        ((4, 5, 1, "uint16"), (1, 4, 5), "uint16"),
    ],
)
def test_a_form_counts_whether_or_not_its_head_was_looked_at(tmp_path, monkeypatch, odd, shape, dtype, probed) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(packing, "PROBED", probed)
    values = packed(tmp_path, lambda: odd_one(*odd)).values
    assert values.shape == (COUNT, *shape)
    assert values.dtype == dtype


def test_where_no_head_that_was_looked_at_can_be_read_all_are_looked_at(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(packing, "PROBED", 2)

    def probe(item: int) -> Form:
        if item in (0, COUNT - 1):
            raise ValueError("cut short")
        return FORM

    samples = packed(tmp_path, lambda: replace(pictures(), probe=probe))
    assert samples.skipped == (0, COUNT - 1)
    assert samples.values[:, 0, 0, 0].tolist() == list(range(1, COUNT - 1))


@pytest.mark.parametrize("pwrite", [True, False])
def test_rows_are_written_whole_in_pieces_and_where_there_is_no_pwrite(tmp_path, monkeypatch, pwrite) -> None:  # type: ignore[no-untyped-def]
    if not pwrite:
        monkeypatch.delattr(os, "pwrite", raising=False)
    elif hasattr(os, "pwrite"):
        whole = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda file, rest, place: whole(file, rest[:7], place))
    assert_whole(packed(tmp_path))
