"""Penalties against critics whose slope is known in closed form."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zerosum.draw import Draw
from zerosum.penalties import PENALTIES, Remember

NAMES = sorted(PENALTIES)
WEIGHT = torch.tensor([0.6, -2.0, 1.5], dtype=torch.float64)


def samples(seed, *shape, dtype=torch.float64):
    return torch.randn(2, *shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def linear(x):
    """D(x) = w·x: the slope is w everywhere."""
    return x @ WEIGHT.to(x)


def quadratic(x):
    """D(x) = ½‖x‖²: the slope at x is x."""
    return x.flatten(1).square().sum(1) / 2


LINEAR = {
    "gradient-penalty": (WEIGHT.norm() - 1) ** 2,
    "dragan": (WEIGHT.norm() - 1) ** 2,
    "r1": WEIGHT.square().sum(),
    "r2": WEIGHT.square().sum(),
}


def test_every_penalty_has_its_value_here():
    assert sorted(LINEAR) == NAMES


@pytest.mark.parametrize("name", NAMES)
@given(n=st.integers(1, 6), seed=st.integers(0, 99))
def test_linear_critic(name, n, seed):
    real, fake = samples(seed, n, 3)
    value = PENALTIES[name](linear, real, fake, Draw(seed))
    torch.testing.assert_close(value, LINEAR[name].expand(n))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(3,), (1, 4, 6), (5, 3, 2)])
def test_one_value_a_sample_that_only_its_own_row_decides(name, shape):
    real, fake = samples(0, 4, *shape)
    value = PENALTIES[name](quadratic, real, fake, Draw(0))
    assert value.shape == (4,)
    if name != "dragan":  # its noise scales with the whole batch
        real[1:], fake[1:] = 0, 0
        torch.testing.assert_close(PENALTIES[name](quadratic, real, fake, Draw(0))[0], value[0])


def test_r1_and_r2_are_the_squared_slope_at_real_and_at_fake():
    real, fake = samples(1, 5, 2, 3, 3)
    torch.testing.assert_close(PENALTIES["r1"](quadratic, real, fake, Draw(0)), real.flatten(1).square().sum(1))
    torch.testing.assert_close(PENALTIES["r2"](quadratic, real, fake, Draw(0)), fake.flatten(1).square().sum(1))


def test_gradient_penalty_looks_between_real_and_fake_evenly():
    n = 4000
    real, fake = torch.full((n, 1), 3.0), torch.full((n, 1), 5.0)
    points = PENALTIES["gradient-penalty"](quadratic, real, fake, Draw(0)).sqrt() + 1  # slope at x̂ > 1 is x̂
    assert 3 <= points.min() < 3.01
    assert 4.99 < points.max() <= 5
    assert points.mean().item() == pytest.approx(4, abs=0.05)


def test_gradient_penalty_is_two_sided():
    real, fake = torch.full((8, 1), 0.0), torch.full((8, 1), 0.5)
    value = PENALTIES["gradient-penalty"](quadratic, real, fake, Draw(0))
    assert (value >= 0.25).all()  # slopes under 1 cost, too


def test_dragan_looks_up_to_half_a_deviation_above_real():
    real = samples(2, 500, 40)[0] * 3 + 200
    seen = []
    PENALTIES["dragan"](lambda x: seen.append(x.detach()) or quadratic(x), real, real, Draw(0))
    step = (seen[0] - real) / real.std(unbiased=False)
    assert step.min() >= 0
    assert 0.48 < step.max() <= 0.5
    assert step.mean().item() == pytest.approx(0.125, abs=0.01)  # mean of α u / 2 with both uniform
    of_a_row = step.mean(1) * 4  # α, one a sample
    assert of_a_row.std().item() == pytest.approx(1 / math.sqrt(12), abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_the_score_of_a_map_is_its_mean(name):
    real, fake = samples(3, 4, 3)
    as_map = PENALTIES[name](lambda x: quadratic(x).view(-1, 1, 1, 1).expand(-1, 1, 5, 2), real, fake, Draw(0))
    torch.testing.assert_close(as_map, PENALTIES[name](quadratic, real, fake, Draw(0)))


@pytest.mark.parametrize("name", NAMES)
def test_differentiable_by_the_critics_weights(name):
    real, fake = samples(4, 3, 2)
    weights = [torch.randn(2, 4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)]

    def value(first, second):
        return PENALTIES[name](lambda x: torch.tanh(x @ first) @ second, real, fake, Draw(0))

    weights = [w.requires_grad_() for w in weights]
    assert torch.autograd.gradcheck(value, weights)
    assert torch.autograd.gradgradcheck(value, weights)


@pytest.mark.parametrize("name", ["gradient-penalty", "dragan"])
def test_a_flat_critic_has_a_finite_gradient(name):
    weight = torch.zeros(3, requires_grad=True)
    real, fake = samples(5, 4, 3, dtype=torch.float32)
    value = PENALTIES[name](lambda x: x @ weight, real, fake, Draw(0))
    (gradient,) = torch.autograd.grad(value.sum(), weight)
    torch.testing.assert_close(value, torch.ones(4))
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_float32_under_autocast(name):
    critic = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    real, fake = samples(6, 4, 3, dtype=torch.float32)
    exact = PENALTIES[name](critic, real, fake, Draw(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = PENALTIES[name](critic, real, fake.bfloat16(), Draw(0))
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact, rtol=0.1, atol=0.05)
    value.mean().backward()
    assert all(p.grad.isfinite().all() for p in critic[:1].parameters() if p.grad is not None)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_draw_gives_the_same_value(name):
    real, fake = samples(7, 4, 3)
    first, again, other = (PENALTIES[name](quadratic, real, fake, Draw(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name in ("r1", "r2"))


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_left_as_they_were(name):
    real, fake = samples(8, 4, 3)
    before = real.clone(), fake.clone()
    PENALTIES[name](quadratic, real, fake, Draw(0))
    assert torch.equal(real, before[0])
    assert torch.equal(fake, before[1])
    assert not real.requires_grad
    assert not fake.requires_grad


class Counting:
    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return quadratic(x)


@pytest.mark.parametrize(("name", "which"), [("r1", 0), ("r2", 1)])
def test_a_remembering_critic_looks_once(name, which):
    pair = [x.clone() for x in samples(9, 4, 3)]
    pair[which].requires_grad_()
    counting = Counting()
    critic = Remember(counting)
    scores = critic(pair[which])
    value = PENALTIES[name](critic, *pair, Draw(0))
    assert counting.calls == 1
    torch.testing.assert_close(value, pair[which].square().sum(1))
    assert critic(pair[which]) is scores


def test_remember_tells_tensors_apart_even_when_one_is_changed_in_place():
    counting = Counting()
    critic = Remember(counting)
    x = torch.ones(2, 3)
    first = critic(x)
    assert not torch.equal(critic(torch.zeros(2, 3)), first)
    x.mul_(2)
    torch.testing.assert_close(critic(x), first * 4)
    assert counting.calls == 3


WORKER = """
import sys, torch, torch.distributed as dist
from zerosum.draw import Draw
from zerosum.penalties import PENALTIES
rank, rendezvous, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method="file://" + rendezvous, rank=rank, world_size=2)
real = torch.load(out + ".real")[rank * 3 : rank * 3 + 3]
value = PENALTIES["dragan"](lambda x: x.square().sum(1) / 2, real, real, Draw(5, rank=rank, world=2))
torch.save(value, f"{out}.{rank}")
dist.destroy_process_group()
"""


def test_dragan_on_two_processes_is_dragan_on_one(tmp_path: Path):
    real = samples(10, 6, 4, dtype=torch.float32)[0]
    torch.save(real, tmp_path / "x.real")
    command = [sys.executable, "-c", WORKER]
    paths = [str(tmp_path / "meet"), str(tmp_path / "x")]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [subprocess.Popen([*command, str(rank), *paths], env=env) for rank in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    together = torch.cat([torch.load(tmp_path / f"x.{rank}") for rank in range(2)])
    torch.testing.assert_close(together, PENALTIES["dragan"](quadratic, real, real, Draw(5)), rtol=1e-6, atol=1e-6)
