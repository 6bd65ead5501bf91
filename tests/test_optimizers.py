import pytest
import torch
from torch import nn

from zerosum.optimizers import Optimizer, fusible

LR, BETAS, DECAY = 0.03, (0.7, 0.95), 0.1
TORCH = {
    "adam": lambda p: torch.optim.Adam(p, LR, BETAS, weight_decay=DECAY, foreach=False, fused=False),
    "adamw": lambda p: torch.optim.AdamW(p, LR, BETAS, weight_decay=DECAY, foreach=False, fused=False),
    "rmsprop": lambda p: torch.optim.RMSprop(p, LR, alpha=0.99, weight_decay=DECAY, foreach=False),
    "sgd": lambda p: torch.optim.SGD(p, LR, weight_decay=DECAY, foreach=False, fused=False),
    "momentum": lambda p: torch.optim.SGD(p, LR, momentum=BETAS[0], weight_decay=DECAY, foreach=False, fused=False),
}


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((3,), (4, 3), (2, 3, 3, 3))
    return [nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64)) for shape in shapes]


def steps(make, count: int = 6) -> list[torch.Tensor]:
    """The weights after some steps down a bowl that is not round."""
    weights = parameters()
    optimizer = make(weights)
    for number in range(count):
        optimizer.zero_grad()
        sum(((w - number) ** 2 * (i + 1)).sum() for i, w in enumerate(weights)).backward()
        optimizer.step()
    return [w.detach() for w in weights]


@pytest.mark.parametrize("name", TORCH)
def test_every_name_steps_as_torch_does(name):
    ours = steps(Optimizer(name=name, lr=LR, betas=BETAS, weight_decay=DECAY))
    for a, b in zip(ours, steps(TORCH[name]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_the_names_step_differently():
    """Else the test above could not tell them apart."""
    ends = [steps(make)[0] for make in TORCH.values()]
    assert all(not torch.allclose(a, b) for i, a in enumerate(ends) for b in ends[:i])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "momentum"])
def test_one_kernel_updates_all_where_the_device_has_one(name):
    assert Optimizer(name=name)(parameters()).defaults["fused"]


def test_what_is_no_floating_point_number_is_not_fused():
    assert fusible(parameters())
    assert not fusible([nn.Parameter(torch.zeros(2, dtype=torch.complex64))])
    assert not fusible([nn.Parameter(torch.zeros(2, device="meta"))])


@pytest.mark.parametrize("every", [2, 4, 16])
def test_the_correction_for_lazy_penalties_is_stylegan2s(every):
    """Karras 2020, appendix B: c = k / (k + 1), λ' = c λ, β' = β^c."""
    lazy = Optimizer(name="adam", lr=0.002, betas=(0.5, 0.99), weight_decay=0.1).lazily(every)
    c = every / (every + 1)
    assert lazy == Optimizer(name="adam", lr=0.002 * c, betas=(0.5**c, 0.99**c), weight_decay=0.1)


def test_a_penalty_of_every_round_needs_no_correction():
    optimizer = Optimizer(lr=0.1)
    assert optimizer.lazily(1) == optimizer
