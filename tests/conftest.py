"""What all tests share: a cache of their own, and trainings that take a second."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"
"""Said before torch is imported: tests run side by side, and processes that they start must come to the same."""

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2_000, deadline=None)
settings.load_profile("same")
"""The suite tries the same examples each time; `pytest --hypothesis-profile=search` looks for new ones."""

TIMES = ("seconds", "samples_per_second", "waiting", "finding/starved", "evaluation/seconds")
DIGITS = {"data": "digits", "resolution": "16", "width": 4, "latent_size": 4}
POINTS = {"data": "ring", "width": 8, "latent_size": 4}
TINY: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("dcgan", "lsgan", "sngan", "cgan", "acgan", "projection", "infogan", "sgan"), DIGITS),
    **dict.fromkeys(("gan", "wgan", "wgan-gp", "dragan", "r3gan"), POINTS),
    "progan": DIGITS | {"grow_samples": 36},
    "stylegan": DIGITS | {"grow_samples": 36, "size_w": 4, "depth": 2},
    "stylegan2": DIGITS | {"size_w": 4, "depth": 2, "penalty_every": 2, "path_length_every": 2},
    "stylegan3": DIGITS | {"size_w": 4, "layers": 3, "margin": 4, "penalty_every": 2, "blur": 0.5, "blur_samples": 40},
    "sagan": DIGITS | {"labels": "projection"},
    "biggan": DIGITS | {"embedding": 2},
    "lapgan": DIGITS | {"units": 8, "penalty_every": 2},
    "vitgan": DIGITS | {"depth": 1, "critic_depth": 1},
    "transgan": DIGITS | {"depths": "1", "critic_width": 8, "critic_depth": 1},
    "cyclegan": {"data": "glyphs:sans-serif", "resolution": "16", "width": 4, "blocks": 1},
}
"""Data that suits a recipe, and the smallest networks that have all of its layers."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that compile, unless asked for, and those that need an accelerator where there is none."""
    if "compiler" not in config.option.markexpr:
        for item in items:
            if "compiler" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes minutes: -m compiler"))
    if not any("gpu" in item.keywords for item in items):
        return
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no accelerator here"))


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Packed images are kept for this session only, whoever uses the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROSUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny() -> Callable[..., dict[str, Any]]:
    """Arguments of `zerosum.train`: six rounds of a recipe, `tiny("wgan", length_samples=…)`."""

    def arguments(recipe: str, **changes: Any) -> dict[str, Any]:
        how = {
            "batch_size": 8,
            "length_samples": 48,
            "precision": "float32",
            "device": "cpu",
            "progress": False,
            "evaluate": "off",
        }
        cadence = {"report_every_samples": 16, "snapshot_every_samples": 24, "checkpoint_every_samples": 24}
        return {"recipe": recipe, **TINY[recipe], **how, **cadence, **changes}

    return arguments


@pytest.fixture(scope="session")
def as_flags() -> Callable[..., list[str]]:
    """The words of `zerosum train` for the same arguments."""
    from zerosum.runs.commands import flag

    def words(*, recipe: str, progress: bool, **options: Any) -> list[str]:
        return [recipe, *(word for name, value in options.items() for word in flag(name, value))]

    return words


@pytest.fixture(scope="session")
def stop_at() -> Callable[..., Any]:
    """Makes an observer that stops a training when it has seen so many samples."""

    def make(moment: int, *, every_samples: int = 8) -> Any:
        from zerosum.training.observers import Report, Stop

        def observer(state: Any) -> Report:
            return Report(requests=(Stop("enough"),) if state.samples_seen == moment else ())

        observer.every_samples = every_samples  # type: ignore[attr-defined]
        return observer

    return make


@pytest.fixture(scope="session")
def content() -> Callable[[Path], dict[str, Any]]:
    """All that a run's training left behind, by name, but what a clock or a page says."""

    def read(run: Path) -> dict[str, Any]:
        from zerosum.training.journal import read_lines  # torch is slow to import, and most tests need none

        lines = read_lines(run / "log.jsonl")
        log = [{name: value for name, value in line.items() if name not in TIMES} for line in lines]
        files = [*(run / "samples").iterdir(), *(run / "checkpoints").glob("*/*.safetensors")]
        return {"log": log} | {str(path.relative_to(run)): path.read_bytes() for path in sorted(files)}

    return read
