"""Blocks of products give the neighbours that differences in float64 give, wherever the samples lie."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zerosum.errors import UserError
from zerosum.metrics import neighbours
from zerosum.metrics.neighbours import (
    Balls,
    blocks,
    check,
    check_count,
    closest_pairs,
    clouds,
    copies,
    degrees,
    inside,
    nearest,
    precision,
    radii,
    side,
    smallest,
)


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def tight(n: int, d: int, seed: int = 0) -> Tensor:
    """Clusters far apart that float32 products cannot look into."""
    return 10 * normal(4, d, 99)[torch.arange(n) % 4] + 1e-3 * normal(n, d, seed)


def copied(n: int, d: int, seed: int = 0) -> Tensor:
    return normal(n // 3, d, seed)[torch.arange(n) % (n // 3)]


SETS: dict[str, Callable[[int, int], Tensor]] = {
    "spread": normal,
    "far from 0": lambda n, d, seed=0: normal(n, d, seed) + 1e3,
    "tight clusters": tight,
    "copies": copied,
    "on a lattice": lambda n, d, seed=0: normal(n, d, seed).round(),
    "all the same": lambda n, d, seed=0: torch.ones(n, d),
    "one far off": lambda n, d, seed=0: torch.cat([normal(n - 1, d, seed), torch.full((1, d), 1e4)]),
}
every_set = pytest.mark.parametrize("make", SETS.values(), ids=SETS)
every_width = pytest.mark.parametrize("d", [2, 40, 300])


@pytest.fixture(params=[2**14, neighbours.BUDGET], ids=["small blocks", "one block"], autouse=True)
def _budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BUDGET", request.param)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared, by differences."""
    return (x.double()[:, None] - y.double()[None]).square().sum(2)


def within(x: Tensor) -> Tensor:
    return distances(x, x).fill_diagonal_(math.inf)


def same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0.0)


@every_set
@every_width
@pytest.mark.parametrize("k", [1, 5])
def test_nearest_across_sets_are_those_of_a_plain_search(make: Callable[..., Tensor], d: int, k: int) -> None:
    queries, pool = make(70, d, 1), make(90, d, 2)
    found = nearest(queries, pool, k)
    plain = distances(queries, pool)
    same(found.squares, plain.sort(dim=1).values[:, :k])
    same(plain.gather(1, found.indices), found.squares)


@every_set
@every_width
@pytest.mark.parametrize("k", [1, 5])
def test_radii_reach_to_the_kth_nearest_other(make: Callable[..., Tensor], d: int, k: int) -> None:
    samples = make(90, d)
    same(radii(samples, k), within(samples).sort(dim=1).values[:, k - 1])


def test_radii_are_exact_where_float32_products_tell_more_near_ones_apart_than_there_are() -> None:
    """A few pairs so close that products see no difference, among samples for which float32 will do."""
    samples = normal(300, 100)
    samples[:6] = samples[0] + 1e-5 * normal(6, 100, 1)
    assert precision(samples, samples, 4) == torch.float32
    same(radii(samples, 3), within(samples).sort(dim=1).values[:, 2])


@every_set
@every_width
def test_closest_pairs_and_degrees_count_each_pair_once(make: Callable[..., Tensor], d: int) -> None:
    samples = make(80, d)
    plain = within(samples)
    pairs = plain[tuple(torch.triu_indices(80, 80, 1))].sort().values
    same(closest_pairs(samples, 20), pairs[:20])
    same(closest_pairs(samples, 10_000), pairs)
    for square in pairs[::300].tolist():
        assert degrees(samples, square).tolist() == (plain < square).sum(1).tolist()


@every_set
def test_copies_are_counted(make: Callable[..., Tensor]) -> None:
    samples = make(60, 3)
    assert copies(samples).tolist() == (within(samples) == 0).sum(1).tolist()


