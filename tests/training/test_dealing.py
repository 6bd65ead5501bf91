from collections import Counter
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Phase, Result
from zerosum.spaces import Points
from zerosum.training.dealing import Dealer


@dataclass(frozen=True)
class Numbers:
    """Sample i is the number i; the label is drawn."""

    size: int | None

    @property
    def space(self) -> Points:
        return Points((1,))

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        return Batch(positions[:, None].float(), draw.integers(10**9, len(positions)))


def phase(name: str = "D", stream: str | None = None) -> Phase:
    return Phase(name, ("D",), lambda batch, draw, controls: Result({}), stream=stream)


def dealer(size: int | None = 10, batch_size: int = 4, seed: int = 0, **place: int) -> Dealer:
    return Dealer(Numbers(size), batch_size=batch_size, seed=seed, device=torch.device("cpu"), **place)


def numbers(dealer: Dealer, index: int, repeat: int = 0, move: Phase | None = None) -> list[int]:
    return [int(n) for n in dealer.deal(move or phase(), index, repeat)[0].real]


@given(size=st.integers(1, 30), batch_size=st.integers(1, 40), rounds=st.integers(1, 8), repeat=st.integers(0, 2))
@settings(max_examples=50)
def test_every_epoch_has_every_sample_once(size, batch_size, rounds, repeat):
    """Also where a batch is larger than the set."""
    deal = dealer(size, batch_size)
    seen = [n for index in range(rounds) for n in numbers(deal, index, repeat)]
    assert len(seen) == rounds * batch_size
    for start in range(0, len(seen) - size + 1, size):
        assert sorted(seen[start : start + size]) == list(range(size))


@given(rounds=st.lists(st.integers(0, 40), min_size=1, max_size=8), repeat=st.integers(0, 3))
@settings(max_examples=50)
def test_a_batch_depends_on_the_round_and_not_on_the_batches_before(rounds, repeat):
    deal = dealer()
    for index in rounds:
        mine, fresh = deal.deal(phase(), index, repeat), dealer().deal(phase(), index, repeat)
        assert torch.equal(mine[0].real, fresh[0].real)
        assert torch.equal(mine[0].label, fresh[0].label)
        assert torch.equal(mine[1].normal(3), fresh[1].normal(3))


@given(
    size=st.one_of(st.none(), st.integers(1, 30)),
    world=st.integers(1, 4),
    local=st.integers(1, 5),
    index=st.integers(0, 9),
)
@settings(max_examples=50)
def test_processes_share_the_batch_of_one(size, world, local, index):
    whole, whole_draw = dealer(size, world * local).deal(phase(), index, 0)
    parts = [dealer(size, world * local, rank=rank, world=world).deal(phase(), index, 0) for rank in range(world)]
    assert torch.equal(torch.cat([batch.real for batch, _ in parts]), whole.real)
    assert torch.equal(torch.cat([batch.label for batch, _ in parts]), whole.label)
    latents = torch.cat([draw.normal(local, 3) for _, draw in parts])
    assert torch.equal(latents, whole_draw.normal(world * local, 3))


def test_epochs_repeats_streams_and_seeds_have_orders_of_their_own():
    deal = dealer(200, 200)
    orders = [numbers(deal, 0), numbers(deal, 1), numbers(deal, 0, 1), numbers(deal, 0, 0, phase("G"))]
    orders.append(numbers(dealer(200, 200, seed=1), 0))
    assert len(Counter(map(tuple, orders))) == 5


def test_every_move_has_a_draw_of_its_own():
    deal = dealer()
    moves = [(phase(), 0, 0), (phase(), 1, 0), (phase(), 0, 1), (phase("G"), 0, 0)]
    assert len({deal.deal(*move)[1].normal(2)[0].item() for move in moves}) == 4


def test_phases_of_one_stream_see_the_same():
    deal = dealer()
    for index in range(5):
        (a, a_draw), (b, b_draw) = (deal.deal(phase(name, "shared"), index, 0) for name in "DG")
        assert torch.equal(a.real, b.real)
        assert torch.equal(a.label, b.label)
        assert torch.equal(a_draw.normal(4), b_draw.normal(4))


def test_what_the_data_draws_leaves_the_moves_draw_alone():
    _, draw = dealer().deal(phase(), 3, 0)
    assert torch.equal(draw.normal(4), Draw(0, "move", "D", 3, 0).normal(4))


def test_a_density_goes_on_without_end():
    assert numbers(dealer(None), 10**6) == list(range(4 * 10**6, 4 * 10**6 + 4))


@pytest.mark.parametrize("streams", [1, 40])
def test_orders_are_forgotten_when_many_have_been_used(streams):
    deal = dealer()
    for index in range(50):
        numbers(deal, index, move=phase(f"stream {index % streams}"))
    assert len(deal._epochs) <= 8
