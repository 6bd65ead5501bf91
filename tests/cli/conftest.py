import json
from pathlib import Path

import pytest


@pytest.fixture
def stored_run(tmp_path) -> Path:
    """A run directory by hand, `runs/stored` in the present folder."""
    run = tmp_path / "runs" / "stored"
    run.mkdir(parents=True)
    plan = {
        "format": 1,
        "recipe": "gan",
        "options": {"lr": 1e-3, "betas": [0.5, 0.9], "length_samples": 640},
        "data": {
            "name": "ring",
            "fingerprint": "abc",
            "options": {"flip": False},
            "kind": "points",
            "shape": [2],
            "classes": [],
        },
        "training": {"seed": 5, "device": "cpu", "devices": 1, "precision": "float32", "length_samples": 640},
        "resumable": True,
    }
    (run / "plan.json").write_text(json.dumps(plan))
    return run
