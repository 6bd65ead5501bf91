"""Sharpness and spectrum against plain transcriptions, and what they see."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import laplace
from torch import Tensor

from zerosum.draw import Draw
from zerosum.metrics import spectrum as module
from zerosum.metrics.core import Question
from zerosum.metrics.intervals import Z
from zerosum.metrics.spectrum import (
    METRICS,
    curve_distance,
    decibels,
    frequencies,
    in_parts,
    laplacian_variance,
    radial_power,
    ratio,
    sharpness,
    spectrum,
)
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Images

SHAPES = [(1, 16, 16), (3, 32, 32), (2, 9, 14), (3, 7, 5), (1, 1, 6), (1, 1, 1)]


def noise(n: int, shape: tuple[int, ...], seed: int = 0, deviation: float = 40.0) -> Tensor:
    return (128 + deviation * Draw(seed, "noise").normal(n, *shape)).clamp(0, 255).round().to(torch.uint8)


def blurred(pictures: Tensor, times: int) -> Tensor:
    values = pictures.float()
    for _ in range(times):
        values = torch.nn.functional.avg_pool2d(values, 3, 1, 1, count_include_pad=False)
    return values.round().to(torch.uint8)


def question(real: Tensor, generated: Tensor) -> Question:
    sides = [
        Statistics(Images(tuple(kept.shape[1:])), torch.zeros(len(kept), 1), kept, "") for kept in (real, generated)
    ]
    return Question(*sides, Draw(0), lambda shown: shown)


@pytest.mark.parametrize("shape", SHAPES)
def test_variance_of_the_laplacian_equals_scipy(shape: tuple[int, ...]) -> None:
    pictures = noise(4, shape)
    expected = [np.mean([laplace(c, mode="nearest").var() for c in p]) for p in pictures.double().numpy()]
    assert laplacian_variance(pictures).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_radial_power_equals_a_plain_transcription(shape: tuple[int, ...]) -> None:
    picture = noise(1, shape)
    height, width = shape[1:]
    hann = [np.array([math.sin(math.pi * (i + 1) / (size + 1)) ** 2 for i in range(size)]) for size in (height, width)]
    window, side = np.outer(*hann), min(height, width)
    sums: dict[int, list[float]] = {}
    for channel in picture[0].double().numpy():
        power = np.abs(np.fft.fft2((channel - channel.mean()) * window)) ** 2 / (window**2).sum()
        for i in range(height):
            for j in range(width):
                down, across = (min(k, size - k) / size for k, size in ((i, height), (j, width)))
                sums.setdefault(round(side * math.hypot(down, across)), []).append(power[i, j])
    expected = [float(np.mean(sums[k])) for k in sorted(sums)]
    assert sorted(sums) == list(range(len(sums)))
    assert radial_power(picture)[0].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert frequencies(height, width)[0].tolist() == pytest.approx([k / side for k in sorted(sums)])


@given(st.integers(1, 40), st.integers(1, 40))
def test_every_radius_has_entries_and_the_last_is_the_corner(height: int, width: int) -> None:
    radii, of_entry = frequencies(height, width)
    assert torch.equal(torch.unique(of_entry), torch.arange(len(radii)))
    corner = math.hypot(height // 2 / height, width // 2 / width)
    assert radii[-1].item() == pytest.approx(corner, abs=0.51 / min(height, width))


@pytest.mark.parametrize("deviation", [5.0, 20.0])
def test_white_noise_has_its_variance_at_all_frequencies(deviation: float) -> None:
    power = radial_power(noise(2_000, (1, 16, 16), deviation=deviation)).mean(0)[1:]
    assert power.tolist() == pytest.approx([deviation**2] * len(power), rel=0.1)


def test_blank_pictures_have_no_power() -> None:
    blank = torch.full((2, 3, 16, 16), 77, dtype=torch.uint8)
    assert torch.allclose(decibels(blank), torch.zeros(2, 11).double(), atol=1e-3)
    assert laplacian_variance(blank).tolist() == [0, 0]


def test_a_checkerboard_is_seen_in_the_corner() -> None:
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 20
    real = noise(50, (1, 16, 16), 1, 10)
    found = spectrum(question(real, (noise(50, (1, 16, 16), 2, 10).float() + board - 10).to(torch.uint8)))["spectrum"]
    gap = torch.tensor(found.details["generated"]) - torch.tensor(found.details["real"])
    assert int(gap.argmax()) == len(gap) - 1
    assert found.details["cycles per pixel"][-1] == pytest.approx(math.sqrt(0.5), abs=0.03)


@pytest.mark.parametrize("times", [1, 2, 4])
def test_blur_lowers_sharpness_and_raises_the_distance(times: int) -> None:
    real = noise(60, (3, 16, 16))
    less, more = (question(real, blurred(noise(60, (3, 16, 16), 1), k)) for k in (times - 1, times))
    assert sharpness(more)["sharpness"].value < sharpness(less)["sharpness"].value
    assert spectrum(more)["spectrum"].value > spectrum(less)["spectrum"].value


def test_sharpness_of_equals_is_one_about_as_often_as_the_interval_says() -> None:
    held = 0
    for seed in range(100):
        asked = question(noise(50, (1, 8, 8), 2 * seed), noise(70, (1, 8, 8), 2 * seed + 1))
        interval = sharpness(asked)["sharpness"].interval
        assert interval is not None
        held += interval.low <= 1 <= interval.high
    assert 88 <= held <= 100


def test_the_floor_is_what_equals_have() -> None:
    found = [
        spectrum(question(noise(40, (1, 8, 8), 2 * seed), noise(60, (1, 8, 8), 2 * seed + 1)))["spectrum"]
        for seed in range(60)
    ]
    mean_square = np.mean([finding.value**2 for finding in found])
    assert mean_square == pytest.approx(np.mean([finding.details["floor"] ** 2 for finding in found]), rel=0.25)


def test_the_error_of_a_distance_is_how_much_it_varies() -> None:
    found = []
    for seed in range(300):
        first, second = Draw(seed, "a").normal(50, 6).double() + 2, Draw(seed, "b").normal(80, 6).double()
        found.append(curve_distance(first, second))
    distances, errors, _ = zip(*found, strict=True)
    assert np.std(distances) == pytest.approx(np.mean(errors), rel=0.15)


def test_distance_of_known_curves() -> None:
    first, second = torch.tensor([[3.0, 0.0], [3.0, 8.0]]), torch.zeros(2, 2)
    assert curve_distance(first, second)[0] == pytest.approx(math.sqrt((9 + 16) / 2))
    assert curve_distance(first, first)[:2] == (0, 0)


def test_ratio_and_its_error() -> None:
    first, second = torch.tensor([1.0, 3.0]).double(), torch.tensor([4.0, 4.0]).double()
    value, interval = ratio(first, second)
    assert value == 0.5
    assert interval is not None
    assert interval.high - value == pytest.approx(Z * 1 / 4)


@pytest.mark.parametrize("real_blank", [True, False])
@pytest.mark.parametrize("generated_blank", [True, False])
def test_blank_pictures_warn_where_they_are_the_reference(real_blank: bool, generated_blank: bool) -> None:
    blank, full = torch.zeros(5, 1, 8, 8, dtype=torch.uint8), noise(5, (1, 8, 8))
    found = sharpness(question(blank if real_blank else full, blank if generated_blank else full))["sharpness"]
    assert bool(found.warnings) == real_blank
    assert math.isfinite(found.value) == (not real_blank)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [2, 3])
def test_any_shape_and_few_pictures_give_findings(shape: tuple[int, ...], n: int) -> None:
    for metric in METRICS:
        found = metric.compute(question(noise(n, shape), noise(n, shape, 1)))
        assert found.keys() == metric.results.keys()
        assert shape == (1, 1, 1) or all(math.isfinite(finding.value) for finding in found.values())


def test_parts_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = noise(7, (2, 8, 8))
    monkeypatch.setattr(module, "AT_ONCE", 300)
    assert torch.allclose(in_parts(decibels, pictures), decibels(pictures))
