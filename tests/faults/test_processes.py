"""Several processes play the same game as one: the same batches, latents and statistics, summed in another order."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import zerosum

WAYS = {
    "devices": lambda flags, count: ["-m", "zerosum", "train", *flags, "--devices", str(count)],
    "torchrun": lambda flags, count: [
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)),
        *("-m", "zerosum", "train", *flags),
    ],
}
TRICKS = {
    **dict.fromkeys(("feature_matching", "mode_seeking", "historical_averaging", "instance_noise", "r1"), 0.1),
    **{"top_k": 0.5, "unrolled": 2, "unrolled_lr": 0.01, "pac": 2, "minibatch": "discrimination"},
}
JOINTLY = {"order": "consensus, symplectic@16", "optimistic": True, "lookahead": 2, "network": "mlp"}


def tensors(run: Path) -> dict[str, torch.Tensor]:
    newest = max((run / "checkpoints").iterdir())
    return load_file(newest / "model.safetensors") | load_file(newest / "training.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "way", "count"),
    [
        ("dcgan", "devices", 2),
        ("cyclegan", "torchrun", 2),
        ("gan", "devices", 2),
        ("lsgan", "devices", 2),
        ("dcgan", "torchrun", 4),
        ("cyclegan", "devices", 4),
    ],
)
def test_several_processes_train_what_one_trains(python, tiny, as_flags, tmp_path, recipe, way, count):
    """Batch normalisation, an image pool (of one picture a slot, so that pictures are swapped), tricks, joint play."""
    changes = {"cyclegan": {"pool_size": 8}, "dcgan": {"shift": 0.1}, "gan": TRICKS, "lsgan": JOINTLY}[recipe]
    how = tiny(recipe, **changes, length_samples=32, checkpoint_every_samples=16)
    one = zerosum.train(**how, out=tmp_path / "one")
    result = python(*WAYS[way](as_flags(**how), count), "--out", "runs/two", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    two = tmp_path / "runs" / "two"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["two"]
    check_tensors(two, one.path)
    check_log(two, one.log)
    assert sorted(path.name for path in (two / "samples").iterdir()) == sorted(
        path.name for path in (one.path / "samples").iterdir()
    )
    assert result.stdout.count("zerosum resume") == 1
    assert json.loads((two / "plan.json").read_text())["recipe"] == recipe


def check_tensors(run: Path, expected: Path) -> None:
    """Weights, averages, statistics, optimizers and image pools, within 1e-4 of a tensor's largest value."""
    ours, theirs = tensors(run), tensors(expected)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        close = 1e-4 * float(value.abs().max()) + 1e-7
        torch.testing.assert_close(ours[name], value, rtol=0, atol=close, msg=lambda text, name=name: f"{name}: {text}")


def check_log(run: Path, expected: list[dict]) -> None:
    """One line a report, as if one process had written it, but for the time that exchanges took."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["samples_seen"] for line in lines] == [line["samples_seen"] for line in expected]
    exchanged = [line.pop("communication") for line in lines if "communication" in line]
    assert exchanged
    assert all(0 < share <= 1 for share in exchanged)
    for ours, theirs in zip(lines, expected, strict=True):
        assert ours.keys() == theirs.keys()
        clocked = {"seconds", "samples_per_second", "waiting"}
        assert {k: v for k, v in ours.items() if k not in clocked} == pytest.approx(
            {k: v for k, v in theirs.items() if k not in clocked}, rel=1e-3, abs=1e-4
        )


@pytest.mark.slow
def test_what_one_process_began_two_go_on_with(python, tiny, tmp_path):
    """Each takes its share of the image pool."""
    how = tiny("cyclegan", pool_size=8, lr_decay="none", checkpoint_every_samples=16)
    one = zerosum.train(**how | {"length_samples": 32}, out=tmp_path / "one")
    zerosum.train(**how | {"length_samples": 16}, out=tmp_path / "two")
    result = python("-m", "zerosum", "resume", "two", "--devices", "2", "--length-samples", "32", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    check_tensors(tmp_path / "two", one.path)
    check_log(tmp_path / "two", one.log)
