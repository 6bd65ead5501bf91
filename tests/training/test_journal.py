import json

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from zerosum.training.journal import Follower, Journal, read_lines


def journal(run, samples_seen: int = 0, lines: int = 0) -> Journal:
    """A journal with a line and a picture every 10 samples."""
    made = Journal(run, samples_seen)
    for number in range(10, 10 * lines + 1, 10):
        made.report({"samples_seen": number, "seconds": number / 2, "loss": 1.0 / number})
        made.picture(f"{number:09d}", Image.new("L", (4, 4), number))
    return made


def seen(run) -> list[int]:
    return [line["samples_seen"] for line in read_lines(run / "log.jsonl")]


def events(run) -> dict[str, list[tuple[int, float]]]:
    accumulator = EventAccumulator(str(run / "events")).Reload()
    return {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def test_a_line_a_report(tmp_path):
    made = journal(tmp_path, lines=3)
    made.note(30, "went back")
    made.close()
    lines = [json.loads(text) for text in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0] == {"samples_seen": 10, "seconds": 5.0, "loss": 0.1}
    assert lines[3] == {"samples_seen": 30, "note": "went back"}
    assert events(tmp_path)["loss"] == [(n, pytest.approx(1 / n)) for n in (10, 20, 30)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_written_as_null(tmp_path, value):
    with_bad = journal(tmp_path)
    with_bad.report({"samples_seen": 10, "loss": value})
    with_bad.close()
    assert json.loads((tmp_path / "log.jsonl").read_text(), parse_constant=pytest.fail) == {
        "samples_seen": 10,
        "loss": None,
    }


def test_a_resumed_run_writes_once_more_what_lay_behind_its_checkpoint(tmp_path):
    made = journal(tmp_path, lines=5)
    made.picture("real", Image.new("L", (4, 4)))
    made.close()
    journal(tmp_path, samples_seen=30).close()
    assert seen(tmp_path) == [10, 20, 30]
    pictures = {path.stem for path in (tmp_path / "samples").iterdir()}
    assert pictures == {"real", "000000010", "000000020", "000000030"}
    assert [step for step, _ in events(tmp_path)["loss"]] == [10, 20, 30]


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path):
    journal(tmp_path, lines=3).close()
    text = (tmp_path / "log.jsonl").read_text()
    (tmp_path / "log.jsonl").write_text(text[:-9])
    assert seen(tmp_path) == [10, 20]
    journal(tmp_path, samples_seen=30).close()
    assert (tmp_path / "log.jsonl").read_text() == "".join(text.splitlines(keepends=True)[:2])


def test_no_half_picture_is_ever_seen(tmp_path, monkeypatch):
    made = journal(tmp_path)

    def killed(self, path, **how):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        made.picture("000000010", Image.new("L", (4, 4)))
    made.close()
    assert list((tmp_path / "samples").glob("*.png")) == []


def test_a_new_run_has_no_lines(tmp_path):
    journal(tmp_path).close()
    assert read_lines(tmp_path / "log.jsonl") == []
    assert read_lines(tmp_path / "no log") == []


def test_who_follows_a_log_reads_what_everybody_reads(tmp_path):
    """As it grows, is being written, is cut back, and grows again."""
    log = tmp_path / "log.jsonl"
    follower = Follower(log)
    assert follower.lines() == []
    made = journal(tmp_path, lines=3)
    assert follower.lines() == read_lines(log)
    assert len(follower.lines()) == 3
    made.note(30, "a note")
    with log.open("a") as file:
        file.write('{"samples_seen": 4')
    assert follower.lines() == read_lines(log)
    with log.open("a") as file:
        file.write('0, "loss": 0.5}\n')
    assert follower.lines() == read_lines(log)
    assert follower.lines()[-1] == {"samples_seen": 40, "loss": 0.5}
    made.cut(10)
    assert [line["samples_seen"] for line in follower.lines()] == [10]
    for loss in (2.0, 3.0, 4.0, 5.0):
        made.report({"samples_seen": 20, "seconds": 1.0, "loss": loss})
    assert follower.lines() == read_lines(log)
    log.unlink()
    assert follower.lines() == []


def test_who_follows_a_log_reads_a_line_once(tmp_path, monkeypatch):
    made = journal(tmp_path, lines=100)
    follower = Follower(tmp_path / "log.jsonl")
    follower.lines()
    made.report({"samples_seen": 2000, "loss": 1.0})
    parsed, loads = [], json.loads
    monkeypatch.setattr(json, "loads", lambda text: parsed.append(text) or loads(text))
    assert len(follower.lines()) == 101
    assert len(parsed) == 1
