"""MS-SSIM against plain transcriptions of the papers and scikit-image, and what it says of diversity."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from torch import Tensor

from zerosum.draw import Draw
from zerosum.metrics import structure
from zerosum.metrics.core import Question
from zerosum.metrics.statistics import Statistics
from zerosum.metrics.structure import METRIC, ms_ssim, random_pairs, scales_and_window, similarity_of, ssim
from zerosum.spaces import Images

SIZES = [(1, 16, 16), (3, 32, 32), (3, 47, 61), (1, 180, 200), (2, 11, 40), (1, 5, 8), (3, 1, 1)]


def pictures(n: int, shape: tuple[int, ...], seed: int = 0, classes: int = 0) -> Tensor:
    """Smooth random pictures; of a class they share what is coarse."""
    draw = Draw(seed, "pictures")
    coarse = draw.uniform(n, shape[0], 4, 4, high=255.0)
    if classes:
        coarse = 0.5 * coarse + 0.5 * draw.uniform(classes, shape[0], 4, 4, high=255.0)[torch.arange(n) % classes]
    smooth = torch.nn.functional.interpolate(coarse, shape[1:], mode="bilinear")
    return (smooth + 20 * draw.normal(n, *shape)).clamp(0, 255).to(torch.uint8)


def side(kept: Tensor, labels: Tensor | None = None, classes: tuple[str, ...] = ()) -> Statistics:
    space = Images(tuple(kept.shape[1:]), classes=classes)
    return Statistics(space, torch.zeros(len(kept), 1), kept, "", labels=labels)


def question(real: Statistics, generated: Statistics, seed: int = 0) -> Question:
    return Question(real, generated, Draw(seed), lambda shown: shown)


def plain_terms(x: np.ndarray, y: np.ndarray, window: int) -> tuple[float, float]:
    """Mean cs and mean SSIM of one channel, values in [0, 255], pixel by pixel as in Wang 2004."""
    reach = window // 2
    gauss = np.array(
        [
            [math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i in range(-reach, reach + 1)]
            for j in range(-reach, reach + 1)
        ]
    )
    gauss /= gauss.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    contrast, whole = [], []
    for i in range(x.shape[0] - window + 1):
        for j in range(x.shape[1] - window + 1):
            a, b = x[i : i + window, j : j + window], y[i : i + window, j : j + window]
            mean_a, mean_b = (gauss * a).sum(), (gauss * b).sum()
            var_a, var_b = (gauss * (a - mean_a) ** 2).sum(), (gauss * (b - mean_b) ** 2).sum()
            both = (gauss * (a - mean_a) * (b - mean_b)).sum()
            cs = (2 * both + c2) / (var_a + var_b + c2)
            contrast.append(cs)
            whole.append(cs * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1))
    return float(np.mean(contrast)), float(np.mean(whole))


def plain_ms_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Of pictures `(c, h, w)` in [0, 255]: Wang 2003, equation 7, channels averaged."""
    found = []
    for a, b in zip(x.astype(np.float64), y.astype(np.float64), strict=True):
        scales = max(1, sum(min(x.shape[1:]) >= 11 * 2**scale for scale in range(5)))
        window = next(size for size in (11, 9, 7, 5, 3, 1) if size <= min(x.shape[1:]))
        weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
        product = 1.0
        for scale, weight in enumerate(weights / weights.sum()):
            cs, whole = plain_terms(a, b, window)
            product *= max(0.0, whole if scale == scales - 1 else cs) ** weight
            height, width = a.shape[0] // 2 * 2, a.shape[1] // 2 * 2
            a, b = (
                (p[:height:2, :width:2] + p[1:height:2, :width:2] + p[:height:2, 1:width:2] + p[1:height:2, 1:width:2])
                / 4
                for p in (a, b)
            )
        found.append(product)
    return float(np.mean(found))


