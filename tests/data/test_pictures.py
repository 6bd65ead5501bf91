import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zerosum.data import DataOptions
from zerosum.data.pictures import LEVELS, PRECISION, Form, common_form, conform, fitted
from zerosum.errors import UserError

UINT8, UINT16, FLOAT32 = PRECISION


def constant(height: int, width: int, channels: int, dtype: np.dtype, level: float) -> np.ndarray:
    return np.full((height, width, channels), round(level * LEVELS[dtype]) if dtype.kind == "u" else level, dtype)


@given(
    st.sampled_from([1, 3, 4]),
    st.sampled_from([1, 3, 4]),
    st.sampled_from(PRECISION),
    st.sampled_from(["crop", "stretch"]),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
@example(1, 1, UINT8, "crop", (7, 1), (25, 1))  # where the crop's box began a rounding error above the picture
def test_white_stays_white_in_every_form(given, channels, dtype, fit, sides, wanted) -> None:  # type: ignore[no-untyped-def]
    picture = constant(*sides, given, dtype, 1.0)
    out = conform(picture, Form(*wanted, channels, dtype), fit)
    assert out.shape == (channels, *wanted)
    assert out.dtype == dtype
    assert np.allclose(out, LEVELS[dtype], rtol=1e-5)


@given(st.integers(0, 255))
def test_more_precision_changes_no_value(level: int) -> None:
    picture = np.full((2, 2, 1), level, np.uint8)
    assert conform(picture, Form(2, 2, 1, UINT16), "crop").max() == level * 257
    assert conform(picture, Form(2, 2, 1, FLOAT32), "crop").max() == pytest.approx(level / 255)


def test_crop_takes_the_middle_stretch_all_pad_adds_black() -> None:
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, 10:20] = 200
    assert (fitted(wide, 10, 10, "crop") == 200).all()
    assert np.allclose(fitted(wide, 10, 10, "stretch").mean(), 200 / 3, atol=6)
    padded = fitted(wide + 50, 30, 30, "pad")
    assert (padded[:10] == 0).all()
    assert (padded[10:20] >= 50).all()
    assert (padded[20:] == 0).all()


def test_transparency_is_laid_over_white() -> None:
    picture = np.zeros((1, 2, 4), np.uint8)
    picture[0, 1, 3] = 255
    assert conform(picture, Form(1, 2, 3, UINT8), "crop")[0].tolist() == [[255, 0]]
    assert conform(picture, Form(1, 2, 1, UINT8), "crop")[0].tolist() == [[255, 0]]


def test_grey_is_luma() -> None:
    picture = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert conform(picture, Form(1, 3, 1, UINT8), "crop")[0].tolist() == [[76, 150, 29]]


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_resizing_keeps_the_mean(dtype: np.dtype, channels: int) -> None:
    values = np.random.default_rng(0).random((20, 20, channels)) * 0.2 + 0.4
    picture = (values * LEVELS[dtype]).astype(dtype)
    shrunk = fitted(picture, 10, 10, "crop")
    assert shrunk.shape == (10, 10, channels)
    assert shrunk.dtype == dtype
    assert np.allclose(shrunk.mean((0, 1)), picture.mean((0, 1)), rtol=0.02)


@pytest.mark.parametrize(
    ("channels", "common"), [({1}, 1), ({1, 3}, 3), ({4}, 4), ({3, 4}, 3), ({1, 4}, 3), ({2}, 2), ({7}, 7)]
)
def test_common_channels(channels: set[int], common: int) -> None:
    forms = {Form(8, 8, c, UINT8) for c in channels}
    assert common_form(forms, None, DataOptions()) == Form(8, 8, common, UINT8)


def test_common_size_and_type() -> None:
    same = {Form(8, 9, 1, UINT8), Form(8, 9, 1, UINT16)}
    other = {*same, Form(9, 9, 1, FLOAT32)}
    assert common_form(same, None, DataOptions()) == Form(8, 9, 1, UINT16)
    assert common_form(other, None, DataOptions()) == Form(64, 64, 1, FLOAT32)
    assert common_form(other, (32, 32), DataOptions())[:2] == (32, 32)
    assert common_form(other, (32, 32), DataOptions(resolution="4x5"))[:2] == (4, 5)


@pytest.mark.parametrize(("given", "wanted"), [({2, 3}, None), ({5}, 3), ({3}, 2)])
def test_channels_that_cannot_be_had(given: set[int], wanted: int | None) -> None:
    with pytest.raises(UserError, match="channels"):
        common_form({Form(8, 8, c, UINT8) for c in given}, None, DataOptions(channels=wanted))
