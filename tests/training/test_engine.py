"""The engine against a loop written by hand, and everything that happens between rounds."""

import copy
import json
import math
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import Interrupted, TrainingFailed, UserError
from zerosum.games import Game, Phase, Result, Weighted
from zerosum.losses import ADVERSARIAL
from zerosum.optimizers import Optimizer
from zerosum.penalties import PENALTIES
from zerosum.schedules import Decay, Steps
from zerosum.training import checkpoints
from zerosum.training.devices import make_fabric
from zerosum.training.journal import read_lines
from zerosum.training.observers import GoBack, KeepAsBest, Report, SetControl, Stop
from zerosum.training.position import tensors_of
from zerosum.training.sampling import Requests, ready

TIMES = ("seconds", "samples_per_second", "waiting")


def weights(engine) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in tensors_of(engine.plan.game.networks).items()}


def differences(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    assert a.keys() == b.keys()
    return [key for key in a if not torch.equal(a[key], b[key])]


def log(engine) -> list[dict]:
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_lines(engine.run / "log.jsonl")]


def saved(engine) -> list[int]:
    return [int(name) for name in checkpoints.names(engine.run / "checkpoints")]


@dataclass(eq=False)
class Observe:
    """Calls a function of the state, and remembers when."""

    every_samples: int
    act: object = lambda state: None
    seen: list[int] = field(default_factory=list)

    def __call__(self, state) -> Report:
        self.seen.append(state.samples_seen)
        return self.act(state) or Report()


def asking(at: int, *requests, once: bool = True) -> Observe:
    """Makes requests at a moment (the first time that it comes)."""
    done = []

    def act(state):
        if state.samples_seen == at and not (once and done):
            done.append(at)
            return Report(requests=requests)
        return None

    return Observe(8, act)


# --- rounds ---


