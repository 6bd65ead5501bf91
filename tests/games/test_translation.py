import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games.translation import Domains, ImagePool, at_once, translation
from zerosum.losses import ADVERSARIAL
from zerosum.networks import PatchGAN, ResNetTranslator
from zerosum.optimizers import Optimizer
from zerosum.spaces import Images

SHAPE = (1, 2, 2)


def picture(number: float) -> Tensor:
    """A picture that shows a number."""
    return torch.full(SHAPE, float(number))


class PublishedPool:
    """One slot's pool as in the authors' code (util/image_pool.py), its two dice thrown by whoever asks."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.images: list[float] = []

    def query(self, new: float, coin: float, place: int) -> float:
        if len(self.images) < self.capacity:
            self.images.append(new)
            return new
        if coin < 0.5:
            old, self.images[place] = self.images[place], new
            return old
        return new


def ask(pool: ImagePool, numbers: list[float], draw: Draw) -> list[float]:
    pool.push(torch.stack([picture(number) for number in numbers]), draw)
    return pool.query(len(numbers), draw)[:, 0, 0, 0].tolist()


@given(slots=st.integers(1, 5), capacity=st.integers(1, 4), rounds=st.integers(1, 15), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_every_slot_is_a_pool_as_published(slots, capacity, rounds, seed):
    pool, published = ImagePool(slots, capacity, SHAPE), [PublishedPool(capacity) for _ in range(slots)]
    for index in range(rounds):
        draw = Draw(seed, index)
        places, coins = draw.integers(capacity, slots).tolist(), draw.uniform(slots).tolist()
        numbers = [100.0 * index + slot for slot in range(slots)]
        expected = [p.query(*dice) for p, *dice in zip(published, numbers, coins, places, strict=True)]
        assert ask(pool, numbers, Draw(seed, index)) == expected
    for slot, one in enumerate(published):
        assert pool.images[slot, : len(one.images), 0, 0, 0].tolist() == one.images


def test_a_pool_shows_the_new_picture_until_it_is_full_and_then_every_second_time():
    pool, rounds, capacity = ImagePool(50, 3, SHAPE), 60, 3
    shown = torch.tensor([ask(pool, [float(index)] * 50, Draw(index)) for index in range(rounds)])
    age = torch.arange(rounds)[:, None] - shown
    assert (age[:capacity] == 0).all()
    assert (age >= 0).all()
    late = age[20:]
    assert (late == 0).float().mean() == pytest.approx(0.5, abs=0.03)
    # of a picture once stored: every round it is taken with probability 1/2 · 1/capacity
    assert late[late > 0].float().mean() == pytest.approx(2 * capacity, rel=0.12)


@given(capacity=st.integers(1, 3), rounds=st.integers(1, 8), world=st.sampled_from([1, 2, 4]))
@settings(max_examples=25)
def test_shares_of_the_slots_make_the_whole_pool(capacity, rounds, world):
    whole = ImagePool(4, capacity, SHAPE)
    shares = [ImagePool(4 // world, capacity, SHAPE) for _ in range(world)]
    for index in range(rounds):
        numbers = [10.0 * index + slot for slot in range(4)]
        parts = [
            ask(share, numbers[rank * 4 // world : (rank + 1) * 4 // world], Draw(index, rank=rank, world=world))
            for rank, share in enumerate(shares)
        ]
        assert [number for part in parts for number in part] == ask(whole, numbers, Draw(index))
    assert torch.equal(torch.cat([share.images for share in shares]), whole.images)
    assert torch.equal(torch.cat([share.filled for share in shares]), whole.filled)


def test_a_pool_keeps_numbers_and_no_graph():
    pool = ImagePool(2, 1, SHAPE)
    pool.push(torch.ones(2, *SHAPE, dtype=torch.bfloat16, requires_grad=True) * 2, Draw(0))
    shown = pool.query(2, Draw(0))
    assert not shown.requires_grad
    assert shown.dtype == torch.float32
    assert pool.state_dict().keys() == {"images", "filled"}


class Times(nn.Module):
    """x -> factor x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def game_of(**how):
    networks = Domains(A2B=Times(2.0), B2A=Times(-0.5), D_A=Times(0.3), D_B=Times(0.7))
    return translation(
        networks=networks,
        shape=SHAPE,
        optimizer=Optimizer(),
        **{
            "loss": ADVERSARIAL["least-squares"],
            "batch_size": 3,
            "cycle_weight": 10.0,
            "identity_weight": 0.5,
            "pool_size": 50,
        }
        | how,
    )


@pytest.fixture
def batch() -> Batch:
    values = torch.linspace(-1, 1, 24).view(2, 3, *SHAPE)
    return Batch(values[1], condition=values[0])


def test_the_generators_lower_the_three_losses_of_the_paper(batch):
    game = game_of()
    a, b = batch.condition, batch.real
    result = game.phases[0].loss(batch, Draw(0), game.controls)
    expected = {
        "adversarial": ((0.7 * 2 * a - 1) ** 2).mean() / 2 + ((0.3 * -0.5 * b - 1) ** 2).mean() / 2,
        "cycle": 10 * ((-0.5 * 2 * a - a).abs().mean() + (2 * -0.5 * b - b).abs().mean()),
        "identity": 10 * 0.5 * ((2 * b - b).abs().mean() + (-0.5 * a - a).abs().mean()),
    }
    assert result.terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(result.terms[name].detach(), value)


