"""Data are examined once, and what was found stays with the run."""

import pytest
import torch

import zerosum
from zerosum.data import open_data
from zerosum.diagnosis import CATALOGUE, Finding
from zerosum.diagnosis.beforehand import NAME, kept, of_data
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