@every_set
@every_width
@pytest.mark.parametrize("axis", [0, 1])
def test_balls_hold_what_is_nearer_than_their_radius_ties_excluded(
    make: Callable[..., Tensor], d: int, axis: int
) -> None:
    sets = make(60, d, 1), make(70, d, 2)
    x, y = clouds(*sets, dtype=torch.float32)
    plain = distances(*sets)
    owner = (x, y)[axis]
    squares = plain.sort(dim=1 - axis).values.select(1 - axis, 7)  # a sample is on the edge of each ball
    found = torch.zeros_like(plain, dtype=torch.bool)
    for block in blocks(x, y):
        found[inside(x, y, block, Balls.around(owner, squares), axis)] = True
    assert torch.equal(found, plain < squares.unsqueeze(1 - axis))


def test_copies_of_a_set_are_at_distance_0_and_ties_stay_ties() -> None:
    samples = normal(50, 200) + 100
    shuffled = torch.randperm(50, generator=torch.Generator().manual_seed(3))
    found = nearest(samples[shuffled], samples, 2)
    assert found.squares[:, 0].eq(0).all()
    assert found.indices[:, 0].tolist() == shuffled.tolist()
    assert torch.equal(found.squares[:, 1], radii(samples, 1)[shuffled])


@given(st.integers(1, 40), st.integers(1, 200), st.integers(1, 30), st.integers(0, 10**6), st.booleans())
def test_smallest_are_those_of_a_sort(n: int, m: int, k: int, seed: int, tied: bool) -> None:
    k = min(k, m)
    values = normal(n, m, seed).round() if tied else normal(n, m, seed)
    found, places = smallest(values, k)
    assert torch.equal(found.sort(dim=1).values, values.sort(dim=1).values[:, :k])
    assert torch.equal(values.gather(1, places), found)
    assert all(len(set(row)) == k for row in places.tolist())


def test_float32_is_used_where_it_can_tell_neighbours_apart() -> None:
    assert precision(normal(300, 100), normal(300, 100, 1), 5) == torch.float32
    assert precision(normal(300, 100) + 1e4, normal(300, 100, 1) + 1e4, 5) == torch.float32, "centring was forgotten"
    assert precision(tight(300, 100), tight(300, 100, 1), 5) == torch.float64
    assert precision(normal(300, 100), normal(300, 100), 1) == torch.float64, "copies"
    assert precision(normal(300, 2), normal(300, 2, 1), 5) == torch.float64


@given(st.integers(1, 300_000), st.sampled_from([torch.float32, torch.float64]))
def test_blocks_and_their_rows_stay_within_the_budget(dimensions: int, dtype: torch.dtype) -> None:
    rows = side(dimensions, dtype)
    assert rows % neighbours.GROUP == 0
    if rows > neighbours.GROUP:  # the least there can be
        assert rows * (neighbours.ELEMENT * rows + 3 * dimensions * dtype.itemsize) <= neighbours.BUDGET


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_any_floating_type_will_do(dtype: torch.dtype) -> None:
    samples = (normal(40, 50) * 1e4 if dtype == torch.float16 else normal(40, 50)).to(dtype)
    same(radii(samples, 3), within(samples).sort(dim=1).values[:, 2])
    same(nearest(samples, samples, 3).squares[:, 1:], within(samples).sort(dim=1).values[:, :2])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.ones(3), "shape (3,)"),
        (torch.ones(0, 2), "shape (0, 2)"),
        (torch.ones(4, 3), "3 dimensions, not 2"),
        (torch.tensor([[0.0, math.nan], [1.0, 1.0]]), "1 of 2 generated samples are not finite"),
    ],
)
def test_features_without_distances_are_refused(features: Tensor, message: str) -> None:
    with pytest.raises(UserError) as caught:
        check(real=torch.ones(4, 2), generated=features)
    assert message in str(caught.value)


@pytest.mark.parametrize("k", [0, 4, 9])
def test_too_few_samples_for_k_are_refused(k: int) -> None:
    with pytest.raises(UserError, match=f"k = {k} nearest neighbours were asked for, of 4 real samples"):
        check_count(k, real=torch.ones(4, 2))
