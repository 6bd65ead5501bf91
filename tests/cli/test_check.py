"""`zerosum check`: what it prints, what it recommends, and what it says to mistakes."""

import json
import shlex
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zerosum
from zerosum import api
from zerosum.cli import main
from zerosum.data import DataOptions, open_data
from zerosum.diagnosis.dataset import Examination, examine
from zerosum.diagnosis.findings import CATALOGUE
from zerosum.errors import UserError
from zerosum.runs.recommending import recommendation


def printed(capsys: pytest.CaptureFixture[str], line: str) -> str:
    assert main(["check", *shlex.split(line)]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], line: str) -> dict[str, Any]:
    return json.loads(printed(capsys, f"{line} --json"))


def refused(capsys: pytest.CaptureFixture[str], line: str) -> str:
    """The one message to a mistake."""
    assert main(["check", *shlex.split(line)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zerosum: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def pictures(tmp_path):
    """Sixty pictures of 100 x 150 in a folder, every second one black."""
    folder = tmp_path / "my pictures"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (60, 100, 150, 3), np.uint8)
    for number, levels in enumerate(noise):
        Image.fromarray(levels * (number % 2)).save(folder / f"{number:02}.png")
    return folder


def test_sound_data_are_called_sound(capsys):
    out = printed(capsys, "digits --resolution 16")
    assert "digits: images of 1x16x16, 1,438 to train on and 359 held out, 10 classes" in out
    assert "nothing is wrong" in out
    assert "zerosum train r3gan --data digits --resolution 16" in out


def test_a_density_has_no_size(capsys):
    out = printed(capsys, "ring")
    assert "drawn anew at every visit" in out
    assert "copies, " not in out
    assert "nothing is wrong" in out


def test_findings_are_no_failure_and_stand_in_words(capsys, pictures):
    out = printed(capsys, f"'{pictures}' --resolution 16")
    for kind in ("few", "constant", "duplicates"):
        assert CATALOGUE[kind].name in out
        assert CATALOGUE[kind].what in out
    assert "00" in out
    assert "nothing is wrong" not in out


def test_the_document_has_all_of_it(capsys, pictures):
    found = document(capsys, f"'{pictures}' --resolution 16 --flip")
    assert found["train_size"] == 48
    assert {"few", "constant", "duplicates"} <= {finding["finding"] for finding in found["findings"]}
    assert all(figure["n"] > 0 for figure in found["figures"])
    assert found["recommendation"]["recipe"] == "r3gan"
    assert found["recommendation"]["why"]
    assert found["recommendation"]["command"] == (
        f"zerosum train r3gan --data '{pictures}' --resolution 16 --flip --augment 0.5"
    )


@pytest.mark.parametrize(
    "line", ["digits", "ring", "glyphs:sans-serif --resolution 16", "photos --resolution 100x64 --flip --device cpu"]
)
def test_what_is_recommended_can_be_trained(capsys, monkeypatch, tmp_path, line):
    command = document(capsys, line)["recommendation"]["command"]
    asked = []
    monkeypatch.setattr(api, "train", lambda **how: asked.append(how) or SimpleNamespace(path=tmp_path))
    monkeypatch.setattr("zerosum.runs.places", lambda path: "")
    assert main(shlex.split(command)[1:]) == 0
    assert api.describe(**asked[0])["training"]["length_samples"] > 0


@pytest.mark.parametrize("held_out", [0.2, 0.5])
def test_what_is_recommended_for_few_pictures_can_be_trained(held_out):
    """An end by evaluations is advised only where enough samples are held out for them."""
    values = np.random.default_rng(0).integers(0, 256, (260, 100, 150), np.uint8)
    advised = zerosum.check(values, device="cpu", held_out=held_out, progress=False).recommendation
    early = {"patience": 10} if held_out == 0.5 else {}
    kept = {"held_out": held_out} if held_out != 0.2 else {}
    assert advised.options == kept | {"resolution": "40x64", "gamma": 2.5, "augment": 0.5} | early
    planned = api.describe(advised.recipe, data=values, **advised.options)
    assert planned["evaluation"]["patience"] == early.get("patience")


@pytest.mark.parametrize(
    ("recipe", "size", "device", "resolution"),
    [
        ("r3gan", (32, 32), "cpu", "32x32"),
        ("r3gan", (128, 128), "cpu", "64"),
        ("r3gan", (128, 128), "cuda", "128x128"),
        ("r3gan", (100, 100), "cuda", "96"),
        ("cyclegan", (100, 100), "cuda", "100x100"),
        ("r3gan", (96, 256), "cpu", "24x64"),
        ("r3gan", (27, 31), "cpu", "28x32"),
    ],
)
def test_a_resolution_suits_networks_and_device(recipe, size, device, resolution):
    values = np.random.default_rng(0).integers(0, 256, (400, *size), np.uint8)
    options = DataOptions()
    found = examine(open_data(values, options))
    sizes = recommendation(found, recipe, options, device, "x").document()
    assert sizes["resolution"] == resolution


def test_sizes_follow_the_number_of_samples():
    values = np.random.default_rng(0).integers(0, 256, (30, 16, 16), np.uint8)
    found = examine(open_data(values))
    advised = recommendation(found, "r3gan", DataOptions(), "cpu", None)
    assert advised.options == {"batch_size": 16, "gamma": 2.0, "augment": 0.5}
    assert advised.command == "zerosum.train('r3gan', data=data, batch_size=16, gamma=2.0, augment=0.5)"
    many = Examination(name="many", space=found.space, train_size=1_000_000, held_out_size=10_000, figures=())
    assert recommendation(many, "r3gan", DataOptions(), "cuda", "x").options == {
        "width": 32,
        "length_samples": 5_000_000,
    }
    assert recommendation(many, "r3gan", DataOptions(), "cpu", "x").options == {}


def test_names_are_printed_as_they_are(capsys, tmp_path):
    for number in range(20):
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / f"[bold]{number:02}.png")
    assert "[bold]0" in printed(capsys, str(tmp_path))


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 2), (12, 16, 16, 3)])
def test_next_to_nothing_can_be_checked(shape):
    values = np.random.default_rng(0).random(shape, np.float32)
    assert "few" in {finding.kind for finding in zerosum.check(values, progress=False).findings}