@pytest.mark.parametrize("penalised", [False, True])
def test_rounds_are_those_of_a_loop_written_by_hand(make_engine, make_game, make_plan, penalised):
    """Non-saturating loss, R1 with weight 0.5, two critic steps, Adam, an average; five rounds."""
    penalties = [Weighted("r1", PENALTIES["r1"], 0.5)] if penalised else []
    optimizer = Optimizer(name="adam", lr=2e-3, betas=(0.5, 0.9))
    game = make_game(optimizer=optimizer, penalties=penalties, critic_steps=Steps((2,)))
    G, D, mean = (copy.deepcopy(game.networks[name]) for name in "GDG")
    engine = make_engine(make_plan(game, ema_half_life_samples=50.0))
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), 2e-3, (0.5, 0.9), foreach=False, fused=False) for net in (G, D))
    for index in range(5):
        for step in range(2):
            batch, draw = engine.table.dealer.deal(game.phases[0], index, step)
            real, fake = batch.real.requires_grad_(penalised), G(draw.normal(8, 4)).detach()
            scores = D(real)
            loss = F.softplus(-scores).mean() + F.softplus(D(fake)).mean()
            if penalised:
                (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
                loss = loss + 0.5 * slope.square().sum((1, 2, 3)).mean()
            opt_d.zero_grad()
            loss.backward()
            opt_d.step()
        _, draw = engine.table.dealer.deal(game.phases[1], index, 0)
        opt_g.zero_grad()
        F.softplus(-D(G(draw.normal(8, 4)))).mean().backward()
        opt_g.step()
        beta = 0.5 ** (8 / min(50.0, 0.05 * (index + 1) * 8))
        for a, b in zip(mean.parameters(), G.parameters(), strict=True):
            a.data.lerp_(b.data, 1 - beta)
        engine.round()
        for name, mine in (("G", G), ("D", D)):
            for key, value in mine.named_parameters():
                ours = dict(game.networks[name].named_parameters())[key]
                torch.testing.assert_close(ours, value, rtol=0, atol=1e-6, msg=f"{name}.{key} in round {index}")
        for a, b in zip(engine.position.average.networks["G"].parameters(), mean.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6, check_stride=False)
    assert engine.position.samples_seen == 40


def test_lazy_phases_are_played_when_due(make_engine, make_game, make_plan):
    game = make_game(penalties=[Weighted("r1", PENALTIES["r1"], 1.0, 4)])
    engine = make_engine(make_plan(game))
    for _ in range(9):
        engine.round()
    assert {name: column.rounds for name, column in engine.position.tally.columns.items()} == {
        "D": list(range(9)),
        "D_r1": [0, 4, 8],
        "G": list(range(9)),
    }


def test_critic_steps_follow_their_schedule(make_engine, make_game, make_plan):
    engine = make_engine(make_plan(make_game(critic_steps=Steps((3, 1), (16,)))))
    for _ in range(4):
        engine.round()
    assert engine.position.tally.columns["D"].rounds == [0, 0, 0, 1, 1, 1, 2, 3]
    assert engine.position.samples_seen == 32


def test_the_order_of_play_follows_its_schedule(make_engine, make_plan):
    engine = make_engine(make_plan(order=Steps(("critic-first", "generator-first"), (8,))))
    engine.round()
    assert list(engine.position.tally.columns) == ["D", "G"]
    engine.position.tally.clear()
    engine.round()
    assert list(engine.position.tally.columns) == ["G", "D"]


def test_the_learning_rate_follows_its_schedule_and_the_controls(make_engine, make_plan):
    engine = make_engine(make_plan(learning_rate=Decay("linear", 0.5, 80)))
    rates = []
    for _ in range(10):
        engine.round()
        rates.append(engine.position.movers["G"].rate)
    assert rates == pytest.approx([1e-3 * min(1.0, 2 - index / 5) for index in range(10)])
    engine.position.controls["D/lr_scale"] = 0.25
    engine.position.samples_seen = 0
    engine.round()
    assert engine.position.movers["D"].rate == pytest.approx(2.5e-4)
    assert engine.position.movers["G"].rate == pytest.approx(1e-3)


@pytest.mark.parametrize("limit", [0.0, 1e-3, 1e6])
def test_gradients_are_as_long_as_the_control_allows(limit, make_engine, make_plan):
    engine = make_engine(make_plan())
    engine.position.controls["D/clip"] = limit
    engine.round()
    gradients = [p.grad for p in engine.position.movers["D"].parameters if p.grad is not None]
    length = torch.nn.utils.get_total_norm(gradients)
    own = engine.position.tally.means()["D/grad_norm"]  # before it is shortened
    assert length == pytest.approx(min(limit, own) if limit else own, rel=1e-4)


@pytest.mark.parametrize("half_life", [0.0, 8.0, 1e9])
def test_averages_have_the_half_life_that_their_control_says(half_life, make_engine, make_plan):
    engine = make_engine(make_plan(ema_rampup=1e9))
    mean = next(iter(engine.position.average.networks["G"].parameters()))
    live = next(iter(engine.plan.game.networks["G"].parameters()))
    before = mean.clone()
    engine.position.controls["ema_half_life_samples"] = half_life
    engine.round()
    beta = 0.5 ** (engine.plan.batch_size / half_life) if half_life else 0.0
    torch.testing.assert_close(mean, beta * before + (1 - beta) * live)


def test_controls_that_a_checkpoint_does_not_have_yet_stay_as_they_are(make_engine, make_plan):
    engine = make_engine(make_plan(length_samples=24))
    del engine.position.controls["G/clip"]
    engine.position.controls["D/lr_scale"] = 0.5
    engine.play()
    again = make_engine(make_plan(length_samples=48))
    again.resume()
    assert again.position.controls["G/clip"] == 0.0
    assert again.position.controls["D/lr_scale"] == 0.5


def test_a_learning_rate_of_nothing_changes_nothing(make_engine, make_plan):
    engine = make_engine(make_plan(learning_rate=lambda samples_seen: 0.0))
    before = {n: p.detach().clone() for n, p in engine.plan.game.networks["G"].named_parameters()}
    engine.round()
    assert all(torch.equal(p, before[n]) for n, p in engine.plan.game.networks["G"].named_parameters())


def test_images_are_trained_with_their_channels_last(make_engine, make_plan):
    engine = make_engine(make_plan(length_samples=24))
    engine.play()
    kernels = [p for network in engine.plan.game.networks.values() for p in network.parameters() if p.dim() == 4]
    assert kernels
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)
    again = make_engine(make_plan(length_samples=48))
    again.resume()
    again.round()
    kernels = [p for network in again.plan.game.networks.values() for p in network.parameters() if p.dim() == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)


