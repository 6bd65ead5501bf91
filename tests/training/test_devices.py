import pytest
import torch

from zerosum.errors import UserError
from zerosum.processes import is_first_process
from zerosum.training import devices


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "LOCAL_WORLD_SIZE", "WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["cpu", "cuda", "mps"])
def machine(request, monkeypatch) -> str:
    """A machine with this accelerator only."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param == "cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: request.param == "mps")
    return request.param


def test_auto_is_the_fastest_there_is(machine):
    assert devices.resolve_device("auto") == machine
    assert devices.resolve_device("cpu") == "cpu"


def test_a_device_that_is_not_there_is_refused(machine):
    for other in {"cuda", "mps"} - {machine}:
        with pytest.raises(UserError, match=f"'{other}' is not on this machine; here: cpu"):
            devices.resolve_device(other)
    with pytest.raises(UserError, match="Did you mean 'cuda'"):
        devices.resolve_device("cud")


@pytest.mark.parametrize("fast", [True, False])
def test_images_and_many_points_are_trained_in_bfloat16_where_the_hardware_multiplies_in_it(monkeypatch, fast):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    quick = "bfloat16" if fast else "float32"
    assert devices.resolve_precision("auto", "cpu", "images", rows=1) == quick
    assert devices.resolve_precision("auto", "cpu", "points", rows=devices.MANY_POINTS) == quick
    assert devices.resolve_precision("auto", "cpu", "points", rows=devices.MANY_POINTS - 1) == "float32"
    assert devices.resolve_precision("auto", "mps", "images", rows=1) == "float32"
    assert devices.resolve_precision("auto", "mps", "points", rows=devices.MANY_POINTS) == "float32"
    for name in ("float32", "bfloat16"):
        assert devices.resolve_precision(name, "cpu", "images", rows=1) == name
    with pytest.raises(UserError, match="Did you mean 'float32'"):
        devices.refuse_precision("float3")


@pytest.mark.parametrize("number", [0, -1])
def test_there_is_at_least_one_process(number):
    with pytest.raises(UserError, match="at least 1"):
        devices.make_fabric("cpu", number, "float32")


@pytest.mark.parametrize(
    ("processes", "batch_size", "fits"), [(1, 7, True), (2, 8, True), (2, 7, False), (3, 8, False)]
)
def test_processes_share_a_batch_evenly(processes, batch_size, fits):
    if fits:
        devices.refuse_uneven(batch_size, processes)
    else:
        with pytest.raises(UserError, match=f"A batch of {batch_size} cannot be shared evenly by {processes}"):
            devices.refuse_uneven(batch_size, processes)


@pytest.mark.parametrize(
    ("kind", "batch_size", "expected"), [("points", 8, 1), ("points", 64, 2), ("points", 4096, 4), ("images", 8, 4)]
)
def test_small_batches_of_points_have_few_threads(kind, batch_size, expected, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert devices.resolve_threads(kind, batch_size) == expected


def test_a_launcher_says_how_many_processes_there_are(monkeypatch):
    assert devices.launched() == (1, None)
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    assert devices.launched() == (2, 3)


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_the_first_process_knows_itself(monkeypatch, name):
    assert is_first_process()
    monkeypatch.setenv(name, "0")
    assert is_first_process()
    monkeypatch.setenv(name, "1")
    assert not is_first_process()
