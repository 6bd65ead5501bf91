import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zerosum.draw import Draw, fold

KEYS = st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=4).map(tuple)
SHAPES = st.lists(st.integers(1, 4), max_size=3).map(tuple)
METHODS = {
    "normal": lambda draw, n, *shape: draw.normal(n, *shape),
    "uniform": lambda draw, n, *shape: draw.uniform(n, *shape, low=-3.0, high=2.0),
    "integers": lambda draw, n, *shape: draw.integers(7, n, *shape),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@given(KEYS, KEYS)
def test_seeds_are_equal_exactly_when_keys_are(a, b):
    assert 0 <= fold(*a) < 2**63
    assert (fold(*a) == fold(*b)) == (repr(a) == repr(b))


def test_keys_that_look_alike_differ():
    assert len({fold(1, 23), fold(12, 3), fold("1", 23), fold("1, 23"), fold(1, 2, 3), fold()}) == 6


def test_seeds_are_the_same_on_every_machine():
    """Runs made elsewhere, or by an earlier version, resume: these numbers must never change."""
    assert fold(0, "latents") == 7991168888009980561
    assert fold() == 2847183694713211083


@every_method
@given(key=KEYS, n=st.integers(1, 20), shape=SHAPES)
@settings(max_examples=25)
def test_the_same_key_gives_the_same_numbers(method, key, n, shape):
    once, again = method(Draw(*key), n, *shape), method(Draw(*key), n, *shape)
    assert once.shape == (n, *shape)
    assert torch.equal(once, again)


@every_method
def test_other_keys_and_later_calls_give_other_numbers(method):
    draw = Draw(0, "a")
    seen = [method(draw, 50), method(draw, 50), method(Draw(1, "a"), 50), method(Draw(0, "b"), 50)]
    assert all(not torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


@every_method
@given(
    n=st.integers(1, 9),
    world=st.integers(1, 5),
    shape=st.lists(st.integers(1, 4), max_size=2),
    before=st.integers(0, 3),
)
@settings(max_examples=25)
def test_what_all_processes_draw_is_what_one_draws(method, n, world, shape, before):
    """Also in later calls, and whatever was asked for before."""

    def drawn(draw, n):
        for _ in range(before):
            method(draw, n)
        return method(draw, n, *shape)

    parts = [drawn(Draw("k", rank=rank, world=world), n) for rank in range(world)]
    assert all(len(part) == n for part in parts)
    assert torch.equal(torch.cat(parts), drawn(Draw("k"), n * world))


@every_method
@given(n=st.integers(1, 40), more=st.integers(1, 40), shape=SHAPES)
@settings(max_examples=25)
def test_the_first_rows_do_not_depend_on_how_many_are_asked_for(method, n, more, shape):
    assert torch.equal(method(Draw("k"), n, *shape), method(Draw("k"), n + more, *shape)[:n])


@given(world=st.integers(1, 5), n=st.integers(1, 50))
@settings(max_examples=25)
def test_a_permutation_is_one_and_the_same_on_all_processes(world, n):
    orders = [Draw("k", rank=rank, world=world).permutation(n) for rank in range(world)]
    assert sorted(orders[0].tolist()) == list(range(n))
    assert all(torch.equal(order, orders[0]) for order in orders)


@given(used=st.integers(0, 5))
def test_a_part_of_a_move_neither_disturbs_nor_depends(used):
    whole, plain = Draw(3, "move"), Draw(3, "move")
    for _ in range(used):
        whole.normal(4)
        plain.normal(4)
    part = whole.sub("data", 1).normal(5)
    assert torch.equal(part, Draw(3, "move", "data", 1).normal(5))
    assert torch.equal(whole.normal(5), plain.normal(5))
    assert not torch.equal(part, Draw(3, "move").normal(5))


def test_parts_and_copies_keep_the_place_among_processes():
    draw = Draw(3, rank=1, world=2)
    for other in (draw.sub("a"), draw.on("cpu")):
        assert (other.rank, other.world, other.device) == (1, 2, torch.device("cpu"))
    draw.normal(3)
    assert torch.equal(draw.on("cpu").normal(4), Draw(3, rank=1, world=2).normal(4))


def test_numbers_are_distributed_as_said():
    draw, n = Draw("statistics"), 20_000
    normal, uniform, whole = draw.normal(n), draw.uniform(n, low=-3, high=2), draw.integers(7, n)
    assert normal.dtype == uniform.dtype == torch.float32
    assert whole.dtype == torch.int64
    assert normal.mean().abs() < 0.03
    assert (normal.std() - 1).abs() < 0.03
    assert (normal.abs() > 2).float().mean() == pytest.approx(0.0455, abs=0.006)
    assert -3 <= uniform.min() < -2.99
    assert 1.99 < uniform.max() < 2
    assert torch.bincount(whole, minlength=7).min() > n / 7 * 0.9
    assert (whole.min(), whole.max()) == (0, 6)


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    draw = Draw(0)
    draw.normal(3), draw.uniform(3), draw.integers(5, 3), draw.permutation(3)
    assert torch.equal(before, torch.random.get_rng_state())