def test_bfloat16_is_for_the_networks_work_and_not_for_weights_or_samples(make_engine, make_plan, make_game):
    game = make_game(penalties=[Weighted("r1", PENALTIES["r1"], 1.0)])
    dtypes = set()
    game.networks["G"][0].register_forward_hook(lambda module, given, made: dtypes.add(made.dtype))
    engine = make_engine(make_plan(game), fabric=make_fabric("cpu", 1, "bfloat16"))
    engine.round()
    assert dtypes == {torch.bfloat16}
    assert {p.dtype for network in game.networks.values() for p in network.parameters()} == {torch.float32}
    assert engine.position.tally.first_bad() is None


# --- reports, pictures, checkpoints ---


def test_everything_is_due_at_its_samples_and_at_the_end(make_engine, make_plan):
    """The cadences are no multiples of the batch."""
    observer = Observe(50)
    plan = make_plan(
        length_samples=160, report_every_samples=20, snapshot_every_samples=70, checkpoint_every_samples=60
    )
    engine = make_engine(plan, observers=[observer])
    engine.play()
    assert [line["samples_seen"] for line in log(engine)] == [24, 40, 64, 80, 104, 120, 144, 160]
    pictures = sorted(path.stem for path in (engine.run / "samples").iterdir())
    assert pictures == ["000000000", "000000072", "000000144", "000000160", "real"]
    assert observer.seen == [56, 104, 152, 160]
    assert saved(engine) == [120, 160]


@pytest.mark.parametrize("every", [40, 160, 1000])
def test_the_end_is_told_once_and_saved_last(make_engine, make_plan, every):
    observer = Observe(every, lambda state: saved_by_then.append(saved(engine)))
    saved_by_then: list[list[int]] = []
    cadence = ("report_every_samples", "snapshot_every_samples", "checkpoint_every_samples")
    engine = make_engine(make_plan(**dict.fromkeys(cadence, every)), observers=[observer])
    engine.play()
    assert observer.seen.count(160) == 1
    assert 160 not in saved_by_then[-1]
    assert [line["samples_seen"] for line in log(engine)].count(160) == 1
    assert saved(engine)[-1] == 160


def test_a_report_has_means_controls_and_rates(make_engine, make_plan, make_game):
    game = make_game(penalties=[Weighted("r1", PENALTIES["r1"], 0.5)])
    engine = make_engine(make_plan(game, length_samples=24))
    values: dict[str, list[float]] = {}
    write = engine.position.tally.write

    def spy(phase, index, entry):
        for name, value in zip(entry.names, entry.values.tolist(), strict=True):
            values.setdefault(name, []).append(value)
        write(phase, index, entry)

    engine.position.tally.write = spy
    engine.play()
    (line,) = read_lines(engine.run / "log.jsonl")
    terms = {"D/adversarial", "D/r1", "D/grad_norm", "G/adversarial", "G/grad_norm", "d_real", "d_fake", "value"}
    assert values.keys() == terms
    for name in terms:
        assert line[name] == pytest.approx(sum(values[name]) / 3)
    settings = {"control/D/lr_scale": 1.0, "control/G/lr_scale": 1.0, "control/r1": 0.5}
    settings |= {"control/D/clip": 0.0, "control/G/clip": 0.0, "control/float32_penalties": 0.0}
    settings |= {"control/ema_half_life_samples": engine.plan.ema_half_life_samples}
    settings |= {"learning_rate/D": 1e-3, "learning_rate/G": 1e-3}
    assert {name: value for name, value in line.items() if name in settings} == settings
    assert line.keys() == terms | settings.keys() | {"samples_seen", *TIMES}
    assert line["samples_per_second"] == pytest.approx(24 / line["seconds"])


