"""What blurs the critic's sight, against its formula, and as it fades in a training."""

import math

import pytest
import torch

from zerosum.draw import Draw
from zerosum.games.tricks import blurred
from zerosum.recipes.stylegan3 import usual_blur
from zerosum.runs.setup import settle

SMALL = {"resolution": "16", "width": 4, "size_w": 4, "layers": 3, "margin": 4}


@pytest.mark.parametrize("sigma", [2.0, 0.7])
def test_a_bright_place_becomes_the_kernel(sigma):
    picture = torch.zeros(1, 2, 21, 23, dtype=torch.float64)
    picture[..., 10, 11] = 1
    found = blurred(2.0).see(picture, Draw(0), sigma)
    weight = [2 ** -((d / sigma) ** 2) for d in range(-6, 7)]
    total = math.fsum(weight)
    for row, column in ((10, 11), (9, 13), (6, 11)):
        expected = weight[row - 10 + 6] * weight[column - 11 + 6] / total**2
        assert found[0, 1, row, column].item() == pytest.approx(expected)
    assert found.sum().item() == pytest.approx(2)


def test_it_fades_with_the_samples_seen_and_comes_before_other_tricks():
    plan = settle("stylegan3", "digits", SMALL | {"variant": "r", "blur_samples": 1_000}).plan()
    assert plan.game.controls["blur"] == usual_blur(16) == 0.625
    assert [plan.pace["blur"](seen) for seen in (0, 250, 1_000, 5_000)] == [1.0, 0.75, 0.0, 0.0]


def test_without_it_there_is_no_control():
    assert "blur" not in settle("stylegan3", "digits", SMALL).plan().game.controls
    assert usual_blur(256) == usual_blur(1024) == 10
