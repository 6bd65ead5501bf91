"""Devices, precision and processes: what is decided from the hardware, once, and written into the run."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from typing import Literal, get_args

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from zerosum.errors import UserError, choose

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
CompileName = Literal["auto", "on", "off"]
POINTS_A_THREAD = 32
"""With networks 128 wide and two cores, a second thread is of use from batches of 64 on."""
MANY_POINTS = 512
"""With networks 128 wide, rounds of 64 points lose by it and those of 256 gain little, losses not compiled: the cases
`r3gan-points` of `benchmarks/speed.py`."""
PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def resolve_device(name: str) -> str:
    """`auto` -> the accelerator that is there.

    Raises:
        UserError: unknown, or not on this machine.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    choose("device", name, {"auto": True} | there)
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there[name]:
        raise UserError(f"Device {name!r} is not on this machine; here: {', '.join(d for d in there if there[d])}.")
    return name


def refuse_precision(name: str) -> None:
    """Raise a UserError unless there is such a precision, or it is `auto`."""
    choose("precision", name, {"auto": 0, **dict.fromkeys(PRECISIONS, 0)})


def resolve_precision(name: str, device: str, kind: str, rows: int) -> str:
    """`auto` -> bfloat16 autocast where the hardware multiplies in it and that is what takes time, else float32.

    Args:
        name: what was asked for.
        device: `cpu`, `cuda` or `mps`.
        kind: of the samples. Images are bfloat16; points on a CPU where there are many, for the products of fewer take
            no longer than casting does. (On a GPU that was not measured.)
        rows: samples that are worked on at once.
    """
    if name != "auto":
        return name
    fast = {
        "cpu": torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported(),
        "cuda": device == "cuda" and torch.cuda.is_bf16_supported(),
    }
    worth = kind == "images" or (kind == "points" and device == "cpu" and rows >= MANY_POINTS)
    return "bfloat16" if worth and fast.get(device, False) else "float32"


def is_coarse(autocast: Callable[[], contextlib.AbstractContextManager[None]]) -> bool:
    """Whether networks work in fewer bits than float32 has in such a context."""
    with autocast():
        return any(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda", "mps"))


def resolve_compile(name: str, *, own: bool) -> str:
    """`auto` -> `off` for parts of the user's own, which may do what no graph holds; else as it was given."""
    choose("compile", name, dict.fromkeys(get_args(CompileName), 0))
    return "off" if own and name == "auto" else name


def resolve_threads(kind: str, batch_size: int) -> int:
    """CPU threads for batches of a kind of sample.

    Networks for points are small, and threads with too few of them to work on mostly wait for each other.
    """
    there = torch.get_num_threads()
    return min(there, max(1, batch_size // POINTS_A_THREAD)) if kind == "points" else there


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Use so many CPU threads; sums depend on it in their last digits, so that a resumed run uses the same number.

    Nothing is set that is so already: torch would forget all that oneDNN has prepared.
    """
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def make_fabric(device: str, devices: int, precision: str) -> Fabric:
    """Fabric for launch, autocast and collectives; under torchrun or SLURM the launcher's processes are used.

    Raises:
        UserError: more devices than there are.
    """
    nodes, local = launched()
    devices = local or devices
    if devices < 1 or (device == "cuda" and devices > torch.cuda.device_count()):
        raise UserError(f"--devices {devices} is not possible; at least 1 and at most what the machine has.")
    several = devices * nodes > 1
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # what it tells stands in plan.json
    backend = "nccl" if device == "cuda" else "gloo"
    return Fabric(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy=DDPStrategy(process_group_backend=backend) if several else "auto",
        precision=PRECISIONS[precision],
    )


def refuse_uneven(batch_size: int, processes: int) -> None:
    """Raise a UserError when the processes cannot share a batch evenly."""
    if batch_size % processes:
        raise UserError(f"A batch of {batch_size} cannot be shared evenly by {processes} processes.")


def launched() -> tuple[int, int | None]:
    """Nodes, and processes on each, as torchrun's or SLURM's environment says; `(1, None)` without one."""
    if TorchElasticEnvironment.detect() and "LOCAL_WORLD_SIZE" in os.environ:
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        return int(os.environ["WORLD_SIZE"]) // local, local
    if SLURMEnvironment.detect():
        nodes = int(os.environ.get("SLURM_NNODES", 1))
        return nodes, max(1, int(os.environ["SLURM_NTASKS"]) // nodes)
    return 1, None
