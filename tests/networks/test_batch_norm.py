"""Batch normalisation: PyTorch's own alone, the global batch's over several processes."""

import copy
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from zerosum.networks import BatchNorm, convert_batch_norm

WORKER = Path(__file__).with_name("batch_norm_worker.py")
spec = importlib.util.spec_from_file_location("batch_norm_worker", WORKER)
worker = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = worker  # dataclasses look their module up
spec.loader.exec_module(worker)

TORCHS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def data(dimensions, seed=0):
    shape = (6, 3, 5, 2, 3)[:dimensions]
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("dimensions", TORCHS)
def test_alone_it_is_pytorchs(dimensions, momentum):
    ours, theirs = BatchNorm(3, momentum=momentum), TORCHS[dimensions](3, momentum=momentum)
    for seed in range(3):
        assert torch.equal(ours(data(dimensions, seed)), theirs(data(dimensions, seed)))
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value)
    assert torch.equal(ours.eval()(data(dimensions)), theirs.eval()(data(dimensions)))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What two processes found on their shares of the batch."""
    folder = tmp_path_factory.mktemp("ranks")
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, str(WORKER), str(rank), str(folder)], env=env, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    return [torch.load(folder / str(rank)) for rank in range(2)]


@pytest.mark.parametrize("number", range(len(worker.CASES)))
def test_two_processes_are_one(ranks, number):
    """Outputs, gradients, gradients of gradients and running statistics, on shares of 2 and 4 of 6 samples."""
    case = worker.CASES[number]
    layers = worker.network(case)
    for seed in range(3):
        alone = worker.play(layers, case.inputs(seed))
    first, second = (
        {key.split(".", 1)[1]: value for key, value in rank.items() if key.startswith(f"{number}.")} for rank in ranks
    )
    near = {"rtol": case.tolerance, "atol": case.tolerance}
    nearly = {"rtol": 20 * case.tolerance, "atol": 20 * case.tolerance}  # derivatives add up rounding
    torch.testing.assert_close(torch.cat([first["y"], second["y"]]), alone["y"], **near)
    for key in ("slope", "of_x"):
        torch.testing.assert_close(torch.cat([first[key], second[key]]), alone[key], **nearly)
    torch.testing.assert_close(first["of_weight"] + second["of_weight"], alone["of_weight"], **nearly)
    for key in layers.state_dict():
        torch.testing.assert_close(first[key], alone[key], **near)
        assert torch.equal(first[key], second[key])  # the same on all ranks, to the bit
    torch.testing.assert_close(first["eval"], layers.eval()(case.inputs(2)[:2]), **near)


def test_without_tracking_the_batch_is_used_and_the_buffers_stay():
    layer = BatchNorm(3)
    layer(data(4) * 3 + 5)
    before = copy.deepcopy(layer.state_dict())
    layer.track_running_stats = False
    y = layer(data(4, 1))
    torch.testing.assert_close(y, nn.BatchNorm2d(3)(data(4, 1)))
    assert all(torch.equal(before[key], value) for key, value in layer.state_dict().items())


def test_without_momentum_the_buffers_are_the_mean_over_batches():
    layer = BatchNorm(3)
    layer(data(4, 9) * 7)
    layer.reset_running_stats()
    layer.momentum = None
    batches = [data(4, seed) * 2 + 1 for seed in range(4)]
    for batch in batches:
        layer(batch)
    torch.testing.assert_close(layer.running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(layer.running_var, torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0))


def test_convert_keeps_everything_but_the_class():
    class Own(nn.BatchNorm2d):
        pass

    shared = nn.BatchNorm2d(4, eps=0.01, momentum=0.3)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), shared, nn.Sequential(shared, nn.BatchNorm2d(4, affine=False)), Own(4))
    calls = []
    shared.register_forward_hook(lambda *_: calls.append(1))
    twin = copy.deepcopy(model)
    parameters = list(model.parameters())
    assert convert_batch_norm(model) is model
    assert type(model[1]) is BatchNorm
    assert model[1] is model[2][0]
    assert type(model[2][1]) is BatchNorm
    assert type(model[3]) is Own
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert torch.equal(model(data(4)), twin(data(4)))
    assert len(calls) == 4  # the hook of the one and of its copy
    assert model.state_dict().keys() == twin.state_dict().keys()
    assert all(torch.equal(value, twin.state_dict()[key]) for key, value in model.state_dict().items())
    assert copy.deepcopy(model)(data(4)).shape == (6, 4, 5, 2)


def test_one_dimension_is_refused():
    with pytest.raises(ValueError, match="needs"):
        BatchNorm(3)(torch.zeros(3))
