"""The real command line, in processes of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerosum.cli import main, resume_command, train_command

QUIET = {"OMP_NUM_THREADS": "1", "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}


def command(*words: str | Path) -> list[str]:
    """The real command line, as a user's shell would start it."""
    return [sys.executable, "-m", "zerosum", *map(str, words)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """Of every command: a cache of its own, one thread."""
    return os.environ | QUIET | {"ZEROSUM_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def zerosum(environment):
    """Runs `zerosum WORDS…` in a folder and returns what came of it."""

    def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*words), cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory, zerosum):
    """A folder with the run `runs/small`, and what training it printed."""
    folder = tmp_path_factory.mktemp("trained")
    words = ("train", "gan", "--data", "ring", "--length-samples", "640", "--width", "16", "--out", "runs/small")
    return folder, zerosum(*words, cwd=folder)


def test_help_and_version_import_nothing_slow(environment):
    probe = "import sys; from zerosum.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    for word in ("--help", "--version"):
        result = subprocess.run([sys.executable, "-c", probe, word], env=environment, capture_output=True, text=True)
        assert result.stdout.strip()
        assert not {"torch", "numpy", "tyro", "rich", "matplotlib", "sklearn"} & set(result.stderr.split())


def test_a_mistake_ends_with_code_2_and_no_traceback(zerosum, tmp_path):
    result = zerosum("train", "gan", "--data", "nowhere", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("zerosum: Unknown data 'nowhere'")
    assert "Traceback" not in result.stderr


def test_list_names_recipes_and_data(zerosum, tmp_path):
    result = zerosum("list", cwd=tmp_path)
    assert result.returncode == 0
    for name in ("dcgan", "cyclegan", "digits", "ring"):
        assert f"  {name} " in result.stdout


def test_a_training_leaves_a_run_and_says_where(trained):
    folder, result = trained
    assert result.returncode == 0, result.stderr
    run = folder / "runs" / "small"
    assert (run / "report.html").is_file()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["samples_seen"] == 640
    assert {"samples_per_second", "seconds", "D/adversarial", "G/adversarial", "d_real", "d_fake"} <= set(lines[-1])
    for part in ("runs/small/samples/000000640.png", "runs/small/report.html", "zerosum sample", "zerosum resume"):
        assert part in result.stdout
    assert "640 of 640 samples (100%)" in result.stderr


def test_show_tells_of_the_run(zerosum, trained):
    result = zerosum("show", "small", cwd=trained[0])
    assert result.returncode == 0
    assert "gan on ring" in result.stdout
    assert "640 of 640 (100%)" in result.stdout


def test_report_is_written_anew(zerosum, trained):
    (trained[0] / "runs" / "small" / "report.html").unlink()
    result = zerosum("report", "small", cwd=trained[0])
    assert (trained[0] / result.stdout.strip()).is_file()


def test_sample_writes_what_the_ending_says(monkeypatch, trained, tmp_path):
    monkeypatch.chdir(trained[0])
    for out in ("grid.png", "array.npz", "folder"):
        assert main(["sample", "small", "--n", "5", "--out", str(tmp_path / out)]) == 0
    assert min(Image.open(tmp_path / "grid.png").size) > 50
    with np.load(tmp_path / "array.npz", allow_pickle=False) as stored:
        assert stored["samples"].shape == (5, 2)
        assert stored["samples"].dtype == np.float32
    assert len(list((tmp_path / "folder").iterdir())) == 5


def test_resume_goes_on_and_refuses_what_is_other(monkeypatch, capsys, zerosum, trained, tmp_path):
    shutil.copytree(trained[0] / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "small", "--width", "32", "--length-samples", "1280"]) == 2
    assert "width: 16 in the run, 32 given" in capsys.readouterr().err
    own = "--data ring --width 16 --precision auto --compile auto --seed 0 --out ./runs/small"
    assert main(["resume", *own.split(), "small"]) == 2
    assert "give a larger --length-samples" in capsys.readouterr().err
    assert zerosum("resume", "small", "--length-samples", "1280", cwd=tmp_path).returncode == 0
    plan = json.loads((tmp_path / "runs" / "small" / "plan.json").read_text())
    assert plan["revisions"][-1]["length_samples"] == 1280


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data grid", "data: 'ring' in the run, 'grid' given"),
        ("--lr 0.5 --seed 8", "lr: 0.0002 in the run, 0.5 given; seed: 0 in the run, 8 given"),
        ("--batch-size 3", "batch_size: 64 in the run, 3 given"),
        ("--betas 0.1 0.9", "betas: [0.5, 0.999] in the run, [0.1, 0.9] given"),
        ("--out other", "out: 'runs/small' in the run, 'other' given"),
        ("--seeds 3", "seeds: None in the run, 3 given"),
        ("--compile on", "compile: 'off' in the run, 'on' given"),
        ("--microbatch 4", "microbatch: None in the run, 4 given"),
        ("--precision bfloat16", "precision: 'float32' in the run, 'bfloat16' given"),
        ("--flip", "flip: False in the run, True given"),
        ("--resolution 8", "resolution: None in the run, '8' given"),
    ],
)
def test_every_option_of_a_training_is_compared_on_resume(monkeypatch, capsys, trained, words, message):
    monkeypatch.chdir(trained[0])
    before = sorted((path, path.stat().st_mtime_ns) for path in Path("runs").rglob("*"))
    assert main(["resume", *words.split(), "small", "--length-samples", "1280"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"zerosum: This run was trained otherwise. {message}.")
    assert "or train anew with `zerosum train`" in err
    assert sorted((path, path.stat().st_mtime_ns) for path in Path("runs").rglob("*")) == before


def test_resume_knows_every_option_of_train():
    plan = {"recipe": "dcgan", "options": {}, "data": {"name": "digits"}, "training": {}}
    of_train, of_resume = (
        {flag.name for flags in groups.values() for flag in flags}
        for groups in (train_command.flag_groups("dcgan"), resume_command.flag_groups(plan))
    )
    assert of_train - of_resume == {"recipe", "dry_run"}


@pytest.mark.parametrize(
    "line",
    [
        "train gan --data nowhere",
        "train gan --data ring --lr -1",
        "train gan --data ring --batch-size 0",
        "train gan --data ring --length-samples 0",
        "train cgan --data ring",
        "train dcgan --data ring",
        "train gan --data ring --out taken",
    ],
)
def test_bad_input_gets_one_message_and_leaves_nothing(monkeypatch, capsys, tmp_path, line):
    (tmp_path / "taken").write_text("mine")
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zerosum: ")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_go_on(environment, tmp_path, number, code):
    words = command(
        *("train", "gan", "--data", "ring", "--width", "16", "--out", "runs/long", "--compile", "off"),
        *("--length-samples", "100000000"),
    )
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_for(tmp_path / "runs" / "long" / "samples" / "000000000.png")
        time.sleep(0.5)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert "zerosum resume" in stderr
    assert "Traceback" not in stderr
    assert list((tmp_path / "runs" / "long" / "checkpoints").iterdir())


def test_a_reader_that_leaves_is_no_error(environment, tmp_path):
    words = command("list")
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_terminal_without_utf8_is_served(environment, trained):
    result = subprocess.run(
        command("show", "small"),
        cwd=trained[0],
        env=environment | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    assert "gan on ring" in result.stdout


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not come")
