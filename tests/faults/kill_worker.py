"""Trains and is killed at every stage of writing its second checkpoint; started by test_kill.py.

Called as `python kill_worker.py FOLDER ARGUMENTS`, with the arguments of `zerosum.train` as JSON. Every training is a
process of its own, forked from this one, which has trained once, so that everything is imported, and runs no other
thread.
"""

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import zerosum
from zerosum.training import checkpoints

STAGES = {
    "model written": ("sync", 1),
    "optimizers written": ("sync", 2),
    "state written": ("sync", 3),
    "flushed": ("sync", 4),
    "renamed": ("sync", 5),
    "old one half removed": ("rmtree", 1),
}


def in_a_process(work: Callable[[], Any]) -> int:
    """How a forked process ended that did this work."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(name: str, count: int) -> Callable[..., Any]:
    """`checkpoints.save`, the second call of which kills the process at the count-th call of `name`."""
    save, saves, calls = checkpoints.save, [], []
    target = shutil if name == "rmtree" else checkpoints
    real = getattr(target, name)

    def deadly(path: Path, *rest: Any, **how: Any) -> None:
        calls.append(path)
        if len(saves) == 3 and len(calls) == count:
            if name == "rmtree":
                next(Path(path).iterdir()).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        real(path, *rest, **how)

    def saving(*given: Any, **how: Any) -> Path:
        saves.append(given)
        calls.clear()
        setattr(target, name, deadly)
        path = save(*given, **how)
        setattr(target, name, real)
        return path

    return saving


def train(out: Path, arguments: dict[str, Any], stage: tuple[str, int]) -> None:
    checkpoints.save = killed_at(*stage)
    zerosum.train(**arguments, out=out)


def main(folder: Path, arguments: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    zerosum.train(**arguments, out=folder / "whole")
    assert threading.active_count() == 1
    ends = {}
    for name, stage in STAGES.items():
        out = folder / name
        ends[name] = in_a_process(lambda out=out, stage=stage: train(out, arguments, stage))
        left = checkpoints.names(out / "checkpoints")
        resumed = in_a_process(lambda out=out: zerosum.resume(out, progress=False))
        ends[name] = [ends[name], resumed, left]
    print(json.dumps(ends))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
