"""What figures were measured with: the code, the machine, the versions."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "src/zerosum"
IGNORED = ("__pycache__", ".DS_Store")


@cache
def tree() -> str:
    """Git's name for the content of `src/zerosum` as it lies on the disk, committed or not, with git or without."""
    return tree_of(ROOT / SOURCE).hex()


def tree_of(folder: Path) -> bytes:
    """The name git gives a folder: a hash of its entries' modes, names and hashes, folders sorted as if by `name/`."""
    entries = [entry for entry in folder.iterdir() if entry.name not in IGNORED]
    entries.sort(key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)
    return named("tree", b"".join(_entry(entry) for entry in entries))


def _entry(path: Path) -> bytes:
    if path.is_dir():
        mode, name = "40000", tree_of(path)
    else:
        mode, name = "100755" if os.access(path, os.X_OK) else "100644", named("blob", path.read_bytes())
    return f"{mode} {path.name}\0".encode() + name


def named(kind: str, content: bytes) -> bytes:
    """The name of an object of git's."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).digest()


def code() -> dict[str, Any]:
    """Commit, tree of the sources, and whether that commit has this tree."""
    return {"commit": git("rev-parse", "--short=12", "HEAD"), "tree": tree(), "committed": committed()}


def committed() -> bool:
    """Whether the sources are those of the commit."""
    return git("rev-parse", f"HEAD:{SOURCE}") == tree()


def git(*words: str) -> str:
    """What git says, without the line's end; `unknown` where there is no git, or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


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
