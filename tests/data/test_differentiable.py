"""Augmentation of what a critic sees: identity at 0, differentiable, each transform as often as asked, no leak."""

import math

import pytest
import torch
from torch.distributions import Binomial

from zerosum.data.differentiable import POLICIES, ada, colours, cutout, diffaugment, hue, placement, policy, translation
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.spaces import Images

every_policy = pytest.mark.parametrize("name", POLICIES)


def pictures(n=6, channels=3, height=12, width=8, seed=0):
    return Draw("pictures", seed).uniform(n, channels, height, width, low=-1.0)


@every_policy
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_channels_and_sides_come_out_finite_and_as_they_came_at_0(name, channels):
    images = pictures(channels=channels)
    varied = POLICIES[name](images, 0.8, Draw(1))
    assert varied.shape == images.shape
    assert varied.isfinite().all()
    assert not torch.allclose(varied, images)
    torch.testing.assert_close(POLICIES[name](images, 0.0, Draw(1)), images, rtol=0, atol=1e-5)


@every_policy
def test_it_is_a_function_of_the_draw(name):
    images = pictures()
    assert torch.equal(POLICIES[name](images, 0.5, Draw(1)), POLICIES[name](images, 0.5, Draw(1)))
    assert not torch.equal(POLICIES[name](images, 0.5, Draw(1)), POLICIES[name](images, 0.5, Draw(2)))


@every_policy
def test_gradients_reach_the_images(name):
    """Both policies are linear but for a shift, so that the derivative is the difference."""
    images, direction = pictures().double().requires_grad_(), pictures(seed=1).double()
    varied = POLICIES[name](images, 0.7, Draw(1))
    (slope,) = torch.autograd.grad(varied.square().sum(), images)
    moved = [POLICIES[name](images + e * direction, 0.7, Draw(1)).square().sum().item() for e in (1e-5, -1e-5)]
    assert (slope * direction).sum().item() == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-5)


@every_policy
def test_each_transform_is_left_out_as_often_as_asked(name):
    """A sample comes through untouched when no transform was chosen, or chosen without effect."""
    n, p = 2000, 0.3
    images = pictures(1).expand(n, -1, -1, -1)
    same = ((POLICIES[name](images, p, Draw(3)) - images).abs().amax((1, 2, 3)) < 1e-4).sum().item()
    if name == "diffaugment":  # a move by nothing has one chance in 3 x 3
        chance = (1 - p) ** 2 * (1 - p + p / 9)
    else:  # flips, turns and moves have an identity among them; width 8 moves by -1, 0 or 1, half of the time by 0
        chance = (1 - p / 2) * (1 - p * 3 / 4) * (1 - p) * (1 - p) ** 4 * (1 - p) ** 4 * (1 - p / 2)
    deviation = Binomial(n, torch.tensor(chance)).stddev.item()
    slack = 0 if name == "diffaugment" else n * p * chance  # whole pixels that round to none
    assert -4 * deviation < same - n * chance < 4 * deviation + slack


def test_translation_moves_whole_pixels_and_fills_with_nothing():
    images = pictures(40, height=16, width=16) + 5
    moved = translation(images, Draw(4))
    for before, after in zip(images, moved, strict=True):
        found = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(
                after[:, max(0, dy) : 16 + min(0, dy), max(0, dx) : 16 + min(0, dx)],
                before[:, max(0, -dy) : 16 + min(0, -dy), max(0, -dx) : 16 + min(0, -dx)],
            )
            and (after != 0).sum() == 3 * (16 - abs(dy)) * (16 - abs(dx))
        ]
        assert len(found) == 1


def test_a_cutout_is_a_rectangle_of_half_the_size_or_less():
    images = pictures(200, height=12, width=8) + 5
    hidden = cutout(images, Draw(5)) == 0
    assert torch.equal(hidden[:, 0], hidden[:, 2])
    rows, columns = hidden[:, 0].any(2).sum(1), hidden[:, 0].any(1).sum(1)
    assert torch.equal(rows * columns, hidden[:, 0].sum((1, 2)))
    assert (rows.max(), columns.max()) == (6, 4)
    assert rows.min() >= 2


def test_the_colours_of_ada_are_those_of_its_matrices():
    """At p = 1, against the published order brightness, contrast, luma flip, hue, saturation, one by one."""
    n, draw = 4, Draw(6)
    u, normal = draw.uniform(n, 2), draw.sub("normal").normal(n, 3)
    x = Draw(7).uniform(n, 3).double()
    axis = torch.full((3,), 3**-0.5, dtype=torch.float64)
    matrix, shift = colours(n, 3, 1.0, Draw(6))
    for i in range(n):
        y = x[i] + 0.2 * normal[i, 0]
        y = y * 2 ** (0.5 * normal[i, 1])
        y = y - 2 * axis * (axis @ y) * math.floor(2 * u[i, 0])
        turned = hue((2 * u[i : i + 1, 1, None, None] - 1) * math.pi)[0].double()
        torch.testing.assert_close(turned @ axis, axis, atol=1e-6, rtol=0)
        torch.testing.assert_close(turned @ turned.T, torch.eye(3).double(), atol=1e-6, rtol=0)
        y = turned @ y
        grey = axis * (axis @ y)
        y = grey + (y - grey) * 2 ** normal[i, 2]
        torch.testing.assert_close(matrix[i].double() @ x[i] + shift[i], y, atol=1e-5, rtol=1e-5)


def test_the_geometry_of_ada_keeps_angles_but_for_its_stretch():
    """Without p the matrix is the identity; with it its determinant is that of flip and zoom alone."""
    torch.testing.assert_close(placement(3, 0.0, Draw(8), (8, 8)), torch.eye(3).expand(3, 3, 3))
    matrices = placement(500, 1.0, Draw(8), (8, 8))
    normal = Draw(8).sub("normal").normal(500, 4)
    torch.testing.assert_close(torch.linalg.det(matrices).abs(), torch.exp2(-0.4 * normal[:, 0]))
    assert torch.equal(matrices[:, 2], torch.tensor([0.0, 0.0, 1.0]).expand(500, 3))


@every_policy
def test_values_of_0_to_1_are_varied_as_those_around_0(name):
    images = pictures()
    inner = policy(name, Images((3, 12, 8)))(images, 0.6, Draw(1))
    outer = policy(name, Images((3, 12, 8), preprocessing="[0,1]"))((images + 1) / 2, 0.6, Draw(1))
    torch.testing.assert_close(outer * 2 - 1, inner, atol=1e-5, rtol=1e-5)


def test_an_unknown_policy_is_refused():
    with pytest.raises(UserError, match="Did you mean 'diffaugment'"):
        policy("difaugment", Images((3, 8, 8)))


@pytest.mark.parametrize("vary", [diffaugment, ada])
def test_one_process_and_many_see_the_same(vary):
    images = pictures(8)
    whole = vary(images, 0.7, Draw(1))
    halves = [vary(images[4 * rank : 4 * rank + 4], 0.7, Draw(1, rank=rank, world=2)) for rank in (0, 1)]
    torch.testing.assert_close(torch.cat(halves), whole)
