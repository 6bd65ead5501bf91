"""Truncated samples in any number."""

import numpy as np
import pytest
import torch

import zerosum
from zerosum.cli import main
from zerosum.errors import UserError
from zerosum.latents.sampling import truncated_samples
from zerosum.metrics.records import why_not_comparable


@pytest.mark.parametrize("name", ["plain", "told", "styled"])
def test_they_are_made_of_latents_nearer_to_the_mean(runs, name):
    run, explorer = runs[name], runs[name].latents(progress=False)
    latents = explorer.draw(5, 3)
    centre = explorer.ensemble(latents.level).centre(latents)
    expected = explorer.make(latents.at(centre + 0.5 * (latents.values - centre)))
    assert torch.allclose(zerosum.sample(run, 5, seed=3, psi=0.5), expected, atol=1e-6)
    assert torch.allclose(run.sample(2, seed=3, psi=0.5), expected[:2], atol=1e-6)
    assert torch.allclose(run.sample(4, psi=0.0), run.sample(4, psi=0.0, seed=1), atol=1e-5)


def test_a_threshold_cuts_latents_off(runs):
    explorer = runs["plain"].latents(progress=False)
    (whole,) = truncated_samples(explorer, 6, threshold=100.0)
    assert torch.allclose(whole.values, explorer.make(explorer.draw(6, 0)), atol=1e-5)
    near, far = (runs["plain"].sample(64, threshold=threshold).std(0).mean() for threshold in (0.2, 3.0))
    assert near < far


def test_classes_come_in_turn_or_as_asked(runs):
    assert runs["told"].samples(12, psi=0.7).labels.tolist() == [*range(10), 0, 1]
    assert runs["told"].samples(3, psi=0.7, label="7").labels.tolist() == [7] * 3


def test_the_command_writes_them(runs, tmp_path, monkeypatch):
    out = tmp_path / "some.npz"
    assert main(["sample", str(runs["told"].path), "--n", "5", "--psi", "0.5", "--out", str(out)]) == 0
    with np.load(out) as found:
        assert found["samples"].shape == (5, 16, 16, 1)
        assert found["labels"].tolist() == [0, 1, 2, 3, 4]
    assert main(["sample", str(runs["plain"].path), "--n", "4", "--threshold", "0.5"]) == 0
    assert (runs["plain"].path / "drawn-4-seed-0-threshold-0_5.png").is_file()


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("plain", "--psi 3", "psi is 3.0; it is a share of the distance from the mean, from 0 to 2."),
        ("plain", "--threshold 0", "threshold is 0.0; it must be greater than 0."),
        ("plain", "--psi 0.5 --live", "psi and threshold truncate latents of the averaged generator"),
        ("plain", "--psi 0.5 --n 0", "n is 0; at least one sample can be made."),
        ("points", "--psi 0.5", "The latents of this run lie in separate pieces (Coins)"),
        ("points", "--threshold 0.5", "A threshold truncates normal latents z"),
    ],
)
def test_what_cannot_be_truncated_is_told_once(runs, capsys, tmp_path, name, words, message):
    out = tmp_path / "x.npz"
    assert main(["sample", str(runs[name].path), *words.split(), "--out", str(out)]) == 2
    printed, err = capsys.readouterr()
    assert (printed, err.count("\n")) == ("", 1)
    assert err.startswith(f"zerosum: {message}")
    assert list(tmp_path.iterdir()) == []


def test_truncated_samples_are_measured_as_such(runs, tmp_path, capsys):
    run = runs["told"]
    own, *records = (
        zerosum.evaluate(run, metrics=["precision", "recall"], n=200, progress=False, features="raw", **cut)
        for cut in ({}, {"psi": 0.0}, {"threshold": 0.5})
    )
    assert [found[0].generated.get("psi") for found in (own, *records)] == [None, 0.0, None]
    assert [found[0].generated.get("threshold") for found in (own, *records)] == [None, None, 0.5]
    made = run.sample(200, psi=0.0)
    again = zerosum.evaluate(made, "digits", metrics=["precision"], features="raw", progress=False)
    assert again[0].value == pytest.approx(records[0][0].value)
    kept = run.path / "evaluations.jsonl"
    assert not kept.exists() or '"psi"' not in kept.read_text()
    assert why_not_comparable(own[0], own[0]) is None
    assert why_not_comparable(own[0], records[0][0]) == "other psi: none and 0.0"
    words = ["evaluate", str(run.path), "--metrics", "precision", "--features", "raw", "--n", "200", "--psi", "0"]
    assert main([*words, "--json"]) == 0
    assert '"psi": 0.0' in capsys.readouterr().out


def test_only_a_run_has_latents_to_truncate(runs):
    with pytest.raises(UserError, match="these samples are made already"):
        zerosum.evaluate(runs["told"].sample(20), "digits", psi=0.5, progress=False)
    with pytest.raises(UserError, match=r"psi is 3\.0"):
        zerosum.evaluate(runs["told"], psi=3.0, n=20, metrics=["precision"], features="raw", progress=False)
