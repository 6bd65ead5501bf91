"""What figures were measured with: the code, the machine, the versions."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Mapping
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


@cache
def files() -> dict[str, str]:
    """Git's names for the contents of all files of `src/zerosum`, by their paths in it, as they lie on the disk."""
    folder = ROOT / SOURCE
    found = (path for path in folder.rglob("*") if path.is_file() and not set(path.parts) & set(IGNORED))
    return {path.relative_to(folder).as_posix(): named("blob", path.read_bytes()).hex() for path in found}


def unused() -> list[str]:
    """Modules that nothing has imported so far: recipes and networks of others, above all."""
    places = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    folder = ROOT / SOURCE
    loaded = {Path(place).relative_to(folder).as_posix() for place in places if place and folder in Path(place).parents}
    return sorted(name for name in files() if name.endswith(".py") and name not in loaded)


def without(names: Collection[str]) -> str:
    """A name for the sources but for some files."""
    content = "".join(f"{path} {blob}\n" for path, blob in sorted(files().items()) if path not in names)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def code() -> dict[str, Any]:
    """Commit, tree of the sources, whether that commit has this tree, and the part of the sources that was used."""
    commit = {"commit": git("rev-parse", "--short=12", "HEAD"), "tree": tree(), "committed": committed()}
    return commit | {"unused": " ".join(unused()), "used": without(unused())}


def present(code: Mapping[str, Any]) -> bool:
    """Whether all that was used for a record with such `code` is as it was."""
    return bool(code.get("used") == without(str(code.get("unused", "")).split()))


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