def test_an_observer_sees_the_state_and_its_values_are_logged(make_engine, make_plan):
    states = []

    def look(state):
        states.append((state.samples_seen, state.length_samples, dict(state.values), state.game, state.data))
        return Report(values={"judge/fid": 3.0})

    engine = make_engine(make_plan(report_every_samples=80), observers=[Observe(80, look)])
    engine.play()
    assert [state[:2] for state in states] == [(80, 160), (160, 160)]
    assert "G/adversarial" in states[0][2]
    assert states[0][3] is engine.plan.game
    assert states[0][4] is engine.data
    assert [line["judge/fid"] for line in log(engine) if "judge/fid" in line] == [3.0, 3.0]


def test_observers_are_given_averaged_networks_with_standing_statistics(make_engine, make_plan):
    found = {}

    def look(state):
        found["samples"] = state.sample(20, "samples", state.draw)
        found["networks"] = state.networks("samples")
        game, averaged = engine.plan.game, engine.position.average.networks
        standing = Draw(0, "standing")
        found["expected"] = ready(game, averaged, game.samplers["samples"], Requests(), standing)

    engine = make_engine(make_plan(length_samples=80), observers=[Observe(10**9, look)])
    engine.play()
    ours, expected = (tensors_of(dict(found[key])) for key in ("networks", "expected"))
    assert not differences(ours, expected)
    live = engine.plan.game.networks["G"]
    assert not torch.equal(next(iter(found["networks"]["G"].parameters())), next(iter(live.parameters())))
    assert found["samples"].shape == (20, 1, 16, 16)


def test_without_an_average_observers_see_the_live_weights(make_engine, make_plan):
    found = []
    observer = Observe(10**9, lambda state: found.append(state.networks("samples")["G"]))
    engine = make_engine(make_plan(length_samples=40, ema_half_life_samples=0.0), observers=[observer])
    engine.play()
    for ours, live in zip(found[0].parameters(), engine.plan.game.networks["G"].parameters(), strict=True):
        assert torch.equal(ours, live)
    model = checkpoints.newest(engine.run / "checkpoints").model
    assert not [name for name in model if name.startswith("averaged/")]


def test_observing_does_not_change_the_training(make_engine, make_plan):
    plain = make_engine(make_plan(), run="plain")
    plain.play()

    def look(state):
        torch.rand(7)
        state.sample(30, "samples", state.draw)

    watched = make_engine(
        make_plan(report_every_samples=8, snapshot_every_samples=8, checkpoint_every_samples=8),
        run="watched",
        observers=[Observe(8, look)],
    )
    watched.play()
    assert not differences(weights(plain), weights(watched))


def test_the_callers_generator_is_left_alone(make_engine, make_plan):
    before = torch.random.get_rng_state()
    make_engine(make_plan(length_samples=16)).play()
    assert torch.equal(before, torch.random.get_rng_state())


# --- requests ---


def test_a_control_that_is_set_holds_from_the_next_round_and_is_logged(make_engine, make_plan):
    observer = asking(16, SetControl("D/lr_scale", 0.5), SetControl("D/repeats", 3))
    engine = make_engine(make_plan(length_samples=32, report_every_samples=8), observers=[observer])
    played = []
    write = engine.position.tally.write
    engine.position.tally.write = lambda phase, index, entry: (
        played.append((index, phase)),
        write(phase, index, entry),
    )
    engine.play()
    assert [played.count((index, "D")) for index in range(4)] == [1, 1, 3, 3]
    assert [line["control/D/lr_scale"] for line in log(engine)] == [1.0, 1.0, 0.5, 0.5]
    assert [line["learning_rate/D"] for line in log(engine)] == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4])
    assert log(engine)[-1]["control/D/repeats"] == 3


