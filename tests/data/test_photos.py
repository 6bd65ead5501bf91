import numpy as np
import pytest
import torch

from zerosum.data import DataOptions, open_data
from zerosum.data.photos import CropSource, Photographs, paths
from zerosum.draw import Draw
from zerosum.errors import UserError


def marked() -> Photographs:
    """Two photographs: red is the column, green the row, blue the photograph."""
    pictures = []
    for number, (height, width) in enumerate([(40, 100), (60, 50)]):
        rows, columns = np.mgrid[:height, :width]
        pictures.append(np.stack([columns, rows, np.full_like(rows, number)], axis=2).astype(np.uint8))
    return Photographs(tuple(pictures))


def test_at_least_the_two_photographs_of_scikit_learn_are_there() -> None:
    assert len(paths()) >= 2


def test_crops_are_pieces_of_the_photographs_and_cover_them() -> None:
    train, held_out = marked().sources(DataOptions(resolution="16x20", preprocessing="[0,1]", held_out=0.4))
    for source, low, high in ((train, (0, 0), (60, 30)), (held_out, (60, 30), (100, 50))):
        levels = source.batch(torch.arange(3000), Draw("a")).real.mul(255).round()
        number = levels[:, 2, 0, 0].long()
        assert (levels[:, 2] == number[:, None, None]).all()
        full = (levels[:, 0, :, 1:] - levels[:, 0, :, :-1] == 1).flatten(1).all(1)  # at its own size
        assert (levels[full, 1, 1:] - levels[full, 1, :-1] == 1).all()
        for photograph in (0, 1):
            columns = levels[full & (number == photograph), 0]
            assert columns.min() == low[photograph]
            assert columns.max() == high[photograph] - 1
            reached = levels[number == photograph, 0]
            assert low[photograph] <= reached.min() <= reached.max() < high[photograph]


def test_parts_that_are_too_small_are_enlarged() -> None:
    data = open_data("photos", DataOptions(resolution="300x200"))
    assert data.held_out.batch(torch.arange(2), Draw("a")).real.shape == (2, 3, 300, 200)
    assert isinstance(data.held_out, CropSource)
    assert len(data.held_out.places) >= len(paths())


@pytest.mark.parametrize("options", [{"resolution": "2000"}, {"channels": 4}])
def test_mistakes(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"Photos"):
        open_data("photos", DataOptions(**options))  # type: ignore[arg-type]
