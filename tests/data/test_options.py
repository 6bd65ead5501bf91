import dataclasses

import pytest

from zerosum.data import DataOptions
from zerosum.errors import UserError


@pytest.mark.parametrize(
    ("given", "size"), [(None, None), ("32", (32, 32)), ("64x48", (64, 48)), ("1X7", (1, 7)), ("8 x 9", (8, 9))]
)
def test_resolution_is_height_by_width(given: str | None, size: tuple[int, int] | None) -> None:
    assert DataOptions(resolution=given).size == size


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("resolution", text) for text in ("0", "-4", "x", "", "32x", "axb", "1x2x3", "99999999", "3.5")],
        ("channels", 0),
        ("preprocessing", "[0,2]"),
        ("fit", "squeeze"),
        ("label", "colour"),
        *[(name, bad) for name in ("shift", "scale", "crop") for bad in (-0.1, 1.0, float("nan"))],
        ("rotate", 181.0),
        ("shard_window", 0),
        ("read_ahead", 0),
        *[("held_out", bad) for bad in (0.0, 1.0, -1.0, float("nan"))],
    ],
)
def test_values_that_mean_nothing_are_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(UserError, match=option):
        DataOptions(**{option: value})  # type: ignore[arg-type]


def test_every_option_is_documented() -> None:
    for field in dataclasses.fields(DataOptions):
        assert field.type.__metadata__[0].documentation.endswith("."), field.name  # type: ignore[union-attr]