def test_a_penaltys_weight_is_a_control(make_engine, make_plan, make_game):
    game = make_game(penalties=[Weighted("r1", PENALTIES["r1"], 1.0)])
    engine = make_engine(make_plan(game, report_every_samples=8), observers=[asking(8, SetControl("r1", 0.0))])
    engine.play()
    assert log(engine)[0]["D/r1"] > 0
    assert "D/r1" not in log(engine)[1]  # without a weight it is not computed


def test_a_control_that_does_not_exist_is_the_observers_mistake(make_engine, make_plan):
    engine = make_engine(observers=[asking(8, SetControl("D/lr_scal", 0.5))])
    with pytest.raises(ValueError, match=r"no control 'D/lr_scal'; there are \['D/clip', 'D/lr_scale', 'D/repeats'"):
        engine.play()


def test_controls_resume(make_engine, make_plan):
    observer = asking(16, SetControl("D/lr_scale", 0.5), SetControl("D/repeats", 2))
    engine = make_engine(make_plan(length_samples=24), observers=[observer])
    engine.play()
    again = make_engine(make_plan(length_samples=32))
    again.resume()
    assert again.position.controls == engine.position.controls
    again.round()
    assert again.position.tally.columns["D"].rounds == [3, 3]
    assert again.position.movers["D"].rate == pytest.approx(5e-4)


def test_figures_resume(make_engine, make_plan):
    """They are shown from the first moment on, and the speed is that of the samples since the last report."""
    engine = make_engine(make_plan(length_samples=24, report_every_samples=8))
    engine.play()
    again = make_engine(make_plan(length_samples=32, report_every_samples=8))
    again.resume()
    assert again.position.values == engine.position.values
    again.position.seconds += 1000.0
    again.play()
    assert read_lines(again.run / "log.jsonl")[-1]["samples_per_second"] == pytest.approx(8 / 1000, rel=0.01)


def test_a_stop_ends_the_training_after_the_round_and_is_noted(make_engine, make_plan):
    rarely = Observe(10**9)
    engine = make_engine(observers=[asking(24, Stop("it is enough")), rarely])
    engine.play()
    assert engine.position.samples_seen == 24
    assert saved(engine) == [24]
    assert {"samples_seen": 24, "note": "stopped: it is enough"} in log(engine)
    assert rarely.seen == [24]
    assert (engine.run / "samples" / "000000024.png").exists()


def test_the_best_is_kept_while_later_ones_go(make_engine, make_plan):
    engine = make_engine(make_plan(checkpoint_every_samples=16), observers=[asking(24, KeepAsBest())])
    engine.play()
    assert saved(engine) == [24, 144, 160]
    again = make_engine(make_plan(length_samples=200, checkpoint_every_samples=16))
    again.resume()
    again.play()
    assert saved(again) == [24, 192, 200]


def test_a_better_one_takes_the_place_of_the_best(make_engine, make_plan):
    plan = make_plan(checkpoint_every_samples=16)
    engine = make_engine(plan, observers=[asking(24, KeepAsBest()), asking(56, KeepAsBest())])
    engine.play()
    assert saved(engine) == [56, 144, 160]


def test_going_back_plays_once_more_from_an_earlier_checkpoint(make_engine, make_plan):
    """Without other controls the training comes out as if nothing had happened, which shows that all was restored."""
    plan = {"checkpoint_every_samples": 32, "report_every_samples": 16}
    plain = make_engine(make_plan(**plan), run="plain")
    plain.play()
    returned = make_engine(make_plan(**plan), run="returned", observers=[asking(112, GoBack(80))])
    returned.play()
    assert not differences(weights(plain), weights(returned))
    note = {"samples_seen": 64, "note": "went back from 112 samples"}
    assert note in log(returned)
    assert [line for line in log(returned) if line != note] == log(plain)
    assert saved(returned) == saved(plain)


