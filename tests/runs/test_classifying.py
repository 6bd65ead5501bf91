"""What a run's classifier says: counts, shares, a table, a file; and what cannot be asked."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zerosum
from zerosum import api
from zerosum.cli import main
from zerosum.errors import UserError
from zerosum.runs.classifying import Classes


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny):
    return zerosum.train(**tiny("sgan"), out=tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def found():
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.5, 0.3, 0.2]])
    return Classes(probabilities, torch.tensor([0, 2, 1]), ("a", "b", "c"), ("x", "y", "z"))


def test_the_likeliest_class_and_how_often_it_is_right(found):
    assert found.predicted.tolist() == [0, 2, 0]
    assert found.accuracy == pytest.approx(2 / 3)
    assert Classes(found.probabilities, None, found.classes, found.names).accuracy is None


def test_a_file_has_a_line_a_sample(found, tmp_path):
    found.save(tmp_path / "classes.csv")
    lines = (tmp_path / "classes.csv").read_text().splitlines()
    assert lines[:2] == ["sample,class,a,b,c", "x,a,0.700000,0.200000,0.100000"]
    with pytest.raises(UserError, match="Cannot write"):
        found.save(tmp_path / "nowhere" / "classes.csv")


def test_the_command_passes_on_what_was_given_and_shows_a_table(found, run, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(api, "classify", lambda *args, **how: calls.append((args, how)) or found)
    assert main(["classify", str(run.path), "digits", "--out", "x.csv", "--checkpoint", "best"]) == 0
    assert calls == [((run.path, "digits"), {"out": Path("x.csv"), "checkpoint": "best"})]
    assert capsys.readouterr().out.split() == [
        "class",
        "samples",
        "a",
        "2",
        "c",
        "1",
        "3",
        "samples",
        "accuracy",
        "0.6667",
    ]


def test_a_folder_of_pictures_is_brought_to_the_runs_form(run, tmp_path):
    for name in ("3", "5"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(3):
            level = np.full((40, 40), 40 * number, np.uint8)
            Image.fromarray(level).save(tmp_path / "pictures" / name / f"{number}.png")
    found = zerosum.classify(run, tmp_path / "pictures", progress=False)
    assert found.probabilities.shape == (6, 10)
    assert sorted(found.labels.tolist()) == [3, 3, 3, 5, 5, 5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ring", "it has two domains, or no end"),
        ("glyphs:sans-serif", "it has two domains, or no end"),
        (torch.rand(4, 3), "those of the run have"),
        ("nowhere", "no such file or folder"),
    ],
)
def test_what_cannot_be_classified_is_refused(run, given, message):
    with pytest.raises(UserError, match=message):
        zerosum.classify(run, given, progress=False)
