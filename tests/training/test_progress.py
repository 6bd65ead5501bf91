import io

import pytest
from rich.console import Console

from zerosum.training import progress
from zerosum.training.progress import Bar, Lines, Progress, follow

VALUES = {
    "D/adversarial": 1.0,
    "D/r1": 0.5,
    "G/adversarial": 0.7,
    "d_real": 0.8,
    "d_fake": 0.3,
    "control/D/lr_scale": 1.0,
}


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=150, color_system=None, legacy_windows=False)


def play(display: Progress, clock: Clock, start: int = 0, rounds: int = 100, seconds: float = 1.0) -> None:
    """Ten samples a round."""
    with display:
        for number in range(1, rounds + 1):
            clock.now += seconds
            display.update(start + 10 * number, VALUES)


def test_lines_come_every_ten_seconds_and_at_the_end(clock):
    stream = io.StringIO()
    play(Lines(1000, stream=stream), clock, rounds=25)
    lines = stream.getvalue().splitlines()
    assert [line.split(" of ")[0] for line in lines] == ["100", "200", "250"]
    for part in (
        "250 of 1,000 samples (25%)",
        "10 samples/s",
        "1:15 left",
        "D 1.50",
        "G 0.70",
        "D(x) 0.80",
        "D(G(z)) 0.30",
    ):
        assert part in lines[-1]


def test_a_resumed_training_is_not_timed_from_zero(clock):
    stream = io.StringIO()
    play(Lines(100_000, stream=stream), clock, start=50_000, rounds=30)
    assert all("  10 samples/s  " in line for line in stream.getvalue().splitlines())


def test_the_speed_is_that_of_late(clock):
    stream = io.StringIO()
    display = Lines(100_000, stream=stream)
    play(display, clock, rounds=1000, seconds=10)
    play(display, clock, start=10_000, rounds=1000, seconds=2)
    assert "  5 samples/s  " in stream.getvalue().splitlines()[-2]


def test_nothing_is_drawn_between_two_drawings(clock):
    class Counting(Lines):
        drawn = 0

        def draw(self) -> None:
            self.drawn += 1

    display = Counting(10**6, stream=io.StringIO())
    play(display, clock, rounds=5000, seconds=0.005)
    assert display.drawn == 3  # after 10 s, after 20 s, at the end


def test_the_bar_shows_the_figures(clock):
    console = terminal()
    play(Bar(2000, console=console), clock)
    text = console.file.getvalue()
    for part in ("50%", "1k/2k", "10 samples/s", "1:40 left", "D 1.50  G 0.70  D(x) 0.80  D(G(z)) 0.30"):
        assert part in text


def test_messages_stand_above_the_bar(clock):
    console = terminal()
    with Bar(100, console=console) as bar:
        bar.message("[not markup] a checkpoint was left out")
    assert "[not markup] a checkpoint was left out\n" in console.file.getvalue().replace("\r", "")


def test_the_bar_gives_the_terminal_back_after_an_error(clock):
    console = terminal()
    bar = Bar(100, console=console)
    with pytest.raises(ZeroDivisionError), bar:
        raise ZeroDivisionError
    assert bar.screen.finished is False
    assert not bar.screen.live.is_started


def test_the_silent_one_shows_nothing(clock, capsys):
    display = follow(100, show=False)
    play(display, clock)
    display.message("nothing")
    assert capsys.readouterr() == ("", "")


def test_files_get_lines_and_terminals_a_bar(monkeypatch):
    assert type(follow(100, stream=io.StringIO())) is Lines
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert type(follow(100, stream=io.StringIO())) is Bar


@pytest.mark.parametrize("total", [0, 1])
def test_tiny_trainings_do_not_divide_by_zero(clock, total):
    stream = io.StringIO()
    play(Lines(total, stream=stream), clock, rounds=1, seconds=0.0)
    assert "(100%)" in stream.getvalue()


def test_what_is_found_stands_behind_the_figures(clock):
    stream, console = io.StringIO(), terminal()
    for display in (Lines(1000, stream=stream), Bar(2000, console=console)):
        display.words = "critic blind"
        play(display, clock)
    assert stream.getvalue().splitlines()[-1].endswith("D(G(z)) 0.30  critic blind")
    assert "D(G(z)) 0.30  critic blind" in console.file.getvalue()
