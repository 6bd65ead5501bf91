"""What figures were measured with: the code, the machine, the versions."""

import os
import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "src/zerosum"


def git(*words: str, **environment: str) -> str:
    """What git says, without the line's end."""
    command = ["git", "-C", str(ROOT), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | environment)
    return done.stdout.strip()


@cache
def tree() -> str:
    """Git's name for the content of `src/zerosum` as it lies on the disk, committed or not.

    Objects go to a folder of their own, so that the repository is left as it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        objects = Path(folder, "objects")
        objects.mkdir()
        own = {"GIT_INDEX_FILE": str(Path(folder, "index")), "GIT_OBJECT_DIRECTORY": str(objects)}
        git("add", SOURCE, **own)
        return git("write-tree", f"--prefix={SOURCE}/", **own)


def code() -> dict[str, Any]:
    """Commit, tree of the sources, and whether that commit has this tree."""
    return {
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "tree": tree(),
        "committed": git("rev-parse", f"HEAD:{SOURCE}") == tree(),
    }


def machine() -> dict[str, Any]:
    """Processor, cores, threads in use and versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def processor() -> str:
    """The processor's model."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
