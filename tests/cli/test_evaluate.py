"""`zerosum evaluate` on runs, files and folders, and what it says to mistakes."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zerosum
from zerosum.cli import main
from zerosum.runs.evaluations import read

SMALL = {"progress": False, "device": "cpu", "length_samples": 512, "width": 16}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a run on points and one on digits, and samples in files; nothing in it is written to."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROSUM_CACHE", str(folder / "cache"))
        zerosum.train("gan", data="ring", out=folder / "runs" / "points", **SMALL)
        how = SMALL | {"width": 4, "length_samples": 64, "batch_size": 32}
        run = zerosum.train("cgan", data="digits", out=folder / "runs" / "digits", resolution="16", **how)
        run.samples(60).save(folder / "made.npz")
        zerosum.sample(run, 60, out=folder / "flat")
    for number, path in enumerate(sorted((folder / "flat").glob("*.png"))):
        (folder / "classed" / str(number % 10)).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "classed" / str(number % 10) / path.name)
    return folder


@pytest.fixture(autouse=True)
def inside(here, tmp_path, monkeypatch):
    """A fresh copy of it, with the packed data and trained networks of before."""
    for name in ("runs", "flat", "classed"):
        shutil.copytree(here / name, tmp_path / name)
    shutil.copy(here / "made.npz", tmp_path)
    monkeypatch.setenv("ZEROSUM_CACHE", str(here / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def records(capsys: pytest.CaptureFixture[str], line: str) -> dict[str, Any]:
    """Evaluate with --json: metric -> record."""
    assert main(["evaluate", *line.split(), "--json"]) == 0, capsys.readouterr().err
    return {record["metric"]: record for record in json.loads(capsys.readouterr().out)}


def refused(capsys: pytest.CaptureFixture[str], line: str) -> str:
    """The one message to a mistake."""
    assert main(["evaluate", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zerosum: ")
    assert err.count("\n") == 1
    return err


def test_a_run_is_measured_kept_and_reported(capsys, inside):
    assert main(["evaluate", "points", "--n", "300"]) == 0
    out = capsys.readouterr().out
    assert "fd[raw]" in out
    assert "against ring, held-out" in out
    kept = read(inside / "runs" / "points")
    assert {"fd[raw]", "modes", "path_length[raw]"} <= {record.metric for record in kept}
    assert kept[0].generated["samples_seen"] == 512
    page = (inside / "runs" / "points" / "report.html").read_text()
    assert "fd[raw]" in page
    assert main(["show", "points"]) == 0
    assert "fd[raw]" in capsys.readouterr().out


def test_the_real_command_prints_records_and_nothing_else(inside):
    words = ["evaluate", "points", "--n", "300", "--metrics", "fd,modes", "--json"]
    result = subprocess.run(
        [sys.executable, "-m", "zerosum", *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert [record["metric"] for record in found] == ["fd[raw]", "modes"]
    assert found == [record.to_json() for record in read(inside / "runs" / "points")]


def test_the_same_seed_gives_the_same_figures(capsys):
    line = "points --n 300 --metrics fd,kid,modes"
    first, second, other = (records(capsys, f"{line} --seed {seed}") for seed in (1, 1, 2))
    assert {name: r["value"] for name, r in first.items()} == {name: r["value"] for name, r in second.items()}
    assert first["fd[raw]"]["value"] != other["fd[raw]"]["value"]
    assert first["fd[raw]"]["reference"] == other["fd[raw]"]["reference"]


def test_the_real_samples_score_better_than_the_runs(capsys, inside):
    np.save(inside / "real.npy", ring(500))
    real = records(capsys, "real.npy --against ring --metrics fd,modes,hq")
    made = records(capsys, "points --metrics fd,modes,hq --n 500")
    assert real["modes"]["value"] == 8
    assert real["hq"]["value"] > 0.95 > made["hq"]["value"]
    assert real["fd[raw]"]["value"] < made["fd[raw]"]["value"]


def ring(n: int) -> np.ndarray:
    from zerosum.data import density
    from zerosum.draw import Draw

    return density("ring").sample(n, Draw("test")).numpy()


def test_a_run_on_pictures_shows_the_closest_pairs(capsys, inside):
    found = records(capsys, "digits --n 80 --metrics memorisation,accuracy,fd")
    assert {"memorisation[classifier]", "accuracy[classifier]", "fd[classifier]"} == set(found)
    pictures = found["memorisation[classifier]"]["pictures"]
    assert pictures
    for path in pictures.values():
        assert min(Image.open(inside / "runs" / "digits" / path).size) >= 16
    page = (inside / "runs" / "digits" / "report.html").read_text()
    assert all(f"memorisation[classifier]: {name}" in page for name in pictures)


def test_augmentation_changes_neither_reference_nor_features(capsys, inside):
    plan = inside / "runs" / "digits" / "plan.json"
    plain = records(capsys, "digits --n 40 --metrics fd")
    document = json.loads(plan.read_text())
    document["data"]["options"]["flip"] = True
    options = zerosum.DataOptions(**document["data"]["options"])
    document["data"]["fingerprint"] = zerosum.open_data("digits", options).fingerprint
    plan.write_text(json.dumps(document))
    flipped = records(capsys, "digits --n 40 --metrics fd")
    assert plain["fd[classifier]"]["reference"] == flipped["fd[classifier]"]["reference"]
    assert plain["fd[classifier]"]["network"] == flipped["fd[classifier]"]["network"]


@pytest.mark.parametrize("name", ["made.npz", "flat", "classed", "flat.zip"])
def test_samples_made_elsewhere_are_measured_at_their_own_size(capsys, inside, name):
    shutil.make_archive("flat", "zip", inside / "flat")
    found = records(capsys, f"{name} --against digits --metrics fd,sharpness --out records.json")
    assert found["fd[classifier]"]["n_generated"] == 60
    assert found["fd[classifier]"]["n_real"] == 359
    assert list(found.values()) == json.loads((inside / "records.json").read_text())


def test_classes_are_known_by_the_names_of_folders_and_by_labels(capsys):
    classed = records(capsys, "classed --against digits --metrics accuracy")
    labelled = records(capsys, "made.npz --against digits --metrics accuracy")
    assert classed["accuracy[classifier]"]["value"] == labelled["accuracy[classifier]"]["value"]
    assert "the generated samples have no labels" in refused(capsys, "flat --against digits --metrics accuracy")


def test_the_split_is_on_record(capsys):
    found = records(capsys, "made.npz --against digits --metrics fd --split train")
    assert found["fd[classifier]"]["reference"]["split"] == "train"
    assert found["fd[classifier]"]["n_real"] == 1438
    assert records(capsys, "made.npz --against digits --metrics fd --split all")["fd[classifier]"]["n_real"] == 1797
    assert "not known what the generator was trained on" in refused(
        capsys, "made.npz --against digits --metrics memorisation --split train"
    )


def test_a_checkpoint_is_taken_by_number(capsys, inside):
    checkpoints = sorted(path.name for path in (inside / "runs" / "points" / "checkpoints").iterdir())
    first = int(checkpoints[0])
    found = records(capsys, f"points --n 100 --metrics modes --checkpoint {first}")
    assert found["modes"]["generated"]["samples_seen"] == first
    assert f"Allowed: {first}" in refused(capsys, "points --checkpoint 7")
    assert "has kept no checkpoint as its best" in refused(capsys, "points --checkpoint best")


def test_a_limit_of_time_is_kept_on_record(capsys):
    found = records(capsys, "points --metrics modes --n 100000000 --time-limit 4")
    assert found["modes"]["n_generated"] < 100_000_000
    assert "for lack of time" in found["modes"]["warnings"][0]


def test_the_list_names_every_metric(capsys):
    from zerosum.metrics.registry import results

    assert main(["evaluate", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in results())


def test_mixed_sizes_are_refused(capsys, inside):
    Image.new("L", (20, 16)).save(inside / "flat" / "wide.png")
    assert "several sizes (16x16, 16x20); one is needed" in refused(capsys, "flat --against digits")


def test_another_number_of_channels_is_refused_naming_both(capsys, inside):
    np.save(inside / "colour.npy", np.zeros((50, 16, 16, 3), np.uint8))
    message = refused(capsys, "colour.npy --against digits")
    assert "images of 3 channels, 16x16" in message
    assert "images of 1 channel, 16x16" in message


def test_values_that_are_not_finite_are_refused(capsys, inside):
    np.save(inside / "bad.npy", np.full((50, 2), np.nan, np.float32))
    assert "not finite" in refused(capsys, "bad.npy --against ring")


def test_a_broken_generator_is_told(capsys, inside):
    import torch

    from zerosum.training import checkpoints

    newest = max((inside / "runs" / "points" / "checkpoints").iterdir())
    loaded = checkpoints.load(newest)
    model = {name: torch.full_like(value, torch.nan) for name, value in loaded.model.items()}
    state = {name: value for name, value in loaded.state.items() if name not in ("format", "digests", "seal")}
    shutil.rmtree(newest)
    checkpoints.save(newest.parent, int(newest.name), checkpoints.Checkpoint(model, loaded.training, state))
    assert "generated samples are not finite numbers" in refused(capsys, "points --n 50")


def test_a_changed_data_set_is_refused(capsys, inside):
    plan = inside / "runs" / "digits" / "plan.json"
    document = json.loads(plan.read_text())
    plan.write_text(json.dumps(document | {"data": document["data"] | {"fingerprint": "other"}}))
    assert "has changed since. Name the reference: --against DATA" in refused(capsys, "digits")
    assert records(capsys, "digits --against digits --n 40 --metrics fd")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "What is to be measured?"),
        ("pionts", "There is no run, file or folder 'pionts'. Did you mean 'points'?"),
        ("empty --against digits", "empty has no images"),
        ("two --against digits", "Too few samples: 2 image(s)"),
        ("made.npz", "made.npz is no run; name real data to measure it against: --against DATA"),
        ("made.npz --against digist", "Did you mean 'digits'?"),
        ("made.npz --against ring", "Generated samples are images of 1 channel, 16x16, the reference points"),
        ("made.npz --against digits --n 100", "n is 100; made.npz has 60 samples"),
        ("made.npz --against digits --checkpoint best", "made.npz is no run; it has no checkpoint 'best'"),
        ("points --n 0", "n is 0; it must be at least 1"),
        ("points --metrics kidd", "Unknown metric 'kidd'. Did you mean 'kid'?"),
        ("points --metrics fid", "fid needs the standard Inception weights"),
        ("points --metrics ms_ssim", "ms_ssim cannot be had: the samples are no images"),
        ("points --metrics support --n 5", "Too few samples: support needs at least"),
        ("points --features classifier", "'classifier' looks at images"),
        ("points --features incepton", "--features cannot be 'incepton'"),
        ("digits --features inception --weights nowhere.pth", "nowhere.pth"),
        ("points --time-limit 0", "it must be above 0"),
        ("points --split tarin", "--split cannot be 'tarin'"),
        ("points --sampler A2B", "Unknown sampler 'A2B'"),
    ],
)
def test_a_mistake_is_told_once(capsys, inside, line, message):
    (inside / "empty").mkdir()
    (inside / "two").mkdir()
    for number in range(2):
        Image.new("L", (16, 16)).save(inside / "two" / f"{number}.png")
    assert message in refused(capsys, line)
    assert not (inside / "runs" / "points" / "evaluations.jsonl").exists()


def test_classes_of_which_only_some_are_known_are_refused(capsys, inside):
    (inside / "classed" / "9").rename(inside / "classed" / "nine")
    assert "There is no class 'nine'" in refused(capsys, "classed --against digits --metrics fd")
