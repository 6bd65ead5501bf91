"""Runs side by side: what is compared, what is refused, and what the page shows."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from zerosum.errors import UserError
from zerosum.metrics.records import Network, Range, Record, to_text
from zerosum.runs import evaluations
from zerosum.runs.comparison import charts, comparison, read_off
from zerosum.runs.report import write_report

LOG = [{"samples_seen": 100 * n, "seconds": n, "D/adversarial": 1.0 / n, "learning_rate/D": 0.1} for n in range(1, 6)]


def record(metric: str = "fd[classifier]", value: float = 1.0, better: str = "lower", half: float = 0.1) -> Record:
    return Record(
        metric=metric,
        value=value,
        better=better,
        n_real=100,
        n_generated=100,
        reference={"data": "digits", "split": "held-out", "fingerprint": "abc"},
        generated={"samples_seen": 500},
        seed=0,
        seconds=0.1,
        zerosum="0.1.0",
        interval=Range(low=value - half, high=value + half, level=0.95, by="guess"),
        network=Network(name="classifier", digest="0123456789", preparation="none"),
    )


@pytest.fixture
def two(make_run):
    """Two runs that were evaluated alike."""
    runs = [make_run("a", log=LOG, snapshots=(0, 500)), make_run("b", log=LOG[:3], snapshots=(300,), recipe="wgan")]
    for place, run in enumerate(runs):
        evaluations.store(run, [record(value=1.0 + place), record("recall[classifier]", 0.5, "higher")])
    return runs


def text_of(found) -> str:
    console = Console(width=300, highlight=False)
    with console.capture() as capture:
        console.print(found.table(), soft_wrap=True)
    return capture.get()


def inside(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page).group(1))


def test_the_table_has_figures_intervals_and_options_that_differ(two):
    text = text_of(comparison(two))
    assert re.search(r"fd\[classifier\] ↓ +1 \(0.9 … 1.1\) +2 \(1.9 … 2.1\)", text)
    assert re.search(r"recipe +dcgan +wgan", text)
    assert "seed" not in text


def test_a_run_is_best_only_beyond_all_intervals(two):
    found = comparison(two)
    assert found.best("fd[classifier]") == 0
    assert found.best("recall[classifier]") is None
    evaluations.store(two[1], [record(value=1.15)])
    assert comparison(two).best("fd[classifier]") is None


@pytest.mark.parametrize(("better", "best"), [("lower", 0), ("higher", 1), ("as-real", None)])
def test_which_is_best_depends_on_which_way_is_better(make_run, better, best):
    runs = [make_run(name) for name in "ab"]
    for place, run in enumerate(runs):
        evaluations.store(run, [record(value=float(place), better=better)])
    assert comparison(runs).best("fd[classifier]") == best


def test_the_latest_record_of_a_metric_counts(two):
    evaluations.store(two[0], [record(value=9.0)])
    assert comparison(two).subjects[0].record("fd[classifier]").value == 9.0


def test_the_page_holds_figures_curves_grids_and_options(two, tmp_path):
    Image.new("L", (32, 32), 7).save(two[0] / "samples" / "real.png")
    page = comparison(two).write(tmp_path / "page.html").read_text()
    curves = inside(page)["curves"]
    assert [chart["title"] for chart in curves["charts"]] == ["Adversarial losses: D/adversarial"]
    assert list(curves["charts"][0]["curves"]) == ["a", "b"]
    for part in ("fd[classifier]", "1.9 … 2.1", "after 500 samples seen", "after 300 samples seen", "wgan"):
        assert part in page
    assert len(re.findall(r"<img[^>]*alt=", page)) == 3
    assert 'class="best"' in page


def test_the_page_needs_nothing_from_elsewhere(two, tmp_path):
    page = comparison(two).write(tmp_path / "page.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:") for source in sources)


def test_names_are_escaped(make_run):
    evil = "</script><script>alert(1)</script>"
    runs = [make_run(name, log=[{"samples_seen": 1, evil: 1.0}], recipe=evil) for name in "ab"]
    assert evil not in comparison(runs).render()


def test_runs_without_evaluations_are_compared_all_the_same(make_run):
    runs = [make_run(name, log=LOG, snapshots=(500,)) for name in "ab"]
    found = comparison(runs)
    page = found.render()
    assert "Not evaluated yet: a, b." in page
    assert inside(page)["curves"]["charts"]
    assert "a, b: not evaluated yet" in text_of(found)


def test_records_from_files_stand_beside_runs(two, tmp_path):
    (tmp_path / "others.json").write_text(to_text([record(value=3.0)]))
    found = comparison([*two, tmp_path / "others.json"])
    assert found.names == ["a", "b", "others"]
    assert [r and r.value for r in dict(found.rows())["fd[classifier]"]] == [1.0, 2.0, 3.0]
    assert "others" in found.render()


@pytest.mark.parametrize("metrics", [None, ["fd[classifier]"], ["fd"]])
def test_what_is_not_comparable_is_refused_with_the_reason_and_a_way_out(two, metrics):
    evaluations.store(two[1], [replace(record(), n_generated=50)])
    message = r"fd\[classifier\] of a and of b .*generated samples: 100 and 50.*--metrics recall\[classifier\]"
    with pytest.raises(UserError, match=message):
        comparison(two, metrics)
    assert comparison(two, ["recall"]).metrics == ("recall[classifier]",)


def test_one_metric_on_other_features_is_two_metrics(two):
    other = Network(name="inception", digest="9", preparation="none")
    evaluations.store(two[1], [replace(record("fd[inception]"), network=other)])
    rows = dict(comparison(two).rows())
    assert [r is None for r in rows["fd[inception]"]] == [True, False]


def test_mistakes_are_told(two, tmp_path):
    (tmp_path / "no.json").write_text("no")
    mistakes = {
        "Two or more are needed": [two[0]],
        "The same is given twice": [two[0], two[0]],
        "There is no run": [two[0], tmp_path / "nothing"],
        "cannot be read": [two[0], tmp_path / "nothing.json"],
        "no JSON": [two[0], tmp_path / "no.json"],
    }
    for message, subjects in mistakes.items():
        with pytest.raises(UserError, match=message):
            comparison(subjects)
    with pytest.raises(UserError, match=r"no record of 'recal\[classifier\]'|None of them has a record of 'recall\['"):
        comparison(two, ["recall["])


def test_runs_of_one_name_are_told_apart(make_run, tmp_path):
    first = make_run("a")
    other = tmp_path / "elsewhere" / "a"
    other.parent.mkdir()
    first.rename(other)
    assert comparison([make_run("a"), other]).names == [str(tmp_path / "runs" / "a"), str(other)]


def test_settings_are_shown_only_where_they_change():
    changing = [line | {"learning_rate/D": 0.1 * n} for n, line in enumerate(LOG)]
    titles = [chart.title for chart in charts({"a": LOG, "b": changing})[1]]
    assert any("learning_rate" in title for title in titles)
    assert not any("learning_rate" in chart.title for chart in charts({"a": LOG, "b": LOG})[1])


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(-1e3, 1e3) | st.none()), min_size=1, max_size=12))
def test_a_curve_is_read_off_exactly_at_its_own_points(steps):
    xs, values, x = [], [], 0
    for step, value in steps:
        x += step
        xs.append(float(x))
        values.append(value)
    assert read_off(xs, values, xs) == values
    assert read_off(xs, values, [xs[0] - 1, xs[-1] + 1]) == [None, None]
    middles = [(a + b) / 2 for a, b in pairwise(xs)]
    for found, a, b in zip(read_off(xs, values, middles), values, values[1:], strict=False):
        if a is None or b is None:
            assert found is None
        else:
            assert found == pytest.approx((a + b) / 2, abs=1e-9)


def test_the_report_shows_the_latest_records_with_warnings_and_pictures(make_run):
    run = make_run(log=LOG)
    shown = replace(record(value=0.125), warnings=("few <samples>",), images={"closest pairs": Image.new("L", (8, 8))})
    evaluations.store(run, [record(value=7.5), shown])
    page = write_report(run).read_text()
    assert "0.125" in page
    assert "7.5" not in re.sub(r"<style>.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
    assert "few &lt;samples&gt;" in page
    assert "fd[classifier]: closest pairs" in page
    assert (run / "evaluations" / "000000500-fd-classifier-closest-pairs.png").is_file()


def test_a_line_that_was_cut_short_or_is_of_another_format_is_left_out(make_run):
    run = make_run()
    evaluations.store(run, [record()])
    with (run / evaluations.NAME).open("a") as file:
        file.write('{"format": 99, "metric": "fd"}\n{"format": 1, "metr')
    assert [r.metric for r in evaluations.read(run)] == ["fd[classifier]"]
    assert comparison([run, make_run("b")]).metrics == ("fd[classifier]",)
