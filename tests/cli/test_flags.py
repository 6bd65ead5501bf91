import os
from typing import Literal

import pytest

from zerosum.cli.flags import Flag, given, parse
from zerosum.errors import UserError

GROUPS = {
    "": [Flag("recipe", str | None, None, "Which.", "[RECIPE]", positional=True), Flag("data", str, "digits", "What.")],
    "dcgan": [
        Flag("width", int, 64, "Channels."),
        Flag("lr", float | None, None, "Rate."),
        Flag("betas", tuple[float, float], (0.5, 0.999), "Moments."),
        Flag("loss", Literal["hinge", "minimax"], "hinge", "Loss."),
    ],
    "data": [
        Flag("flip", bool, False, "Mirror."),
        Flag("held_out", float, 0.2, "Share."),
        Flag("range", Literal["[-1,1]", "[0,1]"], "[-1,1]", "Of values."),
    ],
}


def parsed(line: str) -> dict[str, object]:
    return parse(GROUPS, line.split(), command="train", description="")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("dcgan", {"recipe": "dcgan"}),
        ("--width 32 dcgan", {"width": 32, "recipe": "dcgan"}),
        ("--lr 1e-4", {"lr": 1e-4}),
        ("--lr=1", {"lr": 1.0}),
        ("--betas 0.0 0.9", {"betas": (0.0, 0.9)}),
        ("--loss minimax --data x", {"loss": "minimax", "data": "x"}),
        ("--flip", {"flip": True}),
        ("--held-out 0.5", {"held_out": 0.5}),
        ("--held_out 0.5", {"held_out": 0.5}),
        ("--width -3", {"width": -3}),
        ("--width 64 --no-flip --lr None", {}),
    ],
)
def test_words_become_values(line, expected):
    assert given(parsed(line), GROUPS) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--wdth 3", "Unknown option --wdth. Did you mean '--width'? See zerosum train --help."),
        ("--wdth=3", "Unknown option --wdth. Did you mean '--width'?"),
        ("--no-width", "Unknown option --no-width."),
        ("--recipe dcgan", "Unknown option --recipe."),
        ("--width x", "--width cannot be used: 'x' is not a whole number. See"),
        ("--lr x", "--lr cannot be used: 'x' is not a number. See"),
        ("--held-out x", "--held-out cannot be used: 'x' is not a number. See"),
        ("--loss foo", "--loss cannot be 'foo'. Allowed: 'hinge', 'minimax'. See"),
        ("--range unit", "--range cannot be 'unit'. Allowed: '[-1,1]', '[0,1]'. See"),
        ("--width", "--width needs a value. See"),
        ("--betas 1", "--betas needs 2 values. See"),
        ("dcgan and more", "Too much on the command line: and"),
    ],
)
@pytest.mark.parametrize("columns", ["20", "80"])
def test_a_mistake_is_told_in_one_line(line, message, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(UserError) as caught:
        parsed(line)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not set("│╭╰─") & set(str(caught.value))
    assert capsys.readouterr() == ("", "")
    assert os.environ["COLUMNS"] == columns


def test_the_help_names_every_flag_with_its_default(capsys):
    with pytest.raises(SystemExit) as stop:
        parsed("--help")
    text = capsys.readouterr().out
    assert not stop.value.code
    assert all(flag.spelling in text for group in GROUPS.values() for flag in group if not flag.positional)
    assert "[RECIPE]" in text
    assert "Channels. (default: 64)" in text
    assert "{None}" not in text
