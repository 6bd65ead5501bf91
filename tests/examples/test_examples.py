"""Every example runs as a script, from any directory, and leaves what it says it leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zerosum

ROOT = Path(__file__).parents[2]
LENGTH = 320


def play(script: Path, *words: str, folder: Path) -> str:
    """What a script prints."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def has_played_both(run: zerosum.Run, folder: Path) -> bool:
    return {"D/adversarial", "G/adversarial", "d_real", "d_fake"} <= set(run.log[-1])


def has_recorded_its_options(run: zerosum.Run, folder: Path) -> bool:
    return run.plan["recipe"] == "lazy_r1" and run.plan["options"]["width"] == 4 and "D_r1/r1" in run.log[0]


def has_saved_samples(run: zerosum.Run, folder: Path) -> bool:
    out = folder / "discs"
    return (out / "grid.png").is_file() and (out / "samples.npz").is_file() and len(list(out.glob("single/*"))) == 64


def has_held_the_critic_back(run: zerosum.Run, folder: Path) -> bool:
    return any("lead" in line for line in run.log) and 0 < min(rates(run)) < max(rates(run)) == 1


def rates(run: zerosum.Run) -> list[float]:
    return [line["control/D/lr_scale"] for line in run.log if "control/D/lr_scale" in line]


EXAMPLES = {
    "minimal_gan": ([], has_played_both),
    "own_recipe": (["--width", "4"], has_recorded_its_options),
    "own_images": (["--width", "4", "--n", "40"], has_saved_samples),
    "control_a_run": (["--width", "4", "--goal", "0.01"], has_held_the_critic_back),
}


def test_every_example_is_tested():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_trains_and_names_its_report(name, tmp_path):
    words, has_done_it = EXAMPLES[name]
    said = play(ROOT / "examples" / f"{name}.py", "--length-samples", str(LENGTH), *words, folder=tmp_path)
    (path,) = (tmp_path / "runs").iterdir()
    run = zerosum.Run(path)
    assert run.log[-1]["samples_seen"] >= LENGTH
    assert str(run.report.relative_to(tmp_path)) in said
    assert run.report.is_file()
    assert has_done_it(run, tmp_path)


def test_pictures_of_the_documentation_carry_their_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import pictures

    def make(*names: str, length: int) -> list[str]:
        pictures.main(["--only", *names, "--length-samples", str(length), "--out", str(tmp_path)])
        return (tmp_path / "README.md").read_text().splitlines()[-2:]

    ring, grid = make("grid", "ring", length=320)
    assert {path.name for path in tmp_path.iterdir()} == {"grid.png", "ring.png", "README.md"}
    assert ring == "| [ring](ring.png) | `zerosum train r3gan --data ring --length-samples 320` |"
    assert grid == "| [grid](grid.png) | `zerosum train r3gan --data grid --length-samples 320 --gamma 0.004` |"
    assert make("grid", length=640) == [ring, grid.replace("320", "640")]
