import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerosum.errors import UserError
from zerosum.runs import find_run, list_runs, new_run_directory, read_log, read_notes, read_plan
from zerosum.runs.directory import nothing_there, run_at, slug


def test_a_run_is_found_by_name_and_by_path(make_run):
    run = make_run("mine")
    assert find_run("mine", run.parent) == find_run(run, run.parent) == find_run(run / "plan.json") == run
    assert list_runs(run.parent) == [run]


def test_an_unknown_run_names_the_nearest(make_run):
    root = make_run("dcgan-digits-1").parent
    with pytest.raises(UserError, match=r"no run 'dcgan-digit-1'. Did you mean 'dcgan-digits-1'"):
        find_run("dcgan-digit-1", root)


def test_a_directory_that_is_no_run_says_so(tmp_path):
    with pytest.raises(UserError, match=r"is no run: it holds no plan.json. There are no runs"):
        find_run(tmp_path, tmp_path / "runs")


def test_a_run_may_be_looked_for_where_other_things_would_do(make_run):
    run = make_run("dcgan-digits-1")
    assert run_at("dcgan-digits-1", run.parent) == run_at(run) == run
    assert run_at(run.parent, run.parent) is run_at("dcgan-digit-1", run.parent) is None
    message = str(nothing_there("run or file", "dcgan-digit-1", run.parent))
    assert message.startswith("There is no run or file 'dcgan-digit-1'. Did you mean 'dcgan-digits-1'? Runs under")


def test_new_runs_are_numbered_and_never_shared(tmp_path):
    made = [new_run_directory(None, "gan", "some/Path to/cats.zip", tmp_path) for _ in range(3)]
    assert [path.name for path in made] == ["gan-cats-1", "gan-cats-2", "gan-cats-3"]
    assert all(path.is_dir() for path in made)


@pytest.mark.parametrize("inside", ["again", "samples/again"])
def test_no_run_lies_within_another(make_run, inside):
    run = make_run()
    before = sorted(run.rglob("*"))
    with pytest.raises(UserError, match=r"lies within the run '.*'\. Choose another --out\."):
        new_run_directory(run / inside, "gan", "digits")
    assert sorted(run.rglob("*")) == before


def test_an_existing_run_is_never_overwritten(make_run):
    run = make_run()
    before = sorted(run.rglob("*"))
    with pytest.raises(UserError, match=r"already holds a run.*zerosum resume"):
        new_run_directory(run, "gan", "ring")
    assert sorted(run.rglob("*")) == before


def test_a_directory_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"not empty"):
        new_run_directory(tmp_path, "gan", "ring")
    with pytest.raises(UserError, match=r"is a file"):
        new_run_directory(tmp_path / "thesis.tex", "gan", "ring")
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_an_empty_directory_and_a_new_one_are_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    assert new_run_directory(tmp_path / "empty", "gan", "ring").is_dir()
    assert new_run_directory(tmp_path / "a" / "b", "gan", "ring").is_dir()


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"Cannot write to .*file/run.*--out"):
        new_run_directory(tmp_path / "file" / "run", "gan", "ring")


@given(st.text())
def test_names_of_folders_are_tame(data):
    assert set(slug(data)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 1 <= len(slug(data)) <= 40


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "3"])
def test_a_damaged_plan_is_refused(tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(UserError, match=r"cannot be read"):
        read_plan(tmp_path)


def test_a_plan_of_another_format_is_refused(make_run):
    with pytest.raises(UserError, match=r"has format 99; this version of zerosum reads format 1"):
        read_plan(make_run(format=99))


@pytest.mark.parametrize("part", ["recipe", "options", "data", "training"])
@pytest.mark.parametrize("wrong", [None, 3])
def test_a_plan_that_is_not_whole_is_refused(make_run, part, wrong):
    with pytest.raises(UserError, match=f"is not whole: {part} missing"):
        read_plan(make_run(**{part: wrong}))


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 300, "a\0b"])
def test_what_cannot_be_a_path_is_no_run(name):
    with pytest.raises(UserError, match="There is no run"):
        find_run(name)


def test_the_log_is_read_without_its_cut_last_line(make_run):
    run = make_run(log='{"samples_seen": 64, "d_real": 0.5}\n{"samples_seen": 128, "d_re')
    assert read_log(run) == [{"samples_seen": 64, "d_real": 0.5}]


@given(st.integers(0, 60))
def test_a_log_cut_anywhere_can_be_read(length):
    import tempfile

    whole = '{"samples_seen": 64, "a": 1}\n{"samples_seen": 128, "a": 2}\n'
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "log.jsonl").write_text(whole[:length])
        lines = read_log(Path(folder))
    assert lines == [{"samples_seen": 64, "a": 1}, {"samples_seen": 128, "a": 2}][: len(lines)]
    assert len(lines) >= whole[:length].count("\n")


def test_what_is_not_finite_is_none(make_run):
    run = make_run(log='{"samples_seen": 1, "a": NaN, "b": Infinity, "c": null, "d": 1}\n')
    assert read_log(run) == [{"samples_seen": 1, "a": None, "b": None, "c": None, "d": 1}]


def test_notes_are_no_figures(make_run):
    run = make_run(log=[{"samples_seen": 1, "a": 2.0}, {"samples_seen": 5, "note": "went back"}])
    assert read_log(run) == [{"samples_seen": 1, "a": 2.0}]
    assert read_notes(run) == [(5, "went back")]


def test_no_log_is_an_empty_log(make_run):
    run = make_run()
    (run / "log.jsonl").unlink()
    assert read_log(run) == read_notes(run) == []


def test_a_plan_comes_back_as_it_was_written(make_run):
    run = make_run(recipe="wgan")
    assert read_plan(run) == json.loads((run / "plan.json").read_text())
