"""Arrays, from Python and from files, and data sets of the user's own."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from zerosum.data import Data, DataOptions, arrays, open_data
from zerosum.data.packed import PackedSource
from zerosum.draw import Draw
from zerosum.errors import Notice, UserError

RNG = np.random.default_rng(0)
LAST = RNG.integers(0, 256, (10, 12, 8, 3)).astype(np.uint8)
FIRST = np.ascontiguousarray(np.moveaxis(LAST, 3, 1))


def train(data: Data) -> PackedSource:
    assert isinstance(data.train, PackedSource)
    return data.train


def unit(data: Data) -> np.ndarray:
    """All stored images in [0, 1]."""
    source = train(data)
    values = source.values.numpy()
    return values / {np.uint8: 255, np.uint16: 65535, np.float32: 1}[values.dtype.type]


@pytest.mark.parametrize(
    "given",
    [
        LAST,
        FIRST,
        torch.from_numpy(FIRST),
        torch.from_numpy(LAST),
        LAST.astype(np.uint16) * 257,
        FIRST.astype(">u2") * 257,
    ]
    + [(LAST / 255).astype(kind) for kind in (np.float32, np.float64)]
    + [LAST / 127.5 - 1, torch.from_numpy(FIRST / 127.5 - 1)],
)
def test_any_layout_and_type_is_the_same_data(given: Any) -> None:
    data = open_data(given)
    assert data.space.shape == (3, 12, 8)
    assert np.allclose(unit(data), FIRST / 255, atol=1e-6)


def test_layout_where_the_axes_tie() -> None:
    first = unit(open_data(np.arange(36, dtype=np.uint8).reshape(4, 3, 1, 3)))[0]
    assert (first[:, 0, 0] * 255).round().tolist() == [0, 1, 2]
    assert open_data(torch.zeros(4, 3, 5, 3)).space.shape == (3, 5, 3)


@pytest.mark.parametrize("shape", [(6, 5, 7), (6, 5, 7, 1), (6, 2, 5, 7), (6, 16, 17, 9)])
def test_any_number_of_channels(shape: tuple[int, ...]) -> None:
    data = open_data(np.zeros(shape, np.uint8))
    assert data.train.batch(torch.arange(2), Draw("a")).real.shape == (2, *data.space.shape)
    assert data.space.shape[0] == (min(shape[1], shape[-1]) if len(shape) == 4 else 1)


def test_booleans_are_black_and_white() -> None:
    assert set(np.unique(unit(open_data(RNG.random((5, 4, 4)) > 0.5)))) == {0, 1}


@pytest.mark.parametrize("how", ["direct", "packed", "mapped"])
def test_however_it_is_stored_the_data_is_the_same(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if how != "direct":
        monkeypatch.setattr("zerosum.data.arrays.IN_MEMORY", 0)
    if how == "mapped":
        monkeypatch.setattr("zerosum.data.packing.IN_MEMORY", 0)
    data = open_data(LAST, cache=tmp_path)
    assert (tmp_path / "packed").exists() == (how != "direct")
    assert data.fingerprint == open_data(LAST).fingerprint
    ours, plain = (d.train.batch(torch.arange(4), Draw("a")).real for d in (data, open_data(LAST)))
    assert torch.equal(ours, plain)


@pytest.mark.parametrize("array", [LAST, FIRST, FIRST / np.float32(255), np.ones((5, 2), np.float32)])
def test_the_users_array_and_ours_are_two(array: np.ndarray) -> None:
    given = array.copy()
    data = open_data(given)
    before = data.train.batch(torch.arange(3), Draw("a")).real
    given[:] = 0
    assert torch.equal(data.train.batch(torch.arange(3), Draw("a")).real, before)


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize("key", ["samples", "images"])
def test_files(tmp_path: Path, ending: str, key: str) -> None:
    path = tmp_path / f"x.{ending}"
    labels = np.array(list("abcde") * 2)
    np.save(path, LAST) if ending == "npy" else np.savez(path, **{key: LAST, "labels": labels})  # type: ignore[arg-type]
    data = open_data(path)
    assert np.allclose(unit(data), FIRST / 255)
    assert data.space.classes == (() if ending == "npy" else tuple("abcde"))
    small = open_data(path, DataOptions(resolution="6x4", channels=1))
    assert small.space.shape == (1, 6, 4)
    assert small.train.batch(torch.arange(3), Draw("a")).real.shape == (3, 1, 6, 4)


def test_labels_may_be_any_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", samples=LAST, labels=np.array([7, -1] * 5))
    data = open_data(tmp_path / "x.npz")
    assert data.space.classes == ("-1", "7")
    assert train(data).labels.tolist() == [1, 0] * 5  # type: ignore[union-attr]


def test_points(tmp_path: Path) -> None:
    points = RNG.normal(size=(40, 3))
    np.savez(tmp_path / "x.npz", samples=points, labels=np.arange(40) % 2)
    data = open_data(tmp_path / "x.npz")
    assert data.space.kind == "points"
    assert data.space.shape == (3,)
    assert np.array_equal(train(data).values.numpy(), points.astype(np.float32))
    assert data.train.batch(torch.arange(5), Draw("a")).label is not None


def test_resized_floats_keep_their_range() -> None:
    wide = np.repeat(np.array([-1.0, 1.0] * 8)[:, None, None], 8, 2).repeat(8, 1)
    resized = unit(open_data(wide, DataOptions(resolution="5")))
    assert np.allclose(resized[::2], 0, atol=1e-6)
    assert np.allclose(resized[1::2], 1, atol=1e-6)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 4, 4), np.int64), "astype"),
        (np.zeros((5, 4, 4), complex), "complex"),
        (np.array([object()] * 4), "object"),
        (np.zeros(5), r"\(5,\)"),
        (np.zeros((5, 4), np.uint8), "points are float"),
        (np.zeros((2, 2, 2, 2, 2), np.uint8), "images are"),
        (np.zeros((0, 4, 4), np.uint8), "images are"),
        (np.zeros(()), "images are"),
        (np.full((5, 4, 4), 200.0), "from 200 to 200.*255"),
        (np.full((5, 4, 4), np.nan), "not finite"),
        (np.full((5, 2), np.inf), "finite"),
        (np.zeros((5, 0)), "at least one dimension"),
        (np.zeros((2, 4, 4), np.uint8), "at least 3"),
        (np.zeros((1, 2)), "at least 3"),
    ],
)
def test_arrays_that_cannot_be_used(array: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_data(array)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_objects_are_never_unpickled(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    harm = np.array([{"a": 1}] * 4, dtype=object)
    np.save(path, harm, allow_pickle=True) if ending == "npy" else np.savez(path, samples=harm)
    with pytest.raises(UserError, match="objects"):
        open_data(path)


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_what_is_no_array_file_is_called_so(tmp_path, ending):
    (tmp_path / f"fake{ending}").write_bytes(b"GIF89a, say")
    with pytest.raises(UserError, match=f"it is no {ending} file"):
        open_data(str(tmp_path / f"fake{ending}"), cache=tmp_path, progress=False)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", samples=LAST, images=LAST)
    with pytest.raises(UserError, match="has samples and images; one of them is read"):
        open_data(tmp_path / "both.npz")
    np.savez(tmp_path / "keys.npz", pictures=LAST, y=LAST)
    with pytest.raises(UserError, match="pictures, y"):
        open_data(tmp_path / "keys.npz")
    (tmp_path / "no.npy").write_bytes(b"no array")
    with pytest.raises(UserError, match=r"no\.npy"):
        open_data(tmp_path / "no.npy")
    (tmp_path / "no.npz").write_bytes(b"no array")
    with pytest.raises(UserError, match=r"no\.npz"):
        open_data(tmp_path / "no.npz")


@pytest.mark.parametrize("labels", [np.zeros(9, int), np.zeros((10, 2), int), np.zeros(10)])
def test_labels_that_cannot_be_used(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "x.npz", samples=LAST, labels=labels)
    with pytest.raises(UserError, match="labels"):
        open_data(tmp_path / "x.npz")


class TestDataSets:
    def test_items_of_every_kind(self) -> None:
        kinds = [LAST[0], Image.fromarray(LAST[0]), torch.from_numpy(FIRST[0]), (LAST[0] / 255), [LAST[0], 3][0]]
        for kind in kinds:
            data = open_data([kind] * 5)
            assert np.allclose(unit(data), FIRST[:1] / 255, atol=1e-6)

    @pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
    @pytest.mark.parametrize("items", [LAST, FIRST])
    def test_channels_are_found_first_and_last(self, items: np.ndarray, kind: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Notice)
            data = open_data([(kind(item), 0) for item in items])
        assert data.space.shape == (3, 12, 8)
        assert np.allclose(unit(data), FIRST / 255)

    def test_all_items_decide_where_channels_are(self) -> None:
        items = [np.zeros((3, 9, 3), np.uint8), np.zeros((20, 9, 3), np.uint8), np.zeros((7, 9, 1), np.uint8)]
        assert open_data(items, DataOptions(resolution="8")).space.shape == (3, 8, 8)
        pictures = [Image.new("L", (9, 3)), Image.new("RGB", (3, 20))]  # have no doubt about them, and raise none
        assert open_data([*pictures, *(np.moveaxis(item, 2, 0) for item in items)]).space.shape == (3, 64, 64)

    @pytest.mark.parametrize(
        ("item", "shape"),
        [
            (np.zeros((5, 7, 5), np.uint8), (5, 5, 7)),
            (torch.zeros(5, 7, 5), (5, 7, 5)),
            (np.zeros((3, 7, 4), np.uint8), (3, 7, 4)),
            (np.zeros((9, 16, 17), np.uint8), (9, 16, 17)),
        ],
    )
    def test_a_doubtful_layout_is_told(self, item: Any, shape: tuple[int, ...]) -> None:
        with pytest.warns(Notice, match=f"taken for {shape[0]} channels .* of {shape[1]}x{shape[2]}"):
            assert open_data([item] * 4).space.shape == shape

    def test_labels_and_sizes(self) -> None:
        items = [(Image.new("L", (10 + i, 8), i), torch.tensor(i % 3)) for i in range(9)]
        data = open_data(items)
        assert data.space.shape == (1, 64, 64)
        assert data.space.classes == ("0", "1", "2")
        assert open_data(items, DataOptions(resolution="8", channels=3)).space.shape == (3, 8, 8)

    def test_a_torch_data_set(self) -> None:
        items = torch.utils.data.TensorDataset(torch.from_numpy(FIRST), torch.arange(10) % 2)
        assert open_data(items).space.classes == ("0", "1")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("items", "message"),
        [
            ([], "empty"),
            (["a", "b"], r"\[0\] is str"),
            ([(LAST[0], 1), (LAST[1], None), (LAST[2], 1)], "some items only"),
            ([LAST[0] * 2.0] * 4, "0, 1"),
            ([LAST[0]], "at least 3"),
            ([np.zeros((4, 4, 2), np.uint8), LAST[0], LAST[1]], "channels"),
        ],
    )
    def test_mistakes(self, items: list[Any], message: str) -> None:
        with pytest.raises(UserError, match=message):
            open_data(items)

    def test_what_is_no_data(self) -> None:
        with pytest.raises(UserError, match="int is no data"):
            open_data(3)  # type: ignore[arg-type]


def test_a_tiny_excess_over_the_range_is_clipped() -> None:
    array = np.linspace(-1e-4, 1 + 1e-4, 80).reshape(5, 4, 4)
    values = unit(open_data(array))
    assert values.min() == 0
    assert values.max() == 1
    assert not arrays.is_signed([array], "x")


class TestPairs:
    @pytest.mark.parametrize("images", [LAST, torch.from_numpy(FIRST), RNG.normal(size=(10, 2))])
    @pytest.mark.parametrize("labels", [np.arange(10) % 3, torch.arange(10) % 3, [i % 3 for i in range(10)]])
    def test_images_and_labels(self, images: Any, labels: Any) -> None:
        data = open_data((images, labels))
        assert data.space.classes == ("0", "1", "2")
        assert train(data).labels.tolist() == [i % 3 for i in range(10)]  # type: ignore[union-attr]
        assert data.name == type(images).__name__
        assert data.fingerprint != open_data(images).fingerprint

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (np.zeros(9, int), "10 samples and 9 labels"),
            (np.zeros((10, 3)), "argmax"),
            (np.zeros(10), "whole numbers or words"),
            ([[1], [1, 2]] * 5, "no array"),
            (None, "data=images"),
        ],
    )
    def test_labels_that_cannot_be_used(self, labels: Any, message: str) -> None:
        with pytest.raises(UserError, match=message):
            open_data((LAST, labels))

    def test_labels_that_no_two_samples_share_are_names(self) -> None:
        with pytest.warns(Notice, match="10 classes: no class has two, so they are taken for names, and left out"):
            data = open_data((LAST, np.arange(10)))
        assert data.space.classes == ()
        assert (data.train.size, data.held_out.size) == (8, 2)

    def test_what_is_no_pair(self) -> None:
        with pytest.raises(UserError, match=r"\(images, labels\).* first is str"):
            open_data(("a", "b"))  # type: ignore[arg-type]

    def test_a_negative_label_among_others_is_told(self) -> None:
        with pytest.warns(Notice, match="-1 .* is a class like any other"):
            assert open_data((LAST, np.arange(10) % 3 - 1)).space.classes == ("-1", "0", "1")


def test_what_may_be_one_picture_is_told(tmp_path):
    np.save(tmp_path / "picture.npy", np.zeros((24, 20, 3), dtype=np.uint8))
    with pytest.warns(Notice, match=r"taken for 24 grey images of 20x3\. If it is one picture"):
        open_data(tmp_path / "picture.npy")


def test_what_labels_mean_is_asked_of_glyphs_alone():
    with pytest.raises(UserError, match="label = 'style' is about glyphs; the labels of 'digits' are its own"):
        open_data("digits", DataOptions(label="style"))
