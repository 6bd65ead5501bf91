"""What every space promises, and what images and points are for people."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zerosum.spaces import Images, Points, Space
from zerosum.spaces.images import Preprocessing, tile, to_image

SPACES: dict[str, Space] = {
    **{f"{c} x {h} x {w}": Images((c, h, w)) for c, h, w in [(1, 4, 4), (2, 5, 3), (3, 3, 9), (4, 8, 8), (7, 2, 2)]},
    "unit": Images((3, 4, 4), preprocessing="[0,1]"),
    "standardised": Images((2, 4, 4), preprocessing="standardised", mean=(0.2, 0.7), std=(0.1, 0.3)),
    **{f"points in {d}": Points((d,)) for d in (1, 2, 5)},
}


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> Space:
    return SPACES[request.param]


def samples(space: Space, n: int) -> torch.Tensor:
    return space.encode(torch.rand(n, *space.shape, generator=torch.Generator().manual_seed(n)))


@pytest.mark.parametrize("n", [1, 5])
def test_arrays_and_pictures(space: Space, n: int) -> None:
    array = space.to_array(samples(space, n).requires_grad_())
    images = isinstance(space, Images)
    assert array.dtype == (np.uint8 if images else np.float32)
    assert array.shape == ((n, *space.shape[1:], space.shape[0]) if images else (n, *space.shape))
    assert space.picture(samples(space, n)).mode in ("L", "RGB", "RGBA")


def test_every_sample_gets_a_file(space: Space, tmp_path: Path) -> None:
    space.save_each(samples(space, 3), tmp_path, ["a", "b", "c"])
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "b", "c"]


@given(
    st.sampled_from(["[-1,1]", "[0,1]", "standardised"]),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=4),
)
def test_decoding_undoes_encoding(preprocessing: Preprocessing, statistics: list[tuple[float, float]]) -> None:
    mean, std = zip(*statistics, strict=True)
    space = Images((len(mean), 3, 5), preprocessing=preprocessing, mean=mean, std=std)
    levels = torch.randint(0, 256, (4, *space.shape), generator=torch.Generator().manual_seed(0))
    unit = levels / 255
    before = unit.clone()
    encoded = space.encode(unit)
    assert torch.equal(unit, before)
    torch.testing.assert_close(space.decode(encoded), unit, atol=1e-5, rtol=0)
    assert np.array_equal(space.to_array(encoded), levels.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize(("preprocessing", "low", "high"), [("[-1,1]", -1, 1), ("[0,1]", 0, 1)])
def test_value_ranges(preprocessing: Preprocessing, low: float, high: float) -> None:
    space = Images((1, 2, 2), preprocessing=preprocessing)
    assert space.encode(torch.zeros(1, 1, 2, 2)).unique().tolist() == [low]
    assert space.encode(torch.ones(1, 1, 2, 2)).unique().tolist() == [high]
    assert space.to_array(torch.full((1, 1, 2, 2), 9.0)).max() == 255
    assert space.to_array(torch.full((1, 1, 2, 2), -9.0)).max() == 0


def test_half_precision_is_shown_too() -> None:
    space = SPACES["unit"]
    real = samples(space, 2)
    assert np.abs(space.to_array(real.bfloat16()).astype(int) - space.to_array(real)).max() <= 1


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 9), st.one_of(st.none(), st.integers(1, 12)))
def test_grids_hold_every_sample_in_rows(n: int, height: int, width: int, columns: int | None) -> None:
    levels = np.arange(1, n + 1, dtype=np.uint8)[:, None, None, None] * np.ones((1, height, width, 1), np.uint8)
    picture = np.asarray(tile(levels, columns, gap=1, background=0))
    across = (picture.shape[1] + 1) // (width + 1)
    assert columns is None or across == columns
    seen = picture[:: height + 1, :: width + 1].ravel()
    assert seen[:n].tolist() == list(range(1, n + 1))
    assert picture.sum(dtype=np.int64) == levels.sum(dtype=np.int64)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "RGB"), (3, "RGB"), (4, "RGBA"), (6, "RGB")])
def test_any_channel_count_is_shown(channels: int, mode: str) -> None:
    levels = np.arange(2 * 3 * channels, dtype=np.uint8).reshape(2, 3, channels)
    image = to_image(levels)
    assert image.mode == mode
    shown = np.asarray(image).reshape(2, 3, -1)
    assert np.array_equal(shown[:, :, : min(channels, 3)], levels[:, :, :3])


def test_image_files_hold_the_image(tmp_path: Path) -> None:
    space = Images((3, 4, 6))
    real = samples(space, 1)
    space.save_each(real, tmp_path, ["x"])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x.png")), space.to_array(real)[0])


def test_point_files_hold_the_point(tmp_path: Path) -> None:
    space = Points((3,))
    real = samples(space, 1)
    space.save_each(real, tmp_path, ["x"])
    (row,) = csv.reader((tmp_path / "x.csv").open())
    assert np.allclose([float(cell) for cell in row], real[0].numpy())


def test_scatter_plots_show_the_points() -> None:
    near, far = torch.zeros(50, 2), torch.full((50, 2), 9.0)
    space = Points((2,))
    assert np.asarray(space.picture(near)).std() > np.asarray(space.picture(far)).std()  # beyond the extent


def test_spaces_are_compared_by_value() -> None:
    assert Images((1, 2, 3), classes=("a",)) == Images((1, 2, 3), classes=("a",))
    assert Images((1, 2, 3)) != Images((1, 2, 3), preprocessing="[0,1]")