@pytest.mark.parametrize("shape", [shape for shape in SIZES if shape[1] < 100])
def test_equals_a_plain_transcription_of_the_papers(shape: tuple[int, ...]) -> None:
    first, second = pictures(2, shape, 1, classes=1), pictures(2, shape, 2, classes=1)
    second[0] = (first[0].float() * 0.8 + second[0] * 0.2).to(torch.uint8)
    expected = [plain_ms_ssim(a.numpy(), b.numpy()) for a, b in zip(first, second, strict=True)]
    assert ms_ssim(first, second).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_all_five_scales_equal_a_plain_transcription() -> None:
    first = pictures(1, (1, 180, 176), 1)
    second = (first.float() * 0.7 + 0.3 * pictures(1, (1, 180, 176), 2)).to(torch.uint8)
    assert ms_ssim(first, second).item() == pytest.approx(plain_ms_ssim(first[0].numpy(), second[0].numpy()), rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 32, 40), (3, 100, 64)])
def test_one_scale_equals_scikit_image(shape: tuple[int, ...]) -> None:
    first = pictures(2, shape, 1)
    second = (first.float() * 0.6 + 0.4 * pictures(2, shape, 2)).to(torch.uint8)
    expected = [
        structural_similarity(
            a.numpy(), b.numpy(), channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for a, b in zip(first, second, strict=True)
    ]
    assert ssim(first, second).tolist() == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 10_000), st.sampled_from(SIZES))
@settings(max_examples=25)
def test_is_symmetric_in_bounds_and_one_of_equals(seed: int, shape: tuple[int, ...]) -> None:
    first, second = pictures(3, shape, seed), pictures(3, shape, seed + 1)
    there, back = ms_ssim(first, second), ms_ssim(second, first)
    assert torch.allclose(there, back, atol=1e-6)
    assert bool(((there >= 0) & (there <= 1 + 1e-6)).all())
    assert torch.allclose(ms_ssim(first, first), torch.ones(3), atol=1e-5)


def test_black_and_white_pictures_of_one_pixel_are_nothing_alike() -> None:
    black = torch.zeros(1, 1, 1, 1, dtype=torch.uint8)
    assert ms_ssim(black, 255 - black).item() == pytest.approx(0, abs=1e-3)


def test_a_negative_picture_counts_as_zero() -> None:
    first = pictures(1, (1, 32, 32))
    assert ssim(first, 255 - first).item() < 0
    assert ms_ssim(first, 255 - first).item() == 0


def test_levels_and_unit_floats_are_the_same() -> None:
    first, second = pictures(2, (3, 40, 40), 1), pictures(2, (3, 40, 40), 2)
    assert torch.allclose(
        ms_ssim(first, second).double(), ms_ssim(first.double() / 255, second.double() / 255), atol=1e-5
    )


@pytest.mark.parametrize(
    ("side_length", "expected"),
    [(1, (1, 1)), (10, (1, 9)), (11, (1, 11)), (22, (2, 11)), (175, (4, 11)), (176, (5, 11)), (999, (5, 11))],
)
def test_small_pictures_have_fewer_scales_and_a_smaller_window(side_length: int, expected: tuple[int, int]) -> None:
    assert scales_and_window(side_length, 1_000) == expected


@given(st.lists(st.integers(0, 4), min_size=2, max_size=40), st.integers(0, 99))
def test_pairs_are_two_samples_of_one_class_and_classes_take_turns(labels: list[int], seed: int) -> None:
    numbers = torch.tensor(labels)
    classes = torch.tensor([c for c in range(5) if labels.count(c) > 1])
    if not len(classes):
        return
    pairs = random_pairs(numbers, classes, 50, Draw(seed))
    assert bool((pairs[:, 0] != pairs[:, 1]).all())
    assert torch.equal(numbers[pairs[:, 0]], numbers[pairs[:, 1]])
    assert torch.equal(numbers[pairs[:, 0]], classes[torch.arange(50) % len(classes)])


def test_all_pairs_of_a_class_are_about_equally_frequent() -> None:
    pairs = random_pairs(torch.zeros(4), torch.tensor([0]), 12_000, Draw(0))
    counts = torch.bincount(pairs[:, 0] * 4 + pairs[:, 1], minlength=16).view(4, 4)
    assert counts.diagonal().sum() == 0
    assert bool(((counts + 1_000 * torch.eye(4)) - 1_000).abs().max() < 150)


