import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zerosum.data import DataOptions
from zerosum.data.augmentation import Augmentation, Colours, augmentation
from zerosum.draw import Draw

KINDS = {
    "flip": {"flip": True},
    "shift": {"shift": 0.2},
    "rotate": {"rotate": 30.0},
    "scale": {"scale": 0.3},
    "shear": {"shear": 0.2},
    "crop": {"crop": 0.4},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 10), (5, 9, 7)])
def test_shape_range_and_variety(kind: str, shape: tuple[int, ...]) -> None:
    images = torch.rand(16, *shape)
    varied = Augmentation(**KINDS[kind])(images, Draw("a"))  # type: ignore[arg-type]
    assert varied.shape == images.shape
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert not torch.equal(varied, images)


@pytest.mark.parametrize("kind", KINDS)
def test_constant_images_stay_so(kind: str) -> None:
    images = torch.full((4, 2, 6, 8), 0.3)
    torch.testing.assert_close(Augmentation(**KINDS[kind])(images, Draw("a")), images)  # type: ignore[arg-type]


def test_half_of_the_images_are_mirrored_exactly() -> None:
    images = torch.rand(400, 1, 3, 4)
    varied = Augmentation(flip=True)(images, Draw("a"))
    same = (varied == images).flatten(1).all(1)
    assert ((varied == images.flip(3)).flatten(1).all(1) ^ same).all()
    assert 140 < same.sum() < 260


def test_nothing_asked_for_is_nothing_done() -> None:
    assert augmentation(DataOptions()) == ()
    images = torch.rand(3, 1, 4, 4)
    assert Augmentation()(images, Draw("a")) is images


@given(st.floats(-180, 180), st.integers(20, 60), st.integers(20, 60))
def test_rotation_is_rigid_on_oblong_images(degrees: float, height: int, width: int) -> None:
    unit = torch.full((1, 8), 0.5)
    unit[0, 0] = 1.0  # the largest turn
    matrix = Augmentation(rotate=degrees).matrices(unit, height / width)[0, :, :2]
    pixels = torch.diag(torch.tensor([width / 2, height / 2]))
    turn = pixels @ matrix @ pixels.inverse()
    torch.testing.assert_close(turn @ turn.T, torch.eye(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.det(turn), torch.tensor(1.0), atol=1e-4, rtol=0)


@given(st.floats(0.01, 0.9), st.integers(0, 99))
def test_crops_stay_inside(crop: float, seed: int) -> None:
    unit = torch.rand(50, 8, generator=torch.Generator().manual_seed(seed))
    matrices = Augmentation(crop=crop).matrices(unit, 1.0)
    corners = torch.tensor([[x, y, 1.0] for x in (-1, 1) for y in (-1, 1)])
    assert (matrices @ corners.T).abs().max() <= 1 + 1e-5
    assert (matrices[:, 0, 0] >= 1 - crop - 1e-6).all()


def test_shift_moves_by_the_share_it_says() -> None:
    images = torch.zeros(200, 1, 1, 40)
    images[:, :, :, 20] = 1
    moved = Augmentation(shift=0.25, outside="zeros")(images, Draw("a"))[:, 0, 0]
    where = (moved * torch.arange(40.0)).sum(1) / moved.sum(1) - 20
    visible = moved.sum(1) > 0.9
    assert where[visible].abs().max() <= 10.5
    assert where[visible].abs().max() > 8


def test_pen_and_paper_keep_a_contrast() -> None:
    ink = torch.zeros(500, 1, 2, 2)
    ink[:, :, 0] = 1
    coloured = Colours()(ink, Draw("a"))
    assert coloured.shape == (500, 3, 2, 2)
    assert (coloured[:, :, 0] - coloured[:, :, 1]).min() > 0.1
    assert coloured[:, :, 0].std() > 0.1
