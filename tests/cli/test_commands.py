"""What the commands make of words, with the façade replaced by a recorder."""

import signal
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from zerosum import api
from zerosum.cli import COMMANDS, main
from zerosum.cli.options import DOCTOR, EVALUATION
from zerosum.cli.train_command import named_recipe, named_value
from zerosum.errors import Interrupted, TrainingFailed, UserError
from zerosum.runs.doctoring import MODES, Doctoring
from zerosum.runs.judging import Wishes

RECIPES = ["gan", "dcgan", "wgan-gp"]


@pytest.fixture
def calls(monkeypatch, stored_run):
    """Every call of the façade, as (name, positional arguments, keywords)."""
    seen = []

    def record(name, result):
        monkeypatch.setattr(api, name, lambda *args, **how: seen.append((name, args, how)) or result)

    monkeypatch.chdir(stored_run.parent.parent)
    record("train", SimpleNamespace(path=stored_run))
    record("resume", SimpleNamespace(path=stored_run))
    record("write_samples", None)
    return seen


def test_train_passes_on_what_was_given(calls):
    line = "train gan --data ring --lr 1e-3 --betas 0 0.9 --flip --seed 4 --length-samples 99 --out x"
    assert main(line.split()) == 0
    expected = {"recipe": "gan", "data": "ring", "lr": 1e-3, "betas": (0.0, 0.9), "flip": True, "seed": 4}
    assert calls == [("train", (), expected | {"length_samples": 99, "out": "x"})]


def test_train_and_resume_pass_on_how_to_evaluate(calls):
    words = (
        "--evaluate kid,fd --best fd --patience 3 --evaluate-n 500 --evaluate-every-samples 100 --evaluate-share 0.1"
    )
    expected = {"evaluate": "kid,fd", "best": "fd", "patience": 3, "evaluate_n": 500, "evaluate_every_samples": 100}
    assert main(["train", "gan", *words.split()]) == 0
    assert main(["resume", "stored", *words.split()]) == 0
    for _, _, how in calls:
        assert {name: how[name] for name in expected} == expected
        assert how["evaluate_share"] == 0.1


def test_the_usual_evaluation_is_that_of_the_facade():
    assert {flag.name: flag.default for flag in EVALUATION} == asdict(Wishes())


def test_who_watches_is_passed_on_and_by_default_as_in_the_facade(calls):
    assert {flag.name: flag.default for flag in DOCTOR} == {
        flag.name: getattr(Doctoring(), flag.name) for flag in DOCTOR
    }
    assert set(get_args(DOCTOR[0].type)) == set(MODES)
    assert main(["train", "gan", "--doctor", "off"]) == 0
    assert main(["resume", "stored", "--doctor", "watch"]) == 0
    assert [how.get("doctor") for _, _, how in calls] == ["off", "watch"]


def test_train_without_a_recipe_takes_the_one_that_suits(calls):
    assert main(["train", "--data", "ring"]) == 0
    assert calls[0][2] == {"recipe": api.recommend("ring"), "data": "ring"}


def test_train_ends_with_where_everything_is(calls, stored_run, capsys):
    (stored_run / "samples").mkdir()
    (stored_run / "samples" / "000000640.png").write_bytes(b"")
    (stored_run / "report.html").write_text("")
    main(["train", "gan"])
    text = capsys.readouterr().out
    for part in ("000000640.png", "report.html", "zerosum sample", "zerosum resume"):
        assert part in text


def test_a_recipe_may_stand_anywhere(calls):
    assert main(["train", "--data", "ring", "gan", "--lr", "1"]) == 0
    assert calls[0][2] == {"recipe": "gan", "data": "ring", "lr": 1.0}


@pytest.mark.parametrize(
    ("line", "recipe"),
    [
        ("gan --lr 1", "gan"),
        ("--network dcgan", None),
        ("--network=dcgan gan", "gan"),
        ("--dry-run gan", "gan"),
        ("--flip gan", "gan"),
        ("--data gan", None),
        ("--betas 0.5 0.9 wgan-gp", "wgan-gp"),
        ("", None),
    ],
)
def test_a_recipe_is_told_from_a_value(line, recipe):
    assert named_recipe(line.split(), RECIPES) == recipe


