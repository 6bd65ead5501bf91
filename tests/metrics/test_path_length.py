"""Perceptual path length against a plain transcription and against generators whose path length is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from zerosum.draw import Draw
from zerosum.metrics import path_length as module
from zerosum.metrics.core import Question
from zerosum.metrics.path_length import METRIC, LatentPaths, path_length, trimmed_mean
from zerosum.metrics.statistics import Statistics
from zerosum.priors import Normal, Prior, Uniform, lerp, slerp
from zerosum.spaces import Images, Points, Space

PLANE = Points((2,))
IMAGES = Images((1, 8, 8))


def plain_path_length(first: np.ndarray, second: np.ndarray, epsilon: float) -> float:
    """Karras 2019 with the percentiles of the authors' code."""
    distance = [
        sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / epsilon**2 for x, y in zip(first, second, strict=True)
    ]
    low = np.percentile(distance, 1, method="lower")
    high = np.percentile(distance, 99, method="higher")
    kept = [d for d in distance if low <= d <= high]
    return sum(kept) / len(kept)


def question(
    path: LatentPaths, n: int, features_of: Callable[[Tensor], Tensor] = lambda shown: shown.flatten(1)
) -> Question:
    kept = torch.zeros(n, *path.space.shape)
    side = Statistics(path.space, features=torch.zeros(n, 1), kept=kept, fingerprint="")
    return Question(side, side, Draw(0, "test"), features_of, path=path)


def identity(prior: Prior) -> LatentPaths:
    return LatentPaths(prior, lambda z: z, Points((prior.size,)))


@pytest.mark.parametrize("n", [2, 7, 100, 1_234])
@pytest.mark.parametrize("epsilon", [1e-4, 0.1])
def test_equals_a_plain_transcription(n: int, epsilon: float) -> None:
    first, step = Draw(n).normal(n, 5), Draw(n, "step").normal(n, 5)
    second = first + epsilon * step.exp()
    value, interval = path_length(first, second, epsilon)
    expected = plain_path_length(first.double().numpy(), second.double().numpy(), epsilon)
    assert value == pytest.approx(expected, rel=1e-9)
    assert interval.low <= value <= interval.high


@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=300))
def test_trimming_leaves_out_the_same_values_as_numpy(values: list[int]) -> None:
    array = np.array(values, dtype=np.float64)
    low, high = np.percentile(array, 1, method="lower"), np.percentile(array, 99, method="higher")
    expected = array[(array >= low) & (array <= high)].mean()
    assert trimmed_mean(torch.tensor(values).double(), 0.01)[0] == pytest.approx(expected)


def test_without_trimming_it_is_the_plain_mean() -> None:
    first, second = torch.zeros(4, 1), torch.tensor([[1.0], [2.0], [3.0], [100.0]])
    assert path_length(first, second, 0.5, trim=False)[0] == (1 + 4 + 9 + 10_000) / 4 / 0.25


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(share: float) -> None:
    held = 0
    for seed in range(200):
        _, interval = trimmed_mean(Draw(seed).normal(300).double(), share)
        held += interval.low <= 0 <= interval.high
    assert 180 <= held <= 199


def test_on_arcs_between_equally_long_latents_the_speed_is_the_angle() -> None:
    first, second = torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 3.0]])
    for share in (0.0, 0.25, 0.5, 1.0):
        expected = [3 * math.cos(share * math.pi / 2), 0.0, 3 * math.sin(share * math.pi / 2)]
        assert slerp(first, second, torch.full((1, 1), share))[0].tolist() == pytest.approx(expected, abs=1e-6)


@given(st.integers(1, 6), st.integers(0, 1_000), st.sampled_from([slerp, lerp]))
def test_paths_run_from_the_one_latent_to_the_other(size: int, seed: int, between: Callable[..., Tensor]) -> None:
    first, second = Draw(seed).normal(5, size).double(), Draw(seed, "second").normal(5, size).double()
    assert torch.allclose(between(first, second, torch.zeros(5, 1).double()), first)
    assert torch.allclose(between(first, second, torch.ones(5, 1).double()), second)


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0])
def test_between_parallel_or_opposite_latents_the_path_is_straight(factor: float) -> None:
    first = torch.tensor([[1.0, 2.0]]).double()
    middle = slerp(first, factor * first, torch.full((1, 1), 0.5).double())
    assert middle[0].tolist() == pytest.approx((first * (1 + factor) / 2)[0].tolist())


def test_a_linear_generator_on_a_uniform_prior_has_the_mean_squared_distance_of_latents() -> None:
    """E |z1 - z0|² = 2 · size / 3 for uniform latents in [-1, 1]."""
    draws = identity(Uniform(4))(20_000, 1e-2, Draw(0))
    value, interval = path_length(*draws, 1e-2, trim=False)
    assert interval.low <= 4 * 2 / 3 <= interval.high
    assert value == pytest.approx(4 * 2 / 3, rel=0.02)