def test_what_belongs_to_going_back_is_told_with_it(make_engine, make_plan):
    why = {"note": "doctor: half the rate", "treatment": {"act": "set"}}
    engine = make_engine(make_plan(checkpoint_every_samples=32), observers=[asking(112, GoBack(80, why))])
    engine.play()
    told = {
        "samples_seen": 64,
        "note": "went back from 112 samples; doctor: half the rate",
        "treatment": {"act": "set"},
    }
    assert told in log(engine)


def test_controls_set_on_going_back_hold_and_what_was_given_up_is_gone(make_engine, make_plan):
    visits = []

    def stop_on_the_second_visit(state):
        visits.append(state.samples_seen)
        return Report(requests=(Stop("seen it"),)) if visits.count(72) == 2 else None

    back = asking(112, GoBack(80), SetControl("G/lr_scale", 0.5))
    cadence = {"checkpoint_every_samples": 32}
    engine = make_engine(make_plan(**cadence), observers=[back, Observe(8, stop_on_the_second_visit)])
    engine.play()
    assert saved(engine) == [64, 72]
    again = make_engine(make_plan(**cadence))
    again.resume()
    assert again.position.samples_seen == 72
    assert again.position.controls["G/lr_scale"] == 0.5


def test_there_must_be_something_to_go_back_to(make_engine):
    with pytest.raises(ValueError, match="no checkpoint at or before 8 samples"):
        make_engine(observers=[asking(16, GoBack(8))]).play()


# --- what goes wrong ---


def spoiled(game: Game, phase: str, round_index: int, term: str = "adversarial") -> Game:
    """The same game, but one term becomes NaN in one round."""

    def wrapped(old: Phase) -> Phase:
        played = []

        def loss(batch, draw, controls) -> Result:
            result = old.loss(batch, draw, controls)
            if len(played) * old.every == round_index:
                result.terms[term] = result.terms[term] * math.nan
            played.append(1)
            return result

        return Phase(old.name, old.players, loss, old.every, old.repeats, old.stream)

    game.phases = tuple(wrapped(old) if old.name == phase else old for old in game.phases)
    return game


@pytest.mark.parametrize(("phase", "term"), [("D", "adversarial"), ("D", "r1"), ("D_r2", "r2"), ("G", "adversarial")])
@pytest.mark.parametrize("reported", [8, 24, 1000])
def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(make_engine, make_plan, make_game, phase, term, reported):
    penalties = [Weighted("r1", PENALTIES["r1"], 1.0), Weighted("r2", PENALTIES["r2"], 1.0, 4)]
    game = spoiled(make_game(penalties=penalties), phase, 8, term)
    plan = make_plan(game, report_every_samples=reported, checkpoint_every_samples=24)
    engine = make_engine(plan)
    with pytest.raises(TrainingFailed) as failure:
        engine.play()
    message = str(failure.value)
    assert message.startswith(f"{phase}/{term} became NaN or infinite in round 8 (64 samples seen). ")
    assert "The last checkpoint, at 48 samples, is intact." in message
    assert saved(engine) == [24, 48]
    assert all(value.isfinite().all() for value in checkpoints.newest(engine.run / "checkpoints").model.values())
    assert all(value is not None for line in log(engine) for value in line.values())


def test_a_gradient_that_is_not_finite_stops_the_run(make_engine, make_plan, make_game):
    """sqrt(0) is finite, its slope is not."""
    game = make_game()
    old = game.phases[1]

    def loss(batch, draw, controls):
        result = old.loss(batch, draw, controls)
        return Result({"adversarial": result.terms["adversarial"], "root": (result.terms["adversarial"] * 0).sqrt()})

    game.phases = (game.phases[0], Phase("G", ("G",), loss))
    with pytest.raises(
        TrainingFailed, match=r"G/grad_norm became NaN or infinite in round 0 .* No checkpoint was made"
    ):
        make_engine(make_plan(game)).play()