@pytest.mark.parametrize(
    ("line", "value"),
    [("--data x", "x"), ("--data=y=z", "y=z"), ("--data a --data b", "b"), ("", None), ("--data", None)],
)
def test_a_value_is_read_before_the_flags_are_known(line, value):
    assert named_value(line.split(), "--data") == value


def test_a_dry_run_trains_nothing(calls, capsys):
    assert main(["train", "gan", "--data", "ring", "--dry-run", "--lr", "0.5", "--out", "x"]) == 0
    assert calls == []
    assert "gan on ring" in capsys.readouterr().out
    assert not Path("x").exists()


def test_resume_passes_on_only_what_is_other_than_in_the_run(calls, stored_run):
    assert (
        main(["resume", "stored", "--length-samples", "900", "--lr", "1e-3", "--betas", "0.5", "0.9", "--seed", "5"])
        == 0
    )
    assert calls == [("resume", (Path("runs/stored"),), {"length_samples": 900})]
    assert main(["resume", "--lr", "5", "stored", "--device", "cpu"]) == 0
    assert calls[1] == ("resume", (Path("runs/stored"),), {"lr": 5.0, "device": "cpu"})


def test_sample_passes_on_everything(calls):
    assert (
        main(
            [
                "sample",
                "stored",
                "--n",
                "7",
                "--seed",
                "2",
                "--label",
                "three",
                "--out",
                "a.npz",
                "--live",
                "--sampler",
                "A2B",
                "--checkpoint",
                "best",
            ]
        )
        == 0
    )
    expected = {"n": 7, "seed": 2, "label": "three", "out": Path("a.npz"), "averaged": False, "sampler": "A2B"}
    (call,) = calls
    tell = call[2].pop("tell")
    assert callable(tell)
    usual = {"checkpoint": "best", "compile": "auto", "psi": 1.0, "threshold": None}
    assert call == ("write_samples", (Path("runs/stored"),), expected | usual)


def test_sample_finds_a_place_of_its_own(calls, capsys):
    assert main(["sample", "stored"]) == 0
    out = calls[0][2]["out"]
    assert out.parent == Path("runs/stored")
    assert str(out) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("what to do"), 2),
        (TrainingFailed("what to do"), 1),
        (Interrupted(signal.SIGINT, "what to do"), 130),
        (Interrupted(signal.SIGTERM, "what to do"), 143),
    ],
)
def test_errors_become_a_message_and_a_code(monkeypatch, capsys, error, code):
    def fail(**how):
        raise error

    monkeypatch.setattr(api, "train", fail)
    assert main(["train", "gan"]) == code
    assert capsys.readouterr() == ("", "zerosum: what to do\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_outside_of_a_training_is_quiet(monkeypatch, capsys, number, code):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(api, "train", lambda **how: signal.raise_signal(number))
    assert main(["train", "gan"]) == code
    assert capsys.readouterr().err == "zerosum: Stopped.\n"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("trian", "Unknown command 'trian'. Did you mean 'train'?"),
        ("train dcgna", "Unknown recipe 'dcgna'. Did you mean 'dcgan'?"),
        ("train gan --lrr 1", "Unknown option --lrr. Did you mean '--lr'?"),
        ("train --weight-decya 1 gan", "Unknown option --weight-decya. Did you mean '--weight-decay'?"),
        ("show", "Which run? zerosum show RUN"),
        ("show stord", "There is no run 'stord'. Did you mean 'stored'?"),
        ("resume", "Which run? zerosum resume RUN"),
        ("resume stored --lrr 1", "Unknown option --lrr."),
        ("sample runs", "'runs' is no run"),
        ("report nothing", "There is no run 'nothing'."),
        ("list everything", "Too much on the command line: everything"),
    ],
)
def test_a_mistake_is_told_once(calls, capsys, line, message):
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"zerosum: {message}")
    assert err.count("\n") == 1
    assert calls == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_of_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert not stop.value.code
    assert f"zerosum {command}" in capsys.readouterr().out


def test_the_help_of_a_recipe_shows_its_options(capsys):
    with pytest.raises(SystemExit):
        main(["train", "wgan", "--help"])
    assert "--clip" in capsys.readouterr().out


def test_the_time_between_two_looks_is_refused_by_its_flag(capsys, tmp_path):
    assert main(["train", "gan", "--data", "ring", "--doctor-every-samples", "0", "--out", str(tmp_path / "run")]) == 2
    assert "--doctor-every-samples is 0" in capsys.readouterr().err
