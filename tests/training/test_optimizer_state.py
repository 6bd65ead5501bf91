import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from zerosum.optimizers import Optimizer
from zerosum.training.checkpoints import write_tensors
from zerosum.training.optimizer_state import export, restore

NAMES = ["adam", "adamw", "rmsprop", "sgd", "momentum"]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


class Training:
    """A small convolutional network on its way, its gradients a function of the step."""

    def __init__(self, name: str, layout: torch.memory_format) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.network = nn.Sequential(
                nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 5, 1), nn.Flatten(), nn.Linear(20, 1)
            )
        self.network.to(memory_format=layout)
        self.names = {p: name for name, p in self.network.named_parameters()}
        self.optimizer = Optimizer(name=name, lr=0.01, betas=(0.9, 0.99))(self.network.parameters())

    def steps(self, *numbers: int) -> None:
        for number in numbers:
            x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(number))
            self.optimizer.zero_grad()
            self.network(x).square().sum().backward()
            self.optimizer.step()


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_restored_optimizer_goes_on_bit_for_bit(name, layout, tmp_path):
    whole, stopped, resumed = (Training(name, layout) for _ in range(3))
    whole.steps(*range(6))
    stopped.steps(*range(3))
    write_tensors(tmp_path / "state.safetensors", export(stopped.optimizer, stopped.names))
    restore(resumed.optimizer, resumed.names, load_file(tmp_path / "state.safetensors"))
    for mine, given in zip(resumed.network.parameters(), stopped.network.parameters(), strict=True):
        mine.data.copy_(given.data)
    resumed.steps(*range(3, 6))
    for a, b in zip(resumed.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(a, b)
    ours, theirs = export(resumed.optimizer, resumed.names), export(whole.optimizer, whole.names)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) and ours[key].dtype == theirs[key].dtype for key in ours)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "momentum"])
def test_restored_tensors_lie_in_memory_as_their_parameters_do(name, layout, tmp_path):
    training, resumed = Training(name, layout), Training(name, layout)
    training.steps(0)
    write_tensors(tmp_path / "state.safetensors", export(training.optimizer, training.names))
    restore(resumed.optimizer, resumed.names, load_file(tmp_path / "state.safetensors"))
    moments = [
        (parameter, value)
        for parameter, slots in resumed.optimizer.state.items()
        for value in slots.values()
        if isinstance(value, torch.Tensor) and value.shape == parameter.shape
    ]
    assert len(moments) >= 6
    assert all(value.stride() == parameter.stride() for parameter, value in moments)


def test_names_are_those_of_the_parameters():
    training = Training("adam", torch.contiguous_format)
    training.steps(0)
    exported = export(training.optimizer, training.names)
    slots = ("exp_avg", "exp_avg_sq", "step")
    assert exported.keys() == {f"{name}/{slot}" for name in training.names.values() for slot in slots}


@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_that_has_not_stepped_has_nothing_to_keep(name):
    training = Training(name, torch.contiguous_format)
    assert export(training.optimizer, training.names) == {}
    restore(training.optimizer, training.names, {})
    training.steps(0)


def test_learning_rates_are_not_the_checkpoints_business():
    training = Training("adam", torch.contiguous_format)
    training.steps(0)
    other = Training("adam", torch.contiguous_format)
    other.optimizer.param_groups[0]["lr"] = 0.5
    restore(other.optimizer, other.names, export(training.optimizer, training.names))
    assert other.optimizer.param_groups[0]["lr"] == 0.5