def test_on_a_normal_prior_the_speed_is_that_of_arcs() -> None:
    """Latents of many dimensions are about at right angles and as long as √size: (π / 2)² size."""
    value, _ = path_length(*identity(Normal(400))(500, 1e-3, Draw(0)), 1e-3)
    assert value == pytest.approx((math.pi / 2) ** 2 * 400, rel=0.02)


def test_a_generator_twice_as_steep_has_four_times_the_length() -> None:
    steep = LatentPaths(Normal(4), lambda z: 2 * z, Points((4,)))
    once, twice = (METRIC.compute(question(path, 300))["path_length"] for path in (identity(Normal(4)), steep))
    assert twice.value == pytest.approx(4 * once.value, rel=1e-3)


def test_float32_is_fine_enough_for_so_small_a_step() -> None:
    """Latents through a generator and a feature network, in float32 and in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        both = nn.Sequential(
            nn.Linear(16, 64),
            nn.Tanh(),
            nn.Linear(64, 64),
            nn.Sigmoid(),
            nn.Linear(64, 32),
            nn.Tanh(),
            nn.Linear(32, 8),
        )
    latents = [Draw(5, end).normal(400, 16).double() for end in "ab"]
    t = Draw(5).uniform(400, 1).double()
    ends = [slerp(*latents, at) for at in (t, t + 1e-4)]
    with torch.no_grad():
        single, _ = path_length(*(both(end.float()) for end in ends), 1e-4)
        both.double()
        double, _ = path_length(*(both(end) for end in ends), 1e-4)
    assert single == pytest.approx(double, rel=0.01)


@pytest.mark.parametrize(("space", "values"), [(IMAGES, [-1.0, 0.0, 0.1001, 3.0]), (PLANE, [-1.0, 0.0, 0.1001, 3.0])])
def test_samples_are_shown_but_not_rounded(space: Space, values: list[float]) -> None:
    def make(z: Tensor) -> Tensor:
        return torch.tensor(values)[:, None].expand(4, math.prod(space.shape)).reshape(4, *space.shape)

    near, far = LatentPaths(Normal(2), make, space)(4, 1e-4, Draw(0))
    expected = [0.0, 0.5, 0.55005, 1.0] if isinstance(space, Images) else values
    assert near.flatten(1)[:, 0].tolist() == pytest.approx(expected)
    assert near.dtype == torch.float32
    assert torch.equal(near, far)


def test_samples_are_made_in_full_float32_without_gradients() -> None:
    seen = []

    def make(z: Tensor) -> Tensor:
        seen.append((torch.get_float32_matmul_precision(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")))
        return z

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            LatentPaths(Normal(2), make, PLANE)(4, 1e-4, Draw(0))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert seen == [("highest", False, False)] * 2


def test_both_ends_are_epsilon_apart_on_the_same_path() -> None:
    whole = identity(Uniform(3))
    near, far = whole(50, 0.25, Draw(1))
    _, further = whole(50, 0.5, Draw(1))
    assert torch.allclose(further - near, 2 * (far - near), atol=1e-6)


@pytest.mark.parametrize(("prior", "interpolation"), [(Normal(2), "slerp"), (Uniform(2), "lerp")])
def test_the_finding_says_what_it_depends_on(prior: Prior, interpolation: str) -> None:
    found = METRIC.compute(question(identity(prior), 120))["path_length"]
    assert found.settings == {"epsilon": 1e-4, "paths": 120, "interpolation": interpolation, "trimmed": 0.01}
    assert not found.warnings


def test_paths_are_made_in_parts_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def make(z: Tensor) -> Tensor:
        sizes.append(len(z))
        return z

    monkeypatch.setattr(module, "CHUNK", 30)
    monkeypatch.setattr(module, "MOST", 100)
    found = METRIC.compute(question(LatentPaths(Normal(2), make, PLANE), 1_000))["path_length"]
    assert sizes == [30, 30, 30, 30, 30, 30, 10, 10]
    assert found.settings["paths"] == 100


@pytest.mark.parametrize("n", [2, 5, 99])
def test_few_paths_warn(n: int) -> None:
    found = METRIC.compute(question(identity(Normal(2)), n))["path_length"]
    assert math.isfinite(found.value)
    assert any("few" in text for text in found.warnings)


def test_equal_draws_give_equal_figures() -> None:
    asked = question(identity(Normal(3)), 40)
    assert METRIC.compute(asked) == METRIC.compute(asked)
