import base64
import json
import re

import numpy as np
import pytest
from PIL import Image

from zerosum.data import open_data
from zerosum.diagnosis.beforehand import of_data
from zerosum.errors import UserError
from zerosum.runs import write_report
from zerosum.runs.pictures import LARGE_BYTES, data_uri

LOG = [
    {"samples_seen": 64 * n, "seconds": n / 2, "samples_per_second": 128.0, "D/adversarial": 1.0 / n, "d_real": 0.5}
    for n in range(1, 6)
]
CYCLE = [{"samples_seen": 8, "G/cycle_A": 3.0, "G/identity": None, "D/grad_norm": 1.0}]


def inside(page: str) -> dict:
    """What the script of a page draws."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page).group(1))


def test_the_page_shows_pictures_curves_and_commands(make_run):
    run = make_run(log=LOG, snapshots=(0, 100, 200))
    Image.new("L", (32, 32), 7).save(run / "samples" / "real.png")
    page = write_report(run).read_text()
    assert [step["samples_seen"] for step in inside(page)["steps"]] == [0, 100, 200]
    titles = [chart["title"] for chart in inside(page)["curves"]["charts"]]
    assert titles == ["Adversarial losses", "Belief of the critic", "Speed"]
    assert 'type="range"' in page
    assert "Grid of real samples" in page
    assert "zerosum train dcgan --data digits" in page
    assert "zerosum resume" in page
    assert "zerosum sample" in page


def test_the_page_tells_what_the_time_of_a_round_went_into(make_run):
    log = [line | {"waiting": 0.125, "communication": 0.25} for line in LOG]
    page = write_report(make_run(log=log)).read_text()
    assert "Time of a round" in page
    for words in ("(62.5 %)", "waiting for data", "(12.5 %)", "communication", "(25.0 %)"):
        assert words in page
    assert "Not spent on computing" in [chart["title"] for chart in inside(page)["curves"]["charts"]]
    assert "Time of a round" not in write_report(make_run("silent", log=LOG)).read_text()


def test_the_page_needs_nothing_from_elsewhere(make_run):
    page = write_report(make_run(log=LOG, snapshots=(64,))).read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert not re.findall(r"@import|url\((?!#|data:)|fetch\(|XMLHttpRequest", page.replace("url(#${id})", ""))


def test_every_input_and_picture_has_a_name(make_run):
    page = write_report(make_run(log=LOG, snapshots=(0, 64))).read_text()
    assert all("alt=" in picture for picture in re.findall(r"<img[^>]*>", page))
    unnamed = [tag for tag in re.findall(r"<(?:input|button)[^>]*>", page) if "aria-label" not in tag]
    assert all(re.search(rf"<label>[^<]*{re.escape(tag)}", page) for tag in unnamed)


@pytest.mark.parametrize("log", ["", "\n", '{"samples_s', LOG[:1], CYCLE, [{"samples_seen": 1}]])
def test_a_page_is_made_of_any_log(make_run, log):
    data = inside(write_report(make_run(log=log)).read_text())
    assert len(data["curves"]["x"]) == (len(log) if isinstance(log, list) else 0)


def test_gaps_stay_gaps_and_the_data_is_valid_json(make_run):
    page = write_report(make_run(log='{"samples_seen": 1, "a": NaN}\n{"samples_seen": 2, "a": 1.0}\n')).read_text()
    assert inside(page)["curves"]["charts"][0]["curves"] == {"a": [None, 1.0]}


def test_a_half_written_picture_is_left_out(make_run):
    run = make_run(snapshots=(0, 64))
    last = run / "samples" / "000000064.png"
    last.write_bytes(last.read_bytes()[:40])
    assert [step["samples_seen"] for step in inside(write_report(run).read_text())["steps"]] == [0]


def test_many_snapshots_are_chosen_evenly(make_run):
    steps = inside(write_report(make_run(snapshots=tuple(range(0, 1000, 10)))).read_text())["steps"]
    assert len(steps) == 40
    assert [steps[0]["samples_seen"], steps[-1]["samples_seen"]] == [0, 990]


def test_names_are_escaped(make_run):
    evil = "</script><script>alert(1)</script>"
    page = write_report(make_run(log=[{"samples_seen": 1, evil: 1.0}], recipe=evil)).read_text()
    assert evil not in page


def test_a_run_from_python_has_no_command(make_run):
    page = write_report(make_run(resumable=False)).read_text()
    assert "zerosum train" not in page
    assert "came from Python" in page


def test_notes_are_told(make_run):
    assert "went back" in write_report(make_run(log=[{"samples_seen": 5, "note": "went back"}])).read_text()


def test_an_older_page_stays_until_the_new_one_is_whole(make_run, monkeypatch):
    run = make_run(log=LOG)
    before = write_report(run).read_bytes()
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(UserError, match="No space left"):
        write_report(run)
    assert (run / "report.html").read_bytes() == before
    assert not list(run.glob("*.tmp"))


def test_large_pictures_are_shrunk(tmp_path):
    noise = Image.effect_noise((2000, 1500), 100)
    noise.save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > LARGE_BYTES
    head, content = data_uri(tmp_path / "large.png").split(",")
    assert head == "data:image/webp;base64"
    assert len(base64.b64decode(content)) < (tmp_path / "large.png").stat().st_size


def probed(first, last, **signals):
    return [{"samples_seen": 100 * n, **{f"signal/{k}": v for k, v in signals.items()}} for n in range(first, last)]


def test_findings_stand_on_top_with_bars_evidence_advice_and_samples(make_run):
    log = [*probed(1, 11, dead=0.0), *probed(11, 21, dead=1.0), *probed(21, 41, dead=0.0)]
    page = write_report(make_run(log=log, snapshots=(0, 1000, 1500, 4000))).read_text()
    section = page[page.index('id="findings"') : page.index('id="samples"')]
    assert re.findall(r'<rect class="(\w+)" x="([\d.]+)" width="([\d.]+)"', section) == [
        ("serious", "30.0", "25.0"),
        ("good", "55.0", "45.0"),
    ]
    assert 'aria-label="dead units: from 1,200 to 2,200; samples seen"' in section
    words = ("bad initial weights", "He 2015", "at 1,500 samples", "nothing serious found")
    for part in ("1,200 – 2,200", "dead 1", *words):
        assert part in section
    assert re.findall(r"<figcaption>([a-z ,]+), <output>at ([\d,]+) samples", section) == [
        ("before", "1,000"),
        ("at its worst", "1,500"),
        ("when it was over", "4,000"),
        ("now", "4,000"),
    ]
    assert section.count('class="limit"') == section.count("<circle") == 1
    assert section.count('class="stretch"') == 1
    assert 'aria-label="dead units: dead over samples seen, with its threshold"' in section


def test_a_run_that_nobody_watched_has_no_findings_to_show(make_run):
    page = write_report(make_run(log=LOG)).read_text()
    assert 'id="findings"' not in page
    assert "Shaded" not in page


def test_a_run_that_was_watched_says_when_it_was_too_little(make_run):
    watched = {"doctor": "watch", "every_samples": 100}
    assert "The doctor looked 1 time:" in write_report(make_run(log=probed(1, 2, dead=0.0), doctor=watched)).read_text()


def test_what_was_wrong_is_shaded_behind_the_curves(make_run):
    log = [*probed(1, 11, dead=0.0), *probed(11, 21, dead=1.0), *probed(21, 41, dead=0.0)]
    page = write_report(make_run(log=log)).read_text()
    curves = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["curves"]
    (band,) = curves["bands"]
    assert (band["begin"], band["end"], band["severity"], band["letter"]) == (1_200, 2_200, "serious", "a")
    assert "Shaded: <b>a</b> dead units." in page


def test_what_was_found_in_data_stands_with_its_evidence_and_the_samples_concerned(make_run):
    run = make_run(log=LOG)
    values = np.random.default_rng(0).integers(0, 256, (60, 16, 16), np.uint8)
    data = open_data(values * (np.arange(60) % 2)[:, None, None].astype(np.uint8), progress=False)
    kinds = {finding.kind for finding in of_data(run, data)}
    assert {"few", "constant", "duplicates"} <= kinds
    section = write_report(run).read_text()
    section = section[section.index('id="findings"') : section.index('id="samples"')]
    assert "one value everywhere" in section
    assert "100% sure" in section
    assert section.count('class="exemplars"') >= 3


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("set", ["before", "after"]),
        ("kept", ["before", "after"]),
        ("ended", ["before", "after"]),
        ("reverted", ["before", "after"]),
        ("back", ["before", "after"]),
        ("stopped", ["before"]),
        ("begin again", ["before"]),
    ],
)
def test_every_act_has_pictures_where_there_are_snapshots(make_run, act, words):
    entry = {"samples_seen": 1_000, "note": f"doctor: {act}", "treatment": {"act": act}}
    around = [{"samples_seen": seen, "d_real": 0.5} for seen in (500, 2_000)]
    run = make_run(log=[around[0], entry, around[1]], snapshots=(0, 1000, 2000))
    page = write_report(run).read_text()
    section = page[page.index('id="treatment"') : page.index('id="samples"')]
    assert re.findall(r"<figcaption>([a-z ]+), <output>at ([\d,]+) samples", section) == list(
        zip(words, ["1,000", "2,000"], strict=False)
    )


def test_an_act_without_a_later_snapshot_has_no_after(make_run):
    entry = {"samples_seen": 1_000, "note": "doctor: set", "treatment": {"act": "set"}}
    page = write_report(make_run(log=[entry], snapshots=(0, 1000))).read_text()
    assert "<figcaption>before, <output>at 1,000 samples" in page
    assert "<figcaption>after" not in page
