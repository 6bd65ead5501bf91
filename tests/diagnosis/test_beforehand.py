"""Data are examined once, and what was found stays with the run."""

import numpy as np
import pytest
import torch

import zerosum
from zerosum.data import open_data
from zerosum.diagnosis import CATALOGUE, Finding
from zerosum.diagnosis.beforehand import NAME, carry_over, cheap, illustrated, kept, of_data
from zerosum.diagnosis.dataset import examine
from zerosum.diagnosis.exemplars import places, strips
from zerosum.draw import Draw


def few_digits():
    digits = open_data("digits", progress=False)
    batch = digits.train.batch(torch.arange(60), Draw(0))
    return open_data(digits.space.to_array(batch.real))


@pytest.mark.parametrize("kind", CATALOGUE)
def test_a_finding_is_read_as_it_was_written(kind):
    finding = Finding(kind=kind, evidence={"signal/auc": 0.75}, detail="here", began=5, ended=None, confidence=0.5)
    assert Finding.read(finding.document()) == finding


def test_what_was_found_is_kept_and_not_looked_for_again(tmp_path):
    found = of_data(tmp_path, few_digits())
    assert "few" in {finding.kind for finding in found}
    assert of_data(tmp_path, None) == kept(tmp_path) == found  # type: ignore[arg-type]
    (tmp_path / NAME).write_text("{")
    assert kept(tmp_path) == []


def test_sound_data_have_no_finding(tmp_path):
    assert of_data(tmp_path, open_data("ring", progress=False)) == []


def test_a_diagnosis_tells_of_the_data(tmp_path):
    run = zerosum.train(
        "gan", data=few_digits(), out=tmp_path / "run", length_samples=12_000, evaluate="off", progress=False
    )
    assert "few" in {finding.kind for finding in zerosum.diagnose(run.path).findings}


TINY = {"evaluate": "off", "device": "cpu", "width": 4, "latent_size": 4, "batch_size": 8}


def test_data_are_told_once_before_the_training_begins(tmp_path, capsys):
    zerosum.train("gan", data=few_digits(), out=tmp_path / "run", length_samples=256, doctor_every_samples=64, **TINY)
    lines = capsys.readouterr().err.splitlines()
    told = [line for line in lines if "Doctor: too few samples" in line]
    assert len(told) == 1
    assert lines.index(told[0]) == 0
    assert {finding.kind for finding in kept(tmp_path / "run")} == {"few"}
    resumed = zerosum.resume(tmp_path / "run", length_samples=512, data=few_digits())
    assert "Doctor: too few samples" not in capsys.readouterr().err
    assert [line.get("finding/few") for line in resumed.log if "signal/auc" in line] == [1.0] * 8


def test_to_examine_data_changes_nothing_in_the_weights(tmp_path, content):
    runs = {}
    for doctor in ("off", "watch"):
        out = tmp_path / doctor
        how = TINY | {"length_samples": 256, "doctor": doctor, "progress": False}
        zerosum.train("gan", data=few_digits(), out=out, **how)
        runs[doctor] = content(out)
    assert (tmp_path / "watch" / NAME).is_file()
    assert not (tmp_path / "off" / NAME).is_file()
    same = [name for name in runs["off"] if name.endswith("safetensors")]
    assert same
    assert [name for name in same if runs["off"][name] != runs["watch"][name]] == []


def test_auto_tells_what_its_check_found_and_keeps_it(tmp_path, capsys):
    zerosum.train("auto", data=few_digits(), out=tmp_path / "run", length_samples=16, evaluate="off", device="cpu")
    assert "too few samples" in capsys.readouterr().err.splitlines()[0]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "too few samples" in page
    assert "doctor was off" not in page
    assert "first look was to come after" in page


def test_what_costs_much_beside_the_training_waits_for_the_first_look():
    digits = open_data("digits", progress=False)
    assert not cheap(digits, 1_000)
    assert cheap(digits, 100_000)
    assert cheap(few_digits(), 1_000)


def test_pictures_show_the_samples_concerned(tmp_path):
    values = torch.arange(40, dtype=torch.float32)[:, None, None].expand(40, 16, 16) / 40 + torch.eye(16) / 80
    values = torch.cat([values, values[:30]]).clamp(0, 1)
    data = open_data(values.numpy(), progress=False)
    found = examine(data)
    copies = next(figure for figure in found.figures if figure.finding and figure.finding.kind == "duplicates")
    assert all(abs(a - b) == 40 for a, b in copies.positions)
    (picture,) = (
        p for p, f in zip(strips(data, found), found.findings, strict=True) if f.kind == "duplicates" and p is not None
    )
    assert picture.height == 2 * 16 + 2
    pixels = torch.from_numpy(np.array(picture))
    assert torch.equal(pixels[:16], pixels[18:])
    of_data(tmp_path, data)
    assert all(path is None or path.is_file() for _, path in illustrated(tmp_path))
    (tmp_path / "again").mkdir()
    carry_over(tmp_path, tmp_path / "again")
    assert kept(tmp_path / "again") == kept(tmp_path)


def test_positions_before_the_split_are_found_again():
    train = open_data("digits", progress=False).train
    some = train.rows[torch.tensor([5, 0, 1437])]
    assert places(train, some).tolist() == [5, 0, 1437]
