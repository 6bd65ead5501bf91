"""What an evaluation says while it goes on."""

import pytest

from zerosum.runs.watching import watcher


@pytest.mark.parametrize("shown", [True, False])
def test_off_a_terminal_only_notes_are_told_and_on_stderr(capsys, shown):
    with watcher(shown) as seen:
        for done in range(3):
            seen.tell("looking at real samples", done, 2)
        seen.tell("measuring kid[raw]", 0, 1)
        seen.note("Left out: fd[raw]")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip() == ("Left out: fd[raw]" if shown else "")


def test_on_a_terminal_there_is_a_bar_that_leaves_nothing_behind(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with watcher(True) as seen:
        seen.tell("looking at real samples", 1, 2)
        seen.bar.refresh()
    out, err = capsys.readouterr()
    assert out == ""
    assert "looking at real samples" in err
    assert err.endswith(("\x1b[2K", "\x1b[?25h", "\x1b[1A\x1b[2K"))