def test_weights_that_explode_are_noticed_by_the_next_loss(make_engine, make_plan, make_game):
    game = make_game(norm="none", optimizer=Optimizer(name="sgd", lr=math.inf))
    with pytest.raises(TrainingFailed, match=r"G/adversarial became NaN or infinite in round 0"):
        make_engine(make_plan(game)).play()


def test_a_signal_that_comes_with_a_bad_round_saves_nothing(make_engine, make_plan, make_game, monkeypatch):
    engine = make_engine(make_plan(spoiled(make_game(), "D", 2)))
    monkeypatch.setattr(
        "zerosum.training.engine.Signals.received", lambda self, fabric: 15 if engine.position.samples_seen == 24 else 0
    )
    with pytest.raises(TrainingFailed):
        engine.play()
    assert saved(engine) == []


def test_a_disk_that_is_full_stops_the_training(make_engine, make_plan, monkeypatch):
    real = checkpoints.write_tensors

    def full(path, tensors):
        if engine.position.samples_seen > 32:
            raise OSError(28, "No space left on device")
        return real(path, tensors)

    monkeypatch.setattr(checkpoints, "write_tensors", full)
    engine = make_engine(make_plan(checkpoint_every_samples=32))
    message = r"Cannot write to .*No space left on device.* The last checkpoint, at 32 samples, is intact"
    with pytest.raises(TrainingFailed, match=message):
        engine.play()
    assert saved(engine) == [32]


# --- going on ---


CUT = "zerosum.training.engine.Signals.received"


@pytest.mark.parametrize("stopped_at", [8, 24, 40, 48, 96, 152])
def test_a_training_that_was_interrupted_ends_like_one_that_was_not(
    make_engine, make_plan, make_game, monkeypatch, stopped_at
):
    """Weights, optimizers, averages, log and pictures, wherever the signal comes between the cadences."""
    cadence = {"report_every_samples": 24, "snapshot_every_samples": 40, "checkpoint_every_samples": 48}

    def plan():
        penalties = [Weighted("r1", PENALTIES["r1"], 1.0, 4)]
        return make_plan(make_game(penalties=penalties), learning_rate=Decay("cosine", 0.2, 160), **cadence)

    whole = make_engine(plan(), run="whole")
    whole.play()
    first = make_engine(plan(), run="cut")
    with monkeypatch.context() as patch:
        patch.setattr(CUT, lambda self, fabric: 15 if first.position.samples_seen == stopped_at else 0)
        with pytest.raises(Interrupted, match=f"Stopped at {stopped_at} samples, all saved.*zerosum resume") as stop:
            first.play()
    assert stop.value.signal == 15
    assert saved(first)[-1] == stopped_at
    second = make_engine(plan(), run="cut")
    second.resume()
    second.play()
    ours, theirs = (checkpoints.newest(engine.run / "checkpoints") for engine in (second, whole))
    assert not differences(ours.model, theirs.model)
    assert not differences(ours.training, theirs.training)
    assert log(second) == log(whole)
    pictures = [sorted((engine.run / "samples").iterdir()) for engine in (second, whole)]
    assert [path.name for path in pictures[0]] == [path.name for path in pictures[1]]
    assert [path.read_bytes() for path in pictures[0]] == [path.read_bytes() for path in pictures[1]]


def test_a_signal_in_the_last_round_lets_the_training_end(make_engine, make_plan, monkeypatch):
    engine = make_engine(make_plan(length_samples=24))
    monkeypatch.setattr(CUT, lambda self, fabric: 15 if engine.position.samples_seen == 24 else 0)
    engine.play()
    assert saved(engine) == [24]