def test_similarity_does_not_depend_on_how_many_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    some, pairs = pictures(6, (1, 16, 16)), torch.tensor([[0, 1], [2, 3], [4, 5], [0, 5]])
    whole = similarity_of(some, pairs)
    monkeypatch.setattr(structure, "AT_ONCE", 1)
    assert torch.allclose(similarity_of(some, pairs), whole, atol=1e-6)


def test_collapse_is_seen_and_equal_samples_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "PAIRS", 400)
    real, alike = side(pictures(200, (1, 16, 16))), side(pictures(200, (1, 16, 16), 1))
    collapsed = side(pictures(200, (1, 16, 16), 1, classes=1))
    as_real = METRIC.compute(question(real, alike))["ms_ssim"]
    assert as_real.interval is not None
    assert as_real.interval.low <= as_real.details["real"] <= as_real.interval.high
    fallen = METRIC.compute(question(real, collapsed))["ms_ssim"]
    assert fallen.interval is not None
    assert fallen.interval.low > fallen.details["real_interval"][1]


def test_the_interval_is_about_as_wide_as_figures_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs share samples, so more pairs of the same few samples must not narrow it."""
    monkeypatch.setattr(structure, "PAIRS", 500)
    found = [
        METRIC.compute(question(side(pictures(60, (1, 11, 11), s)), side(pictures(60, (1, 11, 11), s))))["ms_ssim"]
        for s in range(40)
    ]
    spread = torch.tensor([finding.value for finding in found]).std().item()
    widths = [(f.interval.high - f.interval.low) / (2 * 1.96) for f in found if f.interval is not None]
    assert len(widths) == 40
    assert 0.7 * spread < float(np.median(widths)) < 1.6 * spread


def test_pairs_are_of_one_class_where_classes_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "PAIRS", 300)
    kept, labels = pictures(90, (1, 16, 16), classes=3), torch.arange(90) % 3
    known = METRIC.compute(question(side(kept, labels, ("a", "b", "c")), side(kept, labels, ("a", "b", "c"))))[
        "ms_ssim"
    ]
    unknown = METRIC.compute(question(side(kept), side(kept)))["ms_ssim"]
    assert known.value > unknown.value
    assert known.settings != unknown.settings
    assert set(known.details["a class"]) == {"a", "b", "c"}


def test_classes_of_other_numbers_are_matched_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "PAIRS", 300)
    kept, labels = pictures(90, (1, 16, 16), classes=3), torch.arange(90) % 3
    real = side(kept, labels, ("a", "b", "c"))
    same = METRIC.compute(question(real, side(kept, labels, ("a", "b", "c"))))["ms_ssim"]
    turned = METRIC.compute(question(real, side(kept, 2 - labels, ("c", "b", "a"))))["ms_ssim"]
    assert turned.value == same.value
    assert turned.details == same.details


@pytest.mark.parametrize("n", [2, 3, 39])
@pytest.mark.parametrize("labelled", [True, False])
def test_few_pictures_warn_and_have_no_interval(n: int, labelled: bool) -> None:
    few = side(pictures(n, (1, 8, 8)), torch.arange(n) if labelled else None)
    found = METRIC.compute(question(few, few))["ms_ssim"]
    assert 0 <= found.value <= 1
    assert found.interval is None
    assert found.warnings
    assert (found.settings["scales"], found.settings["window"]) == (1, 7)


def test_more_classes_than_pairs_have_a_pair_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "PAIRS", 3)
    many = side(pictures(20, (1, 8, 8)), torch.arange(20) % 10)
    found = METRIC.compute(question(many, many))["ms_ssim"]
    assert found.settings["pairs"] == 10
    assert all(math.isfinite(each["generated"]) for each in found.details["a class"].values())


def test_equal_draws_give_equal_figures() -> None:
    few = side(pictures(50, (1, 8, 8)))
    assert METRIC.compute(question(few, few, 3)) == METRIC.compute(question(few, few, 3))
