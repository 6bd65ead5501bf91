"""One evaluation: what is asked, what is refused, what a record says, and what a limit of time does."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics import budget, registry
from zerosum.metrics.core import Finding, Metric, Modes, Question
from zerosum.metrics.evaluation import evaluate
from zerosum.metrics.intervals import Interval
from zerosum.metrics.networks import NETWORKS, Raw, own
from zerosum.metrics.references import References
from zerosum.metrics.statistics import FeatureNetwork, Look, Shown, Statistics, look
from zerosum.spaces import Images, Points, Space

MODES = Modes(torch.tensor([[0.0, 0.0], [4.0, 0.0]]), std=0.5)


def shown(values: Tensor, *, labels: Tensor | None = None, space: Space | None = None, chunk: int = 50) -> Shown:
    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        for start in range(0, len(values), chunk):
            part = slice(start, start + chunk)
            yield values[part], None if labels is None else labels[part]

    return Shown(space or Points((2,)), len(values), chunks, {"data": "test", "split": "held-out"})


def points(n: int = 200, key: int = 0) -> Tensor:
    draw = Draw("points", key)
    return MODES.centres[draw.integers(2, n)] + 0.5 * draw.normal(n, 2)


def pictures(n: int = 60, shape: tuple[int, ...] = (1, 16, 16), key: int = 0) -> Shown:
    return shown(Draw("pictures", key).integers(256, n, *shape).to(torch.uint8), space=Images(shape))


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    """Evaluates points against points, or what is given instead."""
    left_out: list[str] = []

    def asked(generated: Shown | None = None, real: Shown | None = None, **how: Any) -> Any:
        how = {"network": Raw(), "references": References(tmp_path), "note": left_out.append} | how
        return evaluate(generated or shown(points(key=1)), real or shown(points()), **how)

    asked.left_out = left_out  # type: ignore[attr-defined]
    return asked


def toy(name: str, seconds: float = 0.0, **how: Any) -> Metric:
    """A metric that takes its time, for each thousand samples, and answers with a number of its own draw."""

    def compute(question: Question) -> Mapping[str, Finding]:
        time.sleep(seconds * question.real.n / 1_000)
        value = question.draw.uniform(1).item()
        return {name: Finding(value, Interval(value - 1, value + 1, "guess"), {"k": 3}, {"a": [1]}, ("be careful",))}

    return Metric({name: "lower"}, f"a toy called {name}", "nobody", compute, **how)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replaces all metrics by others."""

    def install(*metrics: Metric) -> None:
        monkeypatch.setattr(registry, "metrics", lambda: metrics)
        monkeypatch.setattr(registry, "results", lambda: {name: m for m in metrics for name in m.results})

    return install


def test_all_that_can_be_had_of_points_is_measured(ask: Any) -> None:
    names = {record.metric for record in ask(modes=MODES)}
    assert {"fd[raw]", "kid[raw]", "precision[raw]", "modes", "hq"} <= names
    assert not names & {"ms_ssim", "sharpness", "accuracy", "path_length[raw]", "memorisation[raw]"}
    assert "modes" not in {record.metric for record in ask()}


def test_records_come_in_the_order_of_the_list(ask: Any) -> None:
    found = [record.metric.partition("[")[0] for record in ask(metrics=["hq", "kid", "modes", "fd"], modes=MODES)]
    assert found == ["fd", "kid", "modes", "hq"]


def test_a_record_says_all(ask: Any, toys: Any) -> None:
    toys(toy("toy"))
    (record,) = ask(seed=5)
    assert (record.metric, record.better, record.n_real, record.n_generated) == ("toy[raw]", "lower", 200, 200)
    assert (record.network.name, record.network.digest) == ("raw", Raw().digest)
    assert record.reference["data"] == "test"
    assert record.reference["fingerprint"] != record.generated["fingerprint"]
    assert (record.interval.low, record.interval.level) == (record.value - 1, 0.95)
    assert (record.settings, record.details, record.warnings) == ({"k": 3}, {"a": [1]}, ("be careful",))
    assert record.seed == 5


def test_a_figure_depends_on_the_seed_and_not_on_what_else_is_asked(ask: Any, toys: Any) -> None:
    toys(toy("a"), toy("b"))
    together = {record.metric: record.value for record in ask(seed=1)}
    alone = ask(seed=1, metrics=["b"])[0]
    assert together["b[raw]"] == alone.value != together["a[raw]"]
    assert ask(seed=2, metrics=["b"])[0].value != alone.value


