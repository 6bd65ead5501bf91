import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

PLAN: dict[str, Any] = {
    "format": 1,
    "recipe": "dcgan",
    "options": {"width": 8, "betas": [0.5, 0.999], "lr": 2e-4, "critic_lr": None, "length_samples": 4000},
    "data": {
        "name": "digits",
        "options": {"resolution": "16", "flip": False},
        "fingerprint": "abc",
        "kind": "images",
        "shape": [1, 16, 16],
        "classes": ["0", "1"],
        "train_size": 1438,
        "held_out_size": 359,
    },
    "training": {"seed": 3, "device": "cpu", "devices": 1, "precision": "float32", "length_samples": 4000},
    "resumable": True,
    "versions": {"zerosum": "0.1.0"},
    "created": "2026-11-21T05:10:00+00:00",
    "revisions": [],
}

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Builds a run directory by hand: `make_run("name", log=[…], snapshots=(…), recipe="wgan")`."""

    def make(
        name: str = "a-run", *, log: list[dict[str, Any]] | str = "", snapshots: tuple[int, ...] = (), **changes: Any
    ) -> Path:
        run = tmp_path / "runs" / name
        (run / "samples").mkdir(parents=True)
        (run / "plan.json").write_text(json.dumps(copy.deepcopy(PLAN) | changes))
        text = log if isinstance(log, str) else "".join(json.dumps(line) + "\n" for line in log)
        (run / "log.jsonl").write_text(text)
        for samples_seen in snapshots:
            Image.new("L", (32, 32), samples_seen % 256).save(run / "samples" / f"{samples_seen:09d}.png")
        return run

    return make
