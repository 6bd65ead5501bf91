"""Evaluation while training: the pace, the best, patience, and that nothing else changes."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import zerosum
from zerosum import recipes
from zerosum.data import open_data
from zerosum.draw import Draw
from zerosum.games import Game
from zerosum.metrics import observer
from zerosum.metrics.observer import SECONDS, Asked, Evaluating, affordable, best_of, read, sparser, wishes
from zerosum.recipes.options import build
from zerosum.runs.judging import Wishes, settle
from zerosum.training.observers import KeepAsBest, Report, State, Stop

ASKED = Asked(metrics=("kid", "fd"), best="kid", better="lower", every_samples=100)
FINITE = st.floats(-1e6, 1e6)
HOW = {"evaluate_n": 20, "evaluate_every_samples": 16}


class Clock:
    """Time that passes when somebody works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeJudge:
    """Takes `fixed + n · each` seconds, and gives figures that were prepared."""

    def __init__(self, clock: Clock, *, figures=(), need=0.0, fixed=0.1, each=0.0001, most=2_000) -> None:
        self.clock, self.figures, self.need, self.fixed, self.each, self.most = (
            clock,
            list(figures),
            need,
            fixed,
            each,
            most,
        )
        self.judged: list[int] = []
        self.prepared = 0

    def preparation_seconds(self) -> float:
        return self.need

    def prepare(self) -> dict[str, Any]:
        self.prepared += 1
        self.clock.now += self.need
        return {"n_real": 7}

    def __call__(self, state: State, n: int) -> dict[str, float]:
        self.judged.append(n)
        self.clock.now += self.fixed + n * self.each
        figure = self.figures[(state.samples_seen // 100 - 1) % len(self.figures)] if self.figures else 1.0
        if isinstance(figure, Exception):
            raise figure
        return {"kid[classifier]": figure, "fd[classifier]": 2.0}


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(observer.time, "monotonic", made)
    return made


def state(samples_seen: int, *, length: int = 1_000, seconds: float | None = None) -> State:
    """A moment of a training that takes `seconds` in all."""
    values = {} if seconds is None else {"samples_seen": samples_seen, "seconds": seconds * samples_seen / length}
    game = Game({}, (), {"sample": None})  # type: ignore[dict-item]
    return State(samples_seen, length, values, game, None, lambda name: {}, None, Draw(0))  # type: ignore[arg-type]


def played(look: Evaluating, run: Path, *, seconds: float = 1_000.0, length: int = 1_000, begin: int = 0) -> list[Any]:
    """Call an observer as the engine does, every ten samples, and keep the log; what it reported, by samples seen."""
    told: dict[int, Report] = {}
    for seen in range(begin + 10, length + 1, 10):
        every = look.every_samples
        if seen // every > (seen - 10) // every or seen == length:
            told[seen] = look(state(seen, length=length, seconds=seconds))
            with (run / "log.jsonl").open("a") as file:
                values = {k: v if math.isfinite(v) else None for k, v in told[seen].values.items()}
                file.write(json.dumps({"samples_seen": seen, **values}) + "\n")
            if any(isinstance(request, Stop) for request in told[seen].requests):
                break
    return list(told.items())


def make(asked: Asked, judge: FakeJudge, run: Path, length: int = 1_000, **how: Any) -> Evaluating:
    return Evaluating(asked, judge, run, length_samples=length, **how)


# --- pace ---


@pytest.mark.parametrize("seconds", [60.0, 200.0, 1_000.0, 10_000.0])
@pytest.mark.parametrize(("fixed", "each"), [(0.01, 0.0), (0.1, 0.0001), (0.2, 0.001), (1.5, 0.0)])
@pytest.mark.parametrize("need", [0.0, 5.0])
def test_all_that_evaluation_takes_stays_within_the_share(clock, tmp_path, seconds, fixed, each, need):
    judge = FakeJudge(clock, fixed=fixed, each=each, need=need)
    begin = clock.now
    told = played(make(ASKED, judge, tmp_path), tmp_path, seconds=seconds)
    trial = 3 * fixed + 2_000 * each
    spare = fixed + 500 * each  # where nothing fits any more, the end is evaluated nevertheless
    assert clock.now - begin <= max(0.05 * seconds, need + trial) + spare + 1e-6
    pace = read(tmp_path, ASKED, 1_000)
    assert pace is not None
    assert pace.every_samples % 100 == 0
    if pace.n is None:
        assert all(report == Report() for _, report in told)
        assert not judge.judged
    else:
        assert told[-1][0] == 1_000
        assert told[-1][1].values["metric/fd[classifier]"] == 2.0


def test_with_time_enough_all_samples_are_judged_at_every_moment(clock, tmp_path):
    judge = FakeJudge(clock)
    told = played(make(ASKED, judge, tmp_path), tmp_path, seconds=10_000.0)
    assert [seen for seen, report in told if report.values] == list(range(100, 1_001, 100))
    assert judge.judged[3:] == [2_000] * 10


def test_a_short_training_is_left_alone_and_told_why(clock, tmp_path):
    said: list[str] = []
    judge = FakeJudge(clock)
    played(make(ASKED, judge, tmp_path, tell=said.append), tmp_path, seconds=10.0)
    assert not judge.judged
    assert not judge.prepared
    assert len(said) == 1
    assert "zerosum evaluate" in said[0]


def test_what_was_asked_for_by_name_is_evaluated_at_the_end_at_least(clock, tmp_path):
    judge = FakeJudge(clock, need=50.0)
    told = played(make(replace(ASKED, optional=False), judge, tmp_path), tmp_path, seconds=10.0)
    assert [seen for seen, report in told if report.values] == [1_000]


def test_preparation_that_is_too_dear_is_not_begun(clock, tmp_path):
    judge = FakeJudge(clock, need=6.0)
    played(make(ASKED, judge, tmp_path), tmp_path, seconds=100.0)
    assert not judge.prepared


def test_a_longer_training_is_thought_over_only_where_time_was_too_short(clock, tmp_path):
    played(make(ASKED, FakeJudge(clock), tmp_path), tmp_path, seconds=10.0)
    assert make(ASKED, FakeJudge(clock), tmp_path).pace is not None
    assert make(ASKED, FakeJudge(clock), tmp_path, length=2_000).pace is None
    settled = tmp_path / "settled"
    settled.mkdir()
    played(make(ASKED, FakeJudge(clock), settled), settled)
    assert make(ASKED, FakeJudge(clock), settled, length=2_000).pace == read(settled, ASKED, 1_000)


@pytest.mark.parametrize("changes", [{"n": 700}, {"share": 0.1}, {"every_samples": 50}, {"metrics": ("kid",)}])
def test_a_pace_for_something_else_is_not_taken(clock, tmp_path, changes):
    played(make(ASKED, FakeJudge(clock), tmp_path), tmp_path)
    assert read(tmp_path, replace(ASKED, **changes), 1_000) is None
    assert read(tmp_path, replace(ASKED, patience=3), 1_000) is not None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', '{"format": 1, "asked": '])
def test_a_damaged_record_of_the_pace_counts_as_none(tmp_path, text):
    (tmp_path / "evaluation.json").write_text(text)
    assert read(tmp_path, ASKED, 1_000) is None


def test_the_pace_is_read_again_and_costs_no_trial(clock, tmp_path):
    judge = FakeJudge(clock, fixed=1.0)
    whole = played(make(ASKED, judge, tmp_path), tmp_path, seconds=300.0)
    again = FakeJudge(clock, fixed=70.0)
    (tmp_path / "log.jsonl").unlink()
    resumed = played(make(ASKED, again, tmp_path), tmp_path, seconds=1.0)
    assert [seen for seen, report in resumed if report.values] == [seen for seen, report in whole if report.values]
    assert set(again.judged) == {read(tmp_path, ASKED, 1_000).n}


def test_nothing_is_decided_by_the_clock_when_both_are_given(clock, tmp_path):
    asked = replace(ASKED, n=50, by_clock=False)
    judge = FakeJudge(clock, fixed=1_000.0, need=1_000.0)
    told = played(make(asked, judge, tmp_path), tmp_path, seconds=1.0)
    assert judge.judged == [50] * 10
    assert len(told) == 10


def test_other_processes_do_as_the_first_one(clock, tmp_path):
    """Only the first one judges; what it found is spread."""
    sent: list[Any] = []

    def spread(found: Any) -> Any:
        sent.append(found)
        return found

    first = make(ASKED, FakeJudge(clock), tmp_path, spread=spread)
    report = first(state(100, seconds=1_000.0))
    received = iter(sent)
    idle = FakeJudge(clock)
    other = make(ASKED, idle, tmp_path, first=False, spread=lambda found: next(received))
    assert other(state(100, seconds=1_000.0)) == report
    assert other.pace == first.pace
    assert not idle.judged


def test_samples_that_cannot_be_judged_do_not_end_the_training(clock, tmp_path):
    said: list[str] = []
    judge = FakeJudge(clock, figures=[1.0, zerosum.UserError("not finite numbers"), 3.0])
    asked = replace(ASKED, n=50, by_clock=False)
    told = dict(played(make(asked, judge, tmp_path, tell=said.append), tmp_path))
    assert told[200] == Report()
    assert told[300].values["metric/kid[classifier]"] == 3.0
    assert said
    assert "not finite numbers" in said[0]


class Unready(FakeJudge):
    """Cannot get ready; `at` says when that shows."""

    def __init__(self, clock: Clock, at: str) -> None:
        super().__init__(clock)
        self.at, self.tries = at, 0

    def preparation_seconds(self) -> float:
        return self._begun("preparation_seconds") or super().preparation_seconds()

    def prepare(self) -> dict[str, Any]:
        self._begun("prepare")
        return super().prepare()

    def _begun(self, what: str) -> None:
        if what == self.at:
            self.tries += 1
            raise zerosum.UserError("The pictures are gone.")


@pytest.mark.parametrize(
    ("at", "changes"),
    [
        ("preparation_seconds", {}),
        ("preparation_seconds", {"optional": False}),
        ("prepare", {}),
        ("prepare", {"optional": False}),
        ("prepare", {"n": 50, "by_clock": False}),
    ],
)
def test_a_judge_that_cannot_get_ready_is_told_of_once(clock, tmp_path, at, changes):
    """In a resumed training neither, unless it is to go on for longer."""
    asked, said = replace(ASKED, **changes), []
    judge = Unready(clock, at)
    told = played(make(asked, judge, tmp_path, tell=said.append), tmp_path)
    assert len(told) == 10
    assert all(report == Report() for _, report in told)
    assert judge.tries == 1
    assert not judge.judged
    assert said == ["Samples are not evaluated on the way: The pictures are gone. See zerosum evaluate."]
    resumed = make(asked, judge, tmp_path, tell=said.append)
    assert resumed.pace is not None
    assert resumed.pace.why == "The pictures are gone"
    played(resumed, tmp_path)
    assert (judge.tries, len(said)) == (1, 1)
    longer = make(asked, FakeJudge(clock), tmp_path, length=2_000)
    assert [seen for seen, report in played(longer, tmp_path, length=2_000, begin=1_000) if report.values]


def test_samples_of_a_trial_that_cannot_be_judged_say_nothing_of_later_ones(clock, tmp_path):
    judge = FakeJudge(clock, figures=[zerosum.UserError("not finite numbers"), *[1.0] * 9])
    told = played(make(ASKED, judge, tmp_path), tmp_path, seconds=10_000.0)
    assert [seen for seen, report in told if report.values] == list(range(200, 1_001, 100))


@given(st.floats(0, 1e3), st.floats(0.001, 100), st.floats(0, 0.1), st.integers(0, 8))
def test_as_many_samples_as_fit(seconds, once, slope, times):
    most = 500 + 250 * times
    n = affordable(seconds, once, slope, 500, most)
    assert 500 <= n <= most
    if n > 500:
        assert once + slope * (n - 500) <= seconds * (1 + 1e-9)


@given(st.floats(-10, 100), st.integers(1, 50), st.floats(0.01, 50))
def test_a_sparser_cadence_fits(left, times, each):
    multiple = sparser(left, times, each)
    assert multiple >= 1
    if left >= each:
        assert times / multiple * each <= left * (1 + 1e-9)
    else:
        assert multiple > times


# --- best, patience ---


@given(st.lists(FINITE | st.just(math.nan), min_size=1, max_size=30), st.sampled_from(["lower", "higher"]))
def test_the_best_is_the_first_of_the_best_finite_figures(course, better):
    place, there = best_of(course, better), [value for value in course if not math.isnan(value)]
    if not there:
        assert place is None
    else:
        extreme = min(there) if better == "lower" else max(there)
        assert place == course.index(extreme)


@given(st.lists(FINITE, min_size=1, max_size=20), st.integers(1, 5))
def test_patience_counts_evaluations_since_the_best(course, patience):
    asked, stopped = replace(ASKED, patience=patience), None
    for length in range(1, len(course) + 1):
        requests = wishes(course[:length], asked)
        newest = course[length - 1]
        better = all(newest < value for value in course[: length - 1])
        assert (KeepAsBest() in requests) == better
        if stopped is None and any(isinstance(request, Stop) for request in requests):
            stopped = length - 1 - course[:length].index(min(course[:length]))
    assert stopped in (None, patience)


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_the_best_is_kept_and_the_training_stopped(clock, tmp_path, better):
    figures = [5.0, 3.0, math.nan, 4.0, 3.0, 9.0]
    if better == "higher":
        figures = [-value for value in figures]
    asked = replace(ASKED, better=better, patience=3, n=50, by_clock=False)
    told = played(make(asked, FakeJudge(clock, figures=figures), tmp_path), tmp_path)
    assert [seen for seen, report in told if KeepAsBest() in report.requests] == [100, 200]
    assert told[-1][0] == 500
    assert told[-1][1].requests == (Stop("kid has not become better in 3 evaluations"),)


def test_what_was_best_is_read_from_the_log_up_to_the_present(clock, tmp_path):
    """A resumed training, and one that went back, know nothing of what was cut off."""
    asked = replace(ASKED, n=50, by_clock=False)
    log = [{"samples_seen": 50, "metric/kid[classifier]": 2.0}, {"samples_seen": 100, "metric/kid[classifier]": 0.0}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    look = make(asked, FakeJudge(clock, figures=[1.0]), tmp_path)
    assert look(state(100)).requests == (KeepAsBest(),)
    assert look(state(200)).requests == ()


# --- in a training ---


@pytest.fixture(scope="module")
def train(tiny, tmp_path_factory):
    def run(recipe: str, name: str, **changes: Any) -> zerosum.Run:
        return zerosum.train(**tiny(recipe, **changes), out=tmp_path_factory.mktemp("runs") / name)

    return run


def measured(run: zerosum.Run) -> list[dict[str, Any]]:
    return [line for line in run.log if any(name.startswith("metric/") for name in line)]


@pytest.mark.parametrize("recipe", ["dcgan", "r3gan"])
def test_evaluation_changes_nothing_of_the_training(train, content, recipe):
    """Weights, pictures and figures are bit for bit those of a training without it; nor does it touch global state."""
    before = torch.get_num_threads(), torch.get_default_dtype(), torch.random.get_rng_state(), random.getstate()
    plain = content(train(recipe, "plain").path)
    run = train(recipe, "judged", evaluate="auto", **HOW)
    judged = content(run.path)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == before[:2]
    assert torch.equal(torch.random.get_rng_state(), before[2])
    assert random.getstate() == before[3]
    assert [line["samples_seen"] for line in measured(run)] == [16, 32, 48]
    assert all(line[SECONDS] >= 0 for line in measured(run))
    assert [{name: line[name] for name in line if not name.startswith("metric/")} for line in judged["log"]] == plain[
        "log"
    ]
    files = [name for name in plain if name in judged and name.endswith((".safetensors", ".png"))]
    assert {"checkpoints/000000048/model.safetensors", "samples/000000048.png"} < set(files)
    assert [name for name in files if judged[name] != plain[name]] == []


def test_the_figures_are_those_of_evaluate(train):
    """The same samples, reference and feature network: what is measured on the way can be checked later."""
    run = train("cgan", "run", evaluate="kid,precision,accuracy", seed=3, evaluate_n=40, evaluate_every_samples=24)
    records = zerosum.evaluate(
        run, metrics=["kid", "precision", "accuracy"], n=40, seed=3, device="cpu", confidence=False, progress=False
    )
    assert {f"metric/{record.metric}": record.value for record in records} == {
        name: value for name, value in measured(run)[-1].items() if name.startswith("metric/")
    }
    asked = json.loads((run.path / "evaluation.json").read_text())["pace"]["conditions"]
    assert asked["network"]["digest"] == records[0].network.digest
    assert asked["reference"] == dict(records[0].reference)


@pytest.mark.parametrize("cut", [16, 32])
def test_a_resumed_training_measures_what_an_uninterrupted_one_measures(train, content, stop_at, cut):
    how = {"evaluate": "coverage,hq", "length_samples": 64} | HOW
    whole = train("gan", "whole", **how)
    run = train("gan", "cut", **how, observers=[stop_at(cut)])
    resumed = zerosum.resume(run, progress=False)
    ours, theirs = content(resumed.path), content(whole.path)
    assert [line for line in ours["log"] if "note" not in line] == theirs["log"]
    assert len(measured(resumed)) == 4
    assert resumed.plan["evaluation"] == whole.plan["evaluation"]
    bests = [
        json.loads((max((r.path / "checkpoints").iterdir()) / "state.json").read_text())["best"]
        for r in (resumed, whole)
    ]
    assert bests[0] == bests[1] is not None


def test_the_best_checkpoint_can_be_sampled_and_evaluated(train, capsys):
    run = train("gan", "run", evaluate="coverage", length_samples=64, evaluate_n=20, evaluate_every_samples=16)
    course = [(line["metric/coverage[raw]"], -line["samples_seen"]) for line in measured(run)]
    best = int(-max(course)[1])
    assert f"{best:09d}" in {path.name for path in (run.path / "checkpoints").iterdir()}
    assert torch.equal(run.sample(4, checkpoint="best"), run.sample(4, checkpoint=best))
    records = zerosum.evaluate(run, metrics=["coverage"], n=20, checkpoint="best", device="cpu", progress=False)
    assert records[0].value == max(course)[0]


def test_patience_ends_a_training_and_can_be_given_up(train):
    """All figures of `modes` are alike at the start, so that the first stays the best."""
    how = {"evaluate": "modes", "patience": 2, "length_samples": 96, "lr": 1e-9} | HOW
    run = train("gan", "run", **how)
    assert run.log[-1]["samples_seen"] == 48
    assert "modes has not become better in 2 evaluations" in (run.path / "log.jsonl").read_text()
    resumed = zerosum.resume(run, patience=None, progress=False)
    assert resumed.log[-1]["samples_seen"] == 96
    assert resumed.plan["evaluation"]["patience"] is None


def test_a_short_training_is_not_evaluated_unless_asked(train):
    run = train("gan", "run", evaluate="auto")
    assert not measured(run)
    assert json.loads((run.path / "evaluation.json").read_text())["pace"]["n"] is None
    assert measured(train("gan", "named", evaluate="coverage"))[-1]["samples_seen"] == 48


def test_translation_is_evaluated_with_as_many_samples_as_there_are(train):
    run = train("cyclegan", "run", evaluate="kid", length_samples=16, evaluate_n=20, evaluate_every_samples=16)
    assert [name for name in measured(run)[0] if name.startswith("metric/")] == ["metric/kid[self-supervised]"]


@pytest.mark.parametrize(
    ("recipe", "given", "message"),
    [
        ("dcgan", {"evaluate": "kidd"}, "Unknown metric 'kidd'. Did you mean 'kid'?"),
        ("dcgan", {"evaluate": "fid"}, "Unknown metric 'fid'. Did you mean 'fd'?"),
        ("dcgan", {"evaluate": "kid[inception]"}, "the features are 'classifier'"),
        ("cyclegan", {"evaluate": "kid[classifier]"}, "the features are 'self-supervised'"),
        ("dcgan", {"evaluate": "kid", "best": "mode"}, "Unknown metric 'mode'. Did you mean 'modes'?"),
        ("dcgan", {"evaluate": "modes"}, "modes cannot be had: the modes of the reference are not known"),
        ("dcgan", {"evaluate": "accuracy"}, "accuracy cannot be had"),
        ("dcgan", {"best": "ms_ssim"}, "ms_ssim has no best"),
        ("gan", {"best": "score"}, "score cannot be had"),
        ("gan", {"evaluate": "memorisation"}, "memorisation cannot be had"),
        ("gan", {"patience": 0}, "patience is 0; it must be at least 1"),
        ("gan", {"evaluate_n": 1}, "evaluate_n is 1; it must be at least 2"),
        ("gan", {"evaluate_every_samples": 0}, "evaluate_every_samples is 0"),
        ("gan", {"evaluate_share": 0.0}, "evaluate_share is 0"),
        ("gan", {"evaluate": "off", "patience": 2}, "nothing to be patient for"),
        ("cyclegan", {"evaluate_n": 10**6}, "n is 1000000"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tiny, tmp_path, recipe, given, message):
    with pytest.raises(zerosum.UserError) as refusal:
        zerosum.train(**tiny(recipe, **{"evaluate": "auto", **given}), out=tmp_path / "run")
    assert message in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_the_best_is_measured_too_though_it_was_not_named(train):
    run = train("gan", "run", evaluate="hq", best="coverage", **HOW)
    assert {"metric/hq", "metric/coverage[raw]"} <= set(measured(run)[0])
    assert run.plan["evaluation"]["settled"] == {"metrics": ["hq", "coverage"], "best": "coverage"}


@pytest.mark.parametrize(("data", "first"), [("digits", "kid"), ("ring", "coverage"), ("swissroll", "coverage")])
def test_every_kind_of_data_has_a_usual_choice(data, first):
    opened = open_data(data, progress=False)
    recipe = "dcgan" if data == "digits" else "gan"
    plan = build(recipes.recipe(recipe), opened.space, {})
    asked = settle(Wishes(), opened, plan.game, every_samples=10)
    assert asked is not None
    assert asked.best == asked.metrics[0] == first
    assert ("hq" in asked.metrics) == (data == "ring")


def test_few_held_out_samples_are_not_evaluated_against_unless_asked(tmp_path, tiny):
    pictures = Draw("pictures").integers(256, 40, 16, 16).numpy().astype("uint8")
    how = tiny("dcgan", data=pictures, evaluate="auto") | HOW
    assert zerosum.train(**how, out=tmp_path / "run").plan["evaluation"]["settled"] is None
    with pytest.raises(zerosum.UserError, match="only 8 samples are held out"):
        zerosum.train(**how | {"patience": 2}, out=tmp_path / "other")
