"""Records are made once, kept while nothing changes, and summed up without flattery."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import provenance
import pytest
import records
import results
from PIL import Image
from provenance import code, files, present, tree_of, unused, without
from records import Case, Measured, Target
from results import cell, load, reached, text


class Counted:
    """A case that counts how often it is measured."""

    def __init__(self, **how: Any) -> None:
        self.seeds: list[tuple[int, bool]] = []
        self.case = Case("case", self.measure, seeds=2, **how)

    def measure(self, seed: int, trial: bool) -> Measured:
        self.seeds.append((seed, trial))
        return Measured({"figure": 1.0 + seed, "never": math.inf}, Image.new("L", (2, 2)))


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    def run(counted: Counted, *words: str) -> None:
        records.run("bench", "About.", [counted.case], ["--results", str(tmp_path), *words])

    return run


def test_a_record_says_all_that_is_needed_to_repeat_it(play: Callable[..., None], tmp_path: Path) -> None:
    play(Counted(options={"width": 3}, targets={"figure": Target(low=1)}))
    record = json.loads((tmp_path / "bench" / "case-seed1.json").read_text())
    assert record["figures"] == {"figure": 2.0, "never": None}
    assert (record["seed"], record["options"]) == (1, {"width": 3})
    assert record["targets"] == {"figure": asdict(Target(low=1))}
    assert record["machine"].keys() >= {"processor", "cores", "threads", "torch"}
    assert record["code"].keys() >= {"commit", "tree", "committed"}
    assert (tmp_path / "bench" / "case-seed1.png").is_file()


def test_what_is_on_record_is_not_measured_again(play: Callable[..., None]) -> None:
    counted = Counted()
    play(counted, "--seeds", "1")
    play(counted)
    assert counted.seeds == [(0, False), (1, False)]
    play(counted, "--force")
    assert len(counted.seeds) == 4


@pytest.mark.parametrize("change", ["options", "sources"])
def test_a_change_asks_for_new_figures(play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    play(Counted(options={"width": 3}))
    if change == "sources":
        monkeypatch.setattr(records, "present", lambda code: False)
    again = Counted(options={"width": 4 if change == "options" else 3})
    play(again)
    assert again.seeds == [(0, False), (1, False)]


def test_a_trial_leaves_no_record(play: Callable[..., None], tmp_path: Path) -> None:
    counted = Counted()
    play(counted, "--trial")
    assert counted.seeds == [(0, True), (1, True)]
    assert not list(tmp_path.iterdir())


def test_only_what_is_asked_for(play: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    counted = Counted()
    play(counted, "--only", "c*e", "--seeds", "1")
    assert len(counted.seeds) == 1
    with pytest.raises(SystemExit):
        play(counted, "--only", "other")
    assert len(counted.seeds) == 1
    assert "no case is called 'other'; there are case" in capsys.readouterr().err


def test_trees_have_the_names_git_gives_them(tmp_path: Path) -> None:
    """Names as `git write-tree` printed them for these files."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_text("x = 1\n")
    (tmp_path / "a.py").write_text("")
    (tmp_path / "__pycache__").mkdir()
    assert tree_of(tmp_path).hex() == "a3b104cdc24c30b162504d6cf9fa92bcf56167ea"
    (tmp_path / "a.py").chmod(0o755)
    assert tree_of(tmp_path).hex() == "87c6eca711dc007170774a22ed5e9052980b6142"


def test_what_was_not_used_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    import zerosum.draw  # noqa: F401 (something that is used)

    said, known = code(), dict(files())
    assert unused() == said["unused"].split()
    assert "draw.py" not in unused()
    for path, stays in (("never/imported.py", True), ("draw.py", False)):
        record = said | {"unused": "never/imported.py", "used": without(["never/imported.py"])}
        monkeypatch.setattr(provenance, "files", lambda changed=path: known | {changed: "another"})
        assert present(record) is stays
        assert not present({"tree": "of a record that does not say what was used"})


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert code()["commit"] == "unknown"
    assert code()["committed"] is False


@pytest.mark.parametrize(
    ("values", "target", "expected"),
    [
        ([0.9, 1.1], Target(low=1), True),
        ([0.9, 1.1], Target(low=1, every=True), False),
        ([0.9, 1.1], Target(high=1.1, every=True), True),
        ([1.0, 3.0], Target(high=1), False),
        ([0.85, 1.15], Target(low=0.85, high=1.15, every=True), True),
        ([1.0, None], Target(low=0), False),
        ([1.0, None], Target(high=9, every=True), False),
    ],
)
def test_targets(values: list[float | None], target: Target, expected: bool) -> None:
    assert reached(values, asdict(target)) is expected


def test_a_cell_has_mean_and_spread_and_owns_up_to_gaps() -> None:
    assert cell([1.0, 2.0, 3.0]) == "2 ± 1"
    assert cell([0.5]) == "0.5"
    assert cell([None, 1.0]) == "1 (1 not finite)"
    assert cell([None]) == ""


def test_the_page_says_pass_short_and_earlier(
    play: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(Counted(targets={"figure": Target(low=1.5), "never": Target(high=1)}))
    page = text(load(tmp_path))
    assert "| case | 2 | 1.5 ± 0.71 |  | figure ≥ 1.5; never ≤ 1 | short: never |" in page
    assert "`python benchmarks/bench.py`" in page
    monkeypatch.setattr(results, "present", lambda code: False)
    assert "short: never (earlier sources)" in text(load(tmp_path))