def test_the_critics_judge_what_was_just_made_at_half_the_loss(batch):
    game = game_of()
    a, b = batch.condition, batch.real
    game.phases[0].loss(batch, Draw(0), game.controls)
    result = game.phases[1].loss(batch, Draw(0), game.controls)
    expected = {
        "A": 0.5 * (((0.3 * a - 1) ** 2).mean() + ((0.3 * -0.5 * b) ** 2).mean()) / 2,
        "B": 0.5 * (((0.7 * b - 1) ** 2).mean() + ((0.7 * 2 * a) ** 2).mean()) / 2,
    }
    assert result.terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(result.terms[name].detach(), value)
    assert result.watch.keys() == {"d_real_A", "d_fake_A", "d_real_B", "d_fake_B"}


def test_the_critics_gradients_do_not_reach_the_generators(batch):
    game = game_of()
    game.phases[0].loss(batch, Draw(0), game.controls)
    sum(game.phases[1].loss(batch, Draw(0), game.controls).terms.values()).backward()
    grads = {name: network.factor.grad for name, network in game.networks.items()}
    assert grads["A2B"] is grads["B2A"] is None
    assert grads["D_A"] is not None
    assert grads["D_B"] is not None


def test_the_critics_also_see_earlier_pictures():
    """One pool of one picture a slot: sooner or later a critic is shown what was made rounds ago."""
    game = game_of(pool_size=1)
    watched = set()
    for index in range(12):
        batch = Batch(torch.full((3, *SHAPE), index + 1.0), condition=torch.full((3, *SHAPE), index + 1.0))
        game.phases[0].loss(batch, Draw(index), game.controls)
        fake = game.phases[1].loss(batch, Draw(index), game.controls).watch["d_fake_B"]
        watched |= set((index + 1 - fake[:, 0, 0, 0] / (0.7 * 2)).round().tolist())
    assert watched >= {0.0, 1.0}


def test_weights_are_controls_and_an_identity_loss_can_be_left_out(batch):
    game = game_of()
    assert game.controls == {"cycle": 10.0, "identity": 0.5}
    full = game.phases[0].loss(batch, Draw(0), game.controls).terms
    half = game.phases[0].loss(batch, Draw(0), {"cycle": 5.0, "identity": 0.5}).terms
    torch.testing.assert_close(half["cycle"], full["cycle"] / 2)
    torch.testing.assert_close(half["identity"], full["identity"] / 2)
    without = game_of(identity_weight=0)
    assert without.phases[0].loss(batch, Draw(0), without.controls).terms.keys() == {"adversarial", "cycle"}


def test_a_loss_that_compares_with_real_scores_is_refused(batch):
    """What is made of a picture of A has no partner in B."""
    game = game_of(loss=ADVERSARIAL["relativistic"])
    with pytest.raises(UserError, match="compares with real scores"):
        game.phases[0].loss(batch, Draw(0), game.controls)


def test_the_generators_move_first_on_the_samples_that_the_critics_see_next():
    game = game_of()
    assert [(phase.name, phase.players, phase.stream) for phase in game.phases] == [
        ("G", ("G",), "pair"),
        ("D", ("D",), "pair"),
    ]
    assert game.averaged == ("A2B", "B2A")


@pytest.mark.parametrize(("batch_size", "pool_size", "capacity"), [(1, 50, 50), (8, 50, 6), (64, 50, 1)])
def test_the_pools_are_kept_and_hold_about_as_many_pictures_as_asked(batch_size, pool_size, capacity):
    state = game_of(batch_size=batch_size, pool_size=pool_size).state.state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    kept, filled = (batch_size, capacity, *SHAPE), (batch_size,)
    assert shapes == {
        "pool_A.images": kept,
        "pool_A.filled": filled,
        "pool_B.images": kept,
        "pool_B.filled": filled,
    }


@pytest.mark.parametrize(("name", "given_", "factor"), [("A2B", "condition", 5.0), ("B2A", "real", -5.0)])
def test_each_direction_is_sampled_from_its_own_domain(batch, name, given_, factor):
    sampler = game_of().samplers[name]
    made = sampler.make({"A2B": Times(5.0), "B2A": Times(-5.0)}, batch, Draw(0))
    assert sampler.given == given_
    torch.testing.assert_close(made, factor * (batch.condition if name == "A2B" else batch.real))


@pytest.mark.parametrize("make", [ResNetTranslator, PatchGAN])
def test_several_batches_in_one_pass_are_what_they_are_apart(make):
    """Pictures and gradients; a network that does not say that it may be asked so is asked one by one."""
    space = Images((1, 16, 16))
    torch.manual_seed(0)
    network = (make(space, space, width=4, blocks=1) if make is ResNetTranslator else make(space, width=4)).double()
    batches = [Draw("pictures", n).normal(n, 1, 16, 16).double() for n in (2, 3)]
    together, apart = at_once(network, *batches), [network(batch) for batch in batches]
    for found, wanted in zip(together, apart, strict=True):
        torch.testing.assert_close(found, wanted)
    slopes = [torch.autograd.grad(sum(x.square().sum() for x in xs), network.parameters()) for xs in (together, apart)]
    for found, wanted in zip(*slopes, strict=True):
        torch.testing.assert_close(found, wanted)
    coupled = nn.BatchNorm2d(1, dtype=torch.float64)
    other = nn.BatchNorm2d(1, dtype=torch.float64)
    for found, batch in zip(at_once(coupled, *batches), batches, strict=True):
        torch.testing.assert_close(found, other(batch))
