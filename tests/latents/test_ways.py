"""Every way to look, from the command line and from Python, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import zerosum
from zerosum.cli import main
from zerosum.latents import WAYS
from zerosum.recipes.options import options

QUICK = {
    "interpolate": "--rows 2 --steps 3",
    "truncate": "--rows 2 --steps 3 --threshold 1",
    "mix": "",
    "arithmetic": "",
    "directions": "--count 2 --by ganspace --n 100 --steps 3",
    "invert": "--iterations 3 --starts 1 --features none",
    "edit": "--iterations 3 --starts 1 --features none --steps 3",
    "nearest": "--rows 2 --k 3 --features raw",
    "codes": "",
}
SHAPES = {
    "interpolate": (2, 3),
    "truncate": (2, 3),
    "directions": (2, 3),
    "invert": (1, 3),
    "edit": (1, 5),
    "nearest": (2, 4),
}


@pytest.fixture
def digit(tmp_path):
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "digit.png")
    return tmp_path / "digit.png"


def test_every_way_declares_its_options():
    assert set(QUICK) == set(WAYS)
    for way in WAYS.values():
        assert options(way)
        assert way.__doc__


@pytest.mark.parametrize("what", SHAPES)
def test_a_way_is_a_command(runs, digit, what, tmp_path, capsys):
    words = [*QUICK[what].split(), *(["--picture", str(digit)] if what in ("invert", "edit") else [])]
    out = tmp_path / "found.npz"
    assert main(["explore", str(runs["plain"].path), "--what", what, *words, "--out", str(out)]) == 0
    assert f"{what}: {out}" in capsys.readouterr().out.replace("\n", "")
    assert np.load(out)["samples"].shape == (*SHAPES[what], 16, 16, 1)


def test_a_picture_is_written_into_the_run_where_no_place_is_named(runs, capsys):
    assert main(["explore", str(runs["plain"].path), "--rows", "2", "--steps", "2"]) == 0
    with Image.open(runs["plain"].path / "explored-interpolate-rows-2-steps-2.png") as grid:
        assert grid.size == (34, 34)


def test_styles_are_walked_from_python(runs, tmp_path):
    run = runs["styled"]
    for what, how in [
        ("mix", {"rows": 2, "columns": 2}),
        ("directions", {"count": 2, "layers": "0-1", "steps": 3}),
        ("interpolate", {"level": "w+", "rows": 2, "psi": 0.5}),
    ]:
        found = zerosum.explore(run, what, out=tmp_path / f"{what}.png", **how)
        assert torch.isfinite(found.samples).all()
        assert (tmp_path / f"{what}.png").is_file()


def test_published_style_generators_are_walked(tmp_path, tiny, capsys):
    run = zerosum.train(out=tmp_path / "run", **tiny("stylegan2", doctor="off", length_samples=8))
    for words in ("--what mix --rows 2 --columns 2", "--what directions --count 2 --layers 0-1 --steps 2"):
        assert main(["explore", str(run.path), *words.split(), "--out", str(tmp_path / "x.png")]) == 0
    assert "layers 0 to 2 of 6 are the column's" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("plain", "--what interpolat", "Unknown what 'interpolat'. Did you mean 'interpolate'?"),
        ("plain", "--what mix --out x.mp4", "Cannot write 'x.mp4'. It has no steps"),
        ("plain", "--what nearest --out x.gif", "Cannot write 'x.gif'. It has no steps"),
        ("plain", "--stepz 3", "Unknown option --stepz. Did you mean '--steps'?"),
        ("plain", "--steps 1", "steps = 1 is out of range: 2 to 1000"),
        ("plain", "--what codes", "Codes are looked at where latents have some, as those of infogan"),
        ("plain", "--what mix", "Styles are mixed where a generator has a mapping network"),
        ("plain", "--level w", "Level 'w' needs a generator with a mapping network"),
        ("plain", "--label 3", "This model was not trained on labels"),
        ("told", "--label 12", "There is no class '12'."),
        ("plain", "--what arithmetic", "arithmetic needs an expression"),
        ("told", "--what arithmetic --expression 7+1", "'7+1' is no sum of classes"),
        ("plain", "--what directions --positive sevn", "There is no class 'sevn'."),
        ("plain", "--what directions --positive 7 --negative 7", "positive and negative are both '7'"),
        ("points", "--what arithmetic --expression a_+_b", "This needs labels, and the run's data has none"),
        ("plain", "--what directions --by labels", "Directions by labels need the class they lead to"),
        ("plain", "--what directions --by sefa --positive 7", "positive and negative name classes"),
        ("plain", "--what directions --layers 0-1", "layers = '0-1' needs a generator with a mapping network"),
        ("plain", "--what invert", "Which picture? --picture FILE"),
        ("plain", "--what invert --picture nowhere.png", "There is no picture 'nowhere.png'"),
        ("points", "--what invert --picture x.png", "Pictures are inverted by runs that make images"),
        ("points", "", "The latents of this run lie in separate pieces (Coins)"),
    ],
)
def test_a_mistake_is_told_once(runs, capsys, name, words, message):
    line = ["explore", str(runs[name].path), *(word.replace("_", " ") for word in words.split())]
    assert main(line) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"zerosum: {message}")
    assert err.count("\n") == 1


def test_codes_are_looked_at_one_by_one(tmp_path, tiny):
    run = zerosum.train(out=tmp_path / "run", **tiny("infogan", doctor="off", length_samples=8))
    prior = run.latents(progress=False).latent.prior
    every = zerosum.explore(run, "codes", rows=3)
    assert every.samples.shape[:2] == (3, 10)
    category, numbers = prior.codes(every.latents.values)
    assert category.tolist() == [*range(10)] * 3
    assert numbers.view(3, 10, 2).diff(dim=1).abs().max() == 0
    one = zerosum.explore(run, "codes", rows=12, code=1, steps=3, out=tmp_path / "code.gif")
    category, numbers = prior.codes(one.latents.values)
    assert category.view(12, 3)[:, 0].tolist() == [*range(10), 0, 1]
    assert numbers.view(12, 3, 2)[:, :, 1].tolist() == [[-2, 0, 2]] * 12
    assert numbers.view(12, 3, 2)[:, :, 0].diff(dim=1).abs().max() == 0
    assert one.samples[:, 0].ne(one.samples[:, 2]).any()
    with pytest.raises(zerosum.UserError, match="code = 2 is not possible: this run has 2 continuous codes, from 0 on"):
        zerosum.explore(run, "codes", code=2)


def test_a_direction_that_was_not_found_is_told_so(runs, digit):
    with pytest.raises(zerosum.UserError, match=r"which = 99 is not possible: directions found here are 0 to 3\."):
        zerosum.explore(runs["plain"], "edit", picture=str(digit), which=99, features="none", iterations=1)


def test_a_run_without_latents_is_told_so(runs):
    game = runs["plain"].latents().trained.game
    sampler = replace(game.samplers["samples"], latent=None)
    run = zerosum.Run(runs["plain"].path, replace(game, samplers={"samples": sampler}))
    with pytest.raises(zerosum.UserError, match="makes no samples from latents"):
        zerosum.explore(run)