def test_python_takes_what_train_takes():
    found = zerosum.check("digits", resolution="16", progress=False)
    assert found.findings == ()
    assert found.figures["training samples"].value == 1438
    assert json.dumps(found.document())
    with pytest.raises(UserError, match="Did you mean 'resolution'"):
        zerosum.check("digits", resoluton="16")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "Which data?"),
        ("digts", "Did you mean 'digits'"),
        ("digits --resolution big", "give a side"),
        ("digits --width 4", "Unknown option --width"),
        ("ring --resolution 16", "are for images"),
        ("digits --device gpu", "--device"),
    ],
)
def test_a_mistake_is_told_in_one_line(capsys, line, message):
    assert message in refused(capsys, line)


def test_the_page_shows_the_samples_concerned(capsys, pictures, tmp_path):
    printed(capsys, f"'{pictures}' --resolution 16 --out '{tmp_path / 'page.html'}'")
    page = (tmp_path / "page.html").read_text()
    for part in ("constant samples", "one value everywhere", "Recommended", "zerosum train r3gan", "share of images"):
        assert part in page
    assert page.count('class="exemplars"') >= 2
    assert page.count("data:image/png;base64,") >= 2
    assert "cannot write" in refused(capsys, f"ring --out '{tmp_path / 'no' / 'page.html'}'").lower()


def test_what_was_skipped_is_told_in_a_line(capsys, pictures):
    (pictures / "broken.png").write_bytes(b"no picture")
    assert main(["check", str(pictures), "--resolution", "16"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("zerosum: Skipped unreadable images: broken.png")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("shape", "value"), [((9, 16, 16), np.inf), ((9, 16, 16), np.nan), ((9, 2), -np.inf)])
def test_values_that_are_not_finite_are_named(capsys, tmp_path, shape, value):
    values = np.random.default_rng(0).random(shape, np.float32)
    values[3, 0] = values[7, 1] = value
    np.save(tmp_path / "x.npy", values)
    assert "not finite (NaN or infinite) in 2 of 9 samples, at 3, 7" in refused(capsys, str(tmp_path / "x.npy"))


def test_auto_trains_what_is_recommended_and_treats_it(capsys, tmp_path):
    assert (
        main(shlex.split(f"train auto --data digits --resolution 16 --length-samples 64 --out {tmp_path / 'run'}")) == 0
    )
    plan = zerosum.Run(tmp_path / "run").plan
    advised = zerosum.check("digits", resolution="16", progress=False).recommendation
    assert plan["recipe"] == advised.recipe
    assert {name: plan["options"].get(name, plan["data"]["options"].get(name)) for name in advised.options} == {
        **advised.options
    }
    assert plan["doctor"]["doctor"] == "treat"


def test_what_is_given_beside_auto_holds():
    described = api.describe("auto", data="digits", resolution="16", batch_size=8, doctor="watch")
    assert (described["training"]["batch_size"], described["doctor"]["doctor"]) == (8, "watch")
