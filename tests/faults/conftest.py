"""Processes of their own, as a user's shell would start them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ONE_THREAD = {"OMP_NUM_THREADS": "1", "TERM": "dumb", "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    return os.environ | ONE_THREAD


@pytest.fixture(scope="session")
def python(environment) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python with some words in a folder and returns what came of it."""

    def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *map(str, words)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)

    return run
