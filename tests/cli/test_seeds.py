"""`zerosum train --seeds N`: a run a seed, and one clear line for what cannot be played so."""

import pytest

import zerosum
from zerosum.cli import main
from zerosum.errors import UserError
from zerosum.training.side_by_side import SideBySide

WORDS = ["train", "gan", "--data", "ring", "--batch-size", "8", "--length-samples", "48", "--evaluate", "off"]


def test_every_seed_is_a_run_that_goes_on(tmp_path, capsys):
    assert main([*WORDS, "--seeds", "2", "--seed", "3", "--out", str(tmp_path / "both")]) == 0
    assert str(tmp_path / "both" / "seed-3") in capsys.readouterr().out
    for seed in (3, 4):
        run = zerosum.Run(tmp_path / "both" / f"seed-{seed}")
        assert run.plan["training"]["seed"] == seed
        assert run.log[-1]["samples_seen"] == 48
        assert run.report.is_file()
        assert len(run.sample(5)) == 5
        assert zerosum.resume(run, length_samples=64, progress=False).log[-1]["samples_seen"] == 64


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--seeds", "0"], "seeds"),
        (["--seeds", "2", "--doctor", "treat"], "treat"),
        (["--seeds", "2", "--order", "consensus"], "consensus"),
        (["--seeds", "2", "--devices", "2"], "devices"),
        (["--seeds", "2", "--microbatch", "4"], "microbatch"),
    ],
)
def test_what_cannot_be_played_side_by_side(tmp_path, capsys, words, named):
    assert main([*WORDS, *words, "--out", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_networks_of_ones_own_are_not_shared(tmp_path):
    with pytest.raises(UserError, match="shared"):
        zerosum.train_seeds("gan", seeds=2, data="ring", out=tmp_path / "none", generator=object(), progress=False)


def test_seeds_that_are_stopped_at_once_say_how_they_go_on(tmp_path, capsys, monkeypatch):
    def impatient(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(SideBySide, "play", impatient)
    words = "train gan --data ring --width 8 --batch-size 8 --length-samples 48 --seeds 2 --evaluate off"
    assert main([*words.split(), "--out", str(tmp_path / "runs")]) == 130
    assert f"zerosum resume {tmp_path / 'runs' / 'seed-0'} …" in capsys.readouterr().err.replace("\n", "")