def test_a_damaged_checkpoint_is_told_of_and_the_one_before_taken(make_engine, make_plan):
    plan = {"checkpoint_every_samples": 32}
    whole = make_engine(make_plan(**plan), run="whole")
    whole.play()
    engine = make_engine(make_plan(**plan | {"length_samples": 128}))
    engine.play()
    path = engine.run / "checkpoints" / "000000128" / "training.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    again = make_engine(make_plan(**plan))
    again.resume()
    assert again.position.samples_seen == 96
    (message,) = again.listener.messages
    assert message.startswith("A damaged checkpoint is left out: ")
    assert "000000128" in message
    again.play()
    assert not differences(weights(again), weights(whole))


def test_without_a_whole_checkpoint_a_training_begins_anew(make_engine, make_plan):
    engine = make_engine(make_plan(length_samples=16))
    engine.play()
    start = make_engine(make_plan(length_samples=16), run="other")
    (engine.run / "checkpoints" / "000000016" / "state.json").unlink()
    again = make_engine(make_plan(length_samples=16))
    again.resume()
    assert again.position.samples_seen == 0
    assert len(again.listener.messages) == 2
    assert "begins anew" in again.listener.messages[-1]
    again.play()
    start.play()
    assert log(again) == log(start)


def test_another_identity_is_refused_with_the_difference_and_nothing_is_touched(make_engine, make_plan):
    engine = make_engine(make_plan(length_samples=16), identity={"lr": 0.1, "seed": 0})
    engine.play()
    before = {p: p.read_bytes() for p in engine.run.rglob("*") if p.is_file()}
    again = make_engine(make_plan(length_samples=32), identity={"lr": 0.2, "seed": 0, "clip": 1})
    with pytest.raises(UserError, match=r"clip: None in the run, 1 given; lr: 0\.1 in the run, 0\.2 given"):
        again.resume()
    assert {p: p.read_bytes() for p in engine.run.rglob("*") if p.is_file()} == before


def test_a_checkpoint_reads_like_the_model_it_belongs_to(make_engine, make_plan):
    engine = make_engine(make_plan(length_samples=16), identity={"lr": 0.1})
    engine.play()
    checkpoint = checkpoints.newest(engine.run / "checkpoints")
    networks = engine.plan.game.networks
    live = {f"live/{name}.{key}" for name, net in networks.items() for key in net.state_dict()}
    assert checkpoint.model.keys() == live | {f"averaged/G.{key}" for key in networks["G"].state_dict()}
    steps = {name for name in checkpoint.training if name.endswith("/step")}
    named = {(player, key) for player, net in networks.items() for key, _ in net.named_parameters()}
    assert steps == {f"optimizer/{player}/{player}.{key}/step" for player, key in named}
    state = json.loads((engine.run / "checkpoints" / "000000016" / "state.json").read_text())
    assert state["samples_seen"] == 16
    assert state["identity"] == {"lr": 0.1}


def test_seeds_are_different_trainings(make_engine, make_plan):
    engines = [make_engine(make_plan(length_samples=16), run=f"seed {seed}", seed=seed) for seed in (0, 0, 1)]
    for engine in engines:
        engine.play()
    assert not differences(weights(engines[0]), weights(engines[1]))
    assert differences(weights(engines[0]), weights(engines[2]))


def test_an_uneven_batch_is_refused(make_engine, make_plan):
    with pytest.raises(UserError, match="A batch of 8 cannot be shared evenly by 3 processes"):
        make_engine(make_plan(), fabric=make_fabric("cpu", 3, "float32"))


@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_every_loss_is_played(make_engine, make_plan, make_game, loss):
    engine = make_engine(make_plan(make_game(loss=ADVERSARIAL[loss]), length_samples=24))
    before = weights(engine)
    engine.play()
    trained = [name for name, _ in engine.plan.game.networks["G"].named_parameters()]
    assert set(differences(before, weights(engine))) >= {f"G.{name}" for name in trained}