def test_only_featured_metrics_carry_the_network(ask: Any, toys: Any) -> None:
    toys(toy("with"), toy("without", needs=frozenset({"points"})))
    assert [(record.metric, record.network is None) for record in ask()] == [("with[raw]", False), ("without", True)]


class Standing(Raw):
    """As if it had the standard weights of Inception."""

    name = "inception"
    standard = True

    def __call__(self, shown: Tensor) -> Look:
        features = super().__call__(shown).features
        return Look(features, features)


@pytest.mark.parametrize(
    ("network", "names"),
    [(Standing(), ["is", "fid", "kid"]), (own(torch.nn.Flatten(), "mine"), ["fd[mine]", "kid[mine]"])],
)
def test_plain_names_are_for_the_standard_weights_alone(ask: Any, network: FeatureNetwork, names: list[str]) -> None:
    found = ask(network=network)
    assert [record.metric for record in found[: len(names)]] == names
    assert not any(record.metric in ("fid", "is", "kid") for record in found[len(names) :])
    assert [record.metric for record in ask(network=network, metrics=names)] == names


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["kidd"], "Unknown metric 'kidd'. Did you mean 'kid'"),
        (["fid"], "fid needs the standard Inception weights.*https://.*ask for fd"),
        (["is"], "is needs the standard Inception weights.*ask for score"),
        (["fd[inception]"], r"it is 'fd\[raw\]'"),
        (["score"], "score cannot be had: the feature network gives no scores of classes"),
        (["accuracy"], "accuracy cannot be had: "),
        (["ms_ssim"], "ms_ssim cannot be had: the samples are no images"),
        (["modes"], "modes cannot be had: the modes of the reference are not known"),
        (["memorisation"], "memorisation cannot be had: it is not known what the generator was trained on"),
        (["path_length"], "path_length cannot be had: it needs a run"),
    ],
)
def test_what_was_asked_for_and_cannot_be_had_is_an_error(ask: Any, metrics: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask(metrics=metrics)


@pytest.mark.parametrize(
    ("generated", "real", "message"),
    [
        (pictures(shape=(1, 16, 16)), pictures(shape=(1, 32, 16)), "images of 1 channel, 16x16, the reference images"),
        (pictures(shape=(3, 16, 16)), pictures(), "images of 3 channels, 16x16, the reference images of 1 channel"),
        (shown(points()), pictures(), r"points of shape \(2,\), the reference images"),
    ],
)
def test_samples_of_other_form_are_refused_naming_both(ask: Any, generated: Shown, real: Shown, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask(generated, real)


def test_too_few_samples_are_refused(ask: Any) -> None:
    with pytest.raises(UserError, match=r"Too few samples: .* needs at least .* 1 generated and 200 real"):
        ask(shown(points(1)))
    with pytest.raises(UserError, match="Too few samples: support needs at least"):
        ask(shown(points(5)), metrics=["support"])


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_with_few_samples_nothing_crashes_and_something_is_said(ask: Any, n: int) -> None:
    found = ask(shown(points(n, key=1)), shown(points(n)), modes=MODES)
    assert found
    assert ask.left_out
    assert any(record.warnings for record in found)


def test_features_that_are_not_finite_are_refused(ask: Any) -> None:
    bad = points(100, key=1)
    bad[3:5] = torch.nan
    with pytest.raises(UserError, match=r"2 of 100 samples have features .*'raw'.* not finite"):
        ask(shown(bad))


def test_a_mistake_of_one_metric_leaves_out_that_one(ask: Any, toys: Any) -> None:
    def fail(question: Question) -> Mapping[str, Finding]:
        raise UserError("this does not do")

    toys(toy("good"), replace(toy("bad"), compute=fail))
    assert [record.metric for record in ask()] == ["good[raw]"]
    assert ask.left_out == ["Left out: bad: this does not do"]
    with pytest.raises(UserError, match="this does not do"):
        ask(metrics=["bad"])


def test_pictures_are_measured_too(ask: Any) -> None:
    names = {record.metric for record in ask(pictures(key=1), pictures(), train=pictures(key=2))}
    assert {"ms_ssim", "sharpness", "spectrum", "memorisation[raw]"} <= names


def test_training_samples_are_looked_at_only_where_needed(ask: Any, toys: Any) -> None:
    looked = []
    train = replace(shown(points()), chunks=lambda: looked.append(1) or iter(shown(points()).chunks()))
    toys(toy("toy"))
    ask(train=train)
    assert not looked
    toys(toy("toy", needs=frozenset({"features", "train"})))
    ask(train=train)
    assert looked


class Clock:
    """Time that passes only when something takes it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made.monotonic)
    monkeypatch.setattr(time, "sleep", made.sleep)
    return made


def slowly(samples: Shown, seconds: float) -> Shown:
    """Each chunk takes so long."""

    def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
        for chunk in samples.chunks():
            time.sleep(seconds)
            yield chunk

    return replace(samples, chunks=chunks)


def test_within_a_limit_of_time_fewer_samples_are_looked_at(ask: Any, toys: Any, clock: Clock) -> None:
    toys(toy("toy"))
    (record,) = ask(slowly(shown(points(5_000, key=1)), 1.0), time_limit=20.0)
    assert record.n_generated == 500  # ten chunks in half of the time
    assert record.n_real == 200
    assert "500 of 5,000 generated samples" in record.warnings[0]
    assert ask(shown(points(5_000, key=1)))[0].n_generated == 5_000


def test_the_fewest_samples_are_two_chunks(ask: Any, toys: Any, clock: Clock) -> None:
    toys(toy("toy"))
    assert ask(slowly(shown(points(500, key=1)), 1.0), time_limit=3.0)[0].n_generated == 100


def test_metrics_that_do_not_fit_are_left_out_the_cheapest_coming_first(ask: Any, toys: Any, clock: Clock) -> None:
    toys(toy("slow", 2.0), toy("quick", 0.1), toy("middling", 0.5))
    big = shown(points(10_000), chunk=10_000)
    found = ask(big, big, time_limit=20.0)
    assert [record.metric for record in found] == ["quick[raw]", "middling[raw]"]
    assert len(ask.left_out) == 1
    assert ask.left_out[0].startswith("Left out: slow: it may take 20 s")


def test_what_does_not_grow_is_not_multiplied(clock: Clock) -> None:
    def compute(question: Question) -> Mapping[str, Finding]:
        time.sleep(3.0)
        return {"toy": Finding(1.0)}

    side = statistics_of(10_000)
    metric = replace(toy("toy"), compute=compute)
    assert budget.cost(metric, Question(side, side, Draw(0), lambda shown: shown)) == pytest.approx(3.0)


def test_where_nothing_fits_that_is_an_error(ask: Any, toys: Any, clock: Clock) -> None:
    toys(toy("slow", 100.0))
    big = shown(points(10_000), chunk=10_000)
    with pytest.raises(UserError, match="Nothing was measured"):
        ask(big, big, time_limit=20.0)


def test_pairwise_metrics_are_expected_to_take_longer() -> None:
    assert {registry.growth(registry.results()[name]) for name in ("precision", "memorisation")} == {2}
    assert {registry.growth(registry.results()[name]) for name in ("kid", "sharpness")} == {1}


def test_a_trial_sees_few_samples() -> None:
    seen = []

    def compute(question: Question) -> Mapping[str, Finding]:
        seen.append((question.real.n, question.generated.n, len(question.generated.kept)))
        return {"toy": Finding(1.0)}

    side = statistics_of(10_000)
    question = Question(side, side, Draw(0), lambda shown: shown)
    assert budget.cost(replace(toy("toy"), compute=compute), question) > 0
    assert seen == [(few, few, few) for few in (budget.TRIAL, budget.TRIAL, budget.LARGER * budget.TRIAL)]


def statistics_of(n: int) -> Statistics:
    return look(shown(points(n)), Raw())


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_limit_must_be_above_zero(ask: Any, seconds: float) -> None:
    with pytest.raises(UserError, match="it must be above 0"):
        ask(time_limit=seconds)


def test_progress_is_told_to_the_end(ask: Any) -> None:
    told: list[tuple[str, int, int]] = []
    ask(metrics=["fd"], tell=lambda *what: told.append(what))
    assert ("looking at real samples", 200, 200) in told
    assert ("looking at generated samples", 200, 200) in told
    assert told[-1] == ("measuring", 1, 1)


def test_every_metric_has_its_line_in_the_list() -> None:
    listed = registry.listed()
    assert [name for names in listed for name in names.split(", ")] == list(registry.results())
    assert all(line.endswith(")") and len(line) < 200 for line in listed.values())
    assert "classifier" in NETWORKS
