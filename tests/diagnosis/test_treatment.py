"""What is done about findings: one thing at a time, judged, taken back, and reproducible from the log alone."""

import json
import math
from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np
import pytest
import torch

import zerosum
from zerosum.diagnosis.course import Course
from zerosum.diagnosis.findings import CATALOGUE, Finding
from zerosum.diagnosis.remedies import BRISK, NON_LEAKING, REMEDIES, STEADY
from zerosum.diagnosis.treatment import (
    ACTS,
    ENTRY,
    MENDABLE,
    OF_DATA,
    TRIAL,
    Treatment,
    acts_of,
    cause,
    given_up,
    length_again,
)
from zerosum.recipes.gan import gan
from zerosum.recipes.groups import Play
from zerosum.spaces import Space
from zerosum.training.observers import GoBack, SetControl, State, Stop
from zerosum.training.plan import Plan

EVERY = 10
CONTROLS = {"D/lr_scale": 1.0, "G/lr_scale": 1.0, "D/repeats": 1.0, "r1": 0.5, "augment": 0.0, "instance_noise": 0.0}
CONTROLS |= {"D/clip": 0.0, "G/clip": 0.0, "ema_half_life_samples": 50.0}
FINER = {"float32_penalties": 0.0}
FRESH = {"data": "ring", "precision": "float32", "device": "cpu", "progress": False, "evaluate": "off"}
EVERY_64 = {"report_every_samples": 64, "snapshot_every_samples": 640, "checkpoint_every_samples": 320}


def state(samples_seen: int, length: int = 1000, controls=CONTROLS, **more) -> State:
    return State(samples_seen, length, {}, None, None, None, None, None, controls=controls, **more)  # type: ignore[arg-type]


def course(**columns: list[float]) -> Course:
    found = {name.replace("__", "/"): np.array(values, dtype=float) for name, values in columns.items()}
    return Course(np.arange(1.0, 1 + len(next(iter(found.values())))), found, 1000)


CALM = course(update__G=[0.002] * 4, update__D=[0.003] * 4)


def lines(act, samples_seen: int) -> list[dict]:
    return [json.loads(json.dumps({"samples_seen": samples_seen, **note})) for note in act.notes]


def kinds(act) -> list[str]:
    return [note[ENTRY]["act"] for note in act.notes]


@pytest.mark.parametrize("kind", [*REMEDIES, *MENDABLE, *OF_DATA])
def test_only_serious_kinds_that_exist_are_treated(kind):
    assert CATALOGUE[kind].severity == "serious"


@pytest.mark.parametrize("kind", REMEDIES)
def test_every_remedy_moves_controls_that_the_engine_has_and_names_its_source(kind):
    quick = course(update__G=[0.1] * 8, update__D=[0.2] * 8, D__grad_norm=[1.0] * 5 + [9.0] * 3)
    for remedy in REMEDIES[kind]:
        changed = remedy.change(quick, {**CONTROLS, **FINER, "label_smoothing": 0.0, "mode_seeking": 0.0})
        assert changed
        assert set(changed) <= {*CONTROLS, *FINER, "label_smoothing", "mode_seeking"}
        assert all(math.isfinite(value) and value >= 0 for value in changed.values())
        assert remedy.source
        assert remedy.change(CALM, {}) == {}  # a game without such controls


def test_a_player_whose_steps_are_too_long_gets_the_rate_that_makes_them_steady():
    quick = course(update__G=[0.1] * 4, update__D=[0.003] * 4)
    act = Treatment(every_samples=EVERY, spare_samples=None)(state(100), quick, [Finding(kind="blind", began=50)], [])
    assert act.requests == (SetControl("G/lr_scale", pytest.approx(STEADY / 0.1)),)
    assert BRISK > STEADY


def test_an_act_is_left_alone_until_its_trial_is_over_then_taken_back_or_kept():
    treat = Treatment(every_samples=EVERY, spare_samples=None)
    found = [Finding(kind="oscillating", began=50)]
    act = treat(state(100), CALM, found, [])
    assert kinds(act) == ["set"]
    log = lines(act, 100)
    halved = state(100 + EVERY, controls={**CONTROLS, "D/lr_scale": 0.5, "G/lr_scale": 0.5})
    assert treat(halved, CALM, found, log).notes == ()
    over = state(100 + TRIAL * EVERY, controls=halved.controls)
    assert kinds(treat(over, CALM, [], log)) == ["kept"]
    again = treat(over, CALM, found, log)
    assert kinds(again) == ["reverted", "set"]
    assert again.requests[:2] == (SetControl("D/lr_scale", 1.0), SetControl("G/lr_scale", 1.0))
    assert again.requests[2:] == (SetControl("r1", 2.0),)  # from where the controls are again, the next of the list


@pytest.mark.parametrize(("kind", "name"), [("collapse", "mode_seeking"), ("strong", "label_smoothing")])
def test_what_moves_the_equilibrium_ends_when_it_has_helped(kind, name):
    treat = Treatment(every_samples=EVERY, spare_samples=None)
    controls = {name: 0.0}
    act = treat(state(100, controls=controls), CALM, [Finding(kind=kind, began=50)], [])
    assert [request.name for request in act.requests] == [name]
    over = state(100 + TRIAL * EVERY, controls={name: act.requests[0].value})
    ended = treat(over, CALM, [], lines(act, 100))
    assert (kinds(ended), ended.requests) == (["ended"], (SetControl(name, 0.0),))
    assert kinds(treat(over, CALM, [Finding(kind=kind, began=50)], lines(act, 100))) == ["reverted"]
    assert treat(replace(over, controls=controls), CALM, [], [*lines(act, 100), *lines(ended, 140)]).notes == ()


def test_nothing_is_tried_twice_and_there_is_an_end():
    treat = Treatment(every_samples=EVERY, spare_samples=None)
    log, controls, seen = [], dict(CONTROLS), 0
    for _ in range(60):
        seen += EVERY
        act = treat(state(seen, controls=controls), CALM, [Finding(kind="strong", began=1)], log)
        controls |= {request.name: request.value for request in act.requests}
        log += lines(act, seen)
    tried = [line[ENTRY]["remedy"] for line in log if line[ENTRY]["act"] == "set"]
    assert len(tried) == len(set(tried)) <= ACTS
    assert controls == CONTROLS  # nothing helped, so all is as it was
    assert log[-1][ENTRY]["act"] == "reverted"


def test_what_does_not_yield_begins_again_where_samples_are_left():
    treat = Treatment(every_samples=EVERY, spare_samples=250)
    found = [Finding(kind="oscillating", began=50)]
    first = treat(state(100), CALM, found, [])
    again = treat(state(140), CALM, found, lines(first, 100))
    assert kinds(again) == ["reverted", "begin again"]
    assert isinstance(again.requests[-1], Stop)
    late = treat(state(900), CALM, found, lines(first, 800))
    assert "begin again" not in kinds(late)


def test_what_was_healthy_goes_back_once_to_before_its_finding():
    treat = Treatment(every_samples=EVERY, spare_samples=250)
    found = [Finding(kind="oscillating", began=800)]
    act = treat(state(870, checkpoints=(650, 750, 850)), CALM, found, lines(halved_rates(), 810))
    back = next(request for request in act.requests if isinstance(request, GoBack))
    assert back.samples_seen == 750
    after = act.requests[act.requests.index(back) + 1 :]  # what was on trial in that checkpoint is not any more
    assert after[:2] == (SetControl("D/lr_scale", 1.0), SetControl("G/lr_scale", 1.0))
    assert after[2:] == (SetControl("r1", 2.0),)  # what was tried in the time that is given up is not tried again
    assert back.note[ENTRY]["given_up"] == 120
    log = [{"samples_seen": 750, **json.loads(json.dumps(back.note))}]
    assert [entry["remedy"] for entry in acts_of(log)] == ["half the learning rates", "four times the penalty"]
    assert given_up(acts_of(log)) == 120
    later = treat(state(850, checkpoints=(750, 850)), CALM, found, log)
    assert not any(isinstance(request, GoBack) for request in later.requests)


@pytest.mark.parametrize(
    ("began", "seen", "checkpoints", "spare"),
    [(150, 190, (100,), 250), (350, 420, (360, 400), 250), (350, 620, (300,), 250), (350, 420, (300,), None)],
    ids=["healthy only for a while", "no such checkpoint", "too dear", "nothing to spare"],
)
def test_where_going_back_is_not_worth_while_the_control_is_turned_here(began, seen, checkpoints, spare):
    treat = Treatment(every_samples=EVERY, spare_samples=spare)
    act = treat(state(seen, checkpoints=checkpoints), CALM, [Finding(kind="oscillating", began=began)], [])
    assert kinds(act) == ["set"]


def halved_rates():
    """The first act about an oscillation, which did not help."""
    return Treatment(every_samples=EVERY, spare_samples=None)(
        state(810), CALM, [Finding(kind="oscillating", began=805)], []
    )


@pytest.mark.parametrize("coarse", [True, False])
def test_slopes_are_made_finer_where_they_are_coarse(coarse):
    autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=coarse)
    now = state(760, controls=CONTROLS | FINER, autocast=autocast)
    act = Treatment(every_samples=EVERY, spare_samples=None)(now, CALM, [Finding(kind="diverging", began=755)], [])
    (note,) = act.notes
    assert ("float32_penalties" in note[ENTRY]["controls"]) == coarse


def test_it_begins_again_only_for_what_there_is_something_left_to_change():
    treat = Treatment(every_samples=EVERY, spare_samples=250, mendable=("collapse",))
    assert kinds(treat(state(60), CALM, [Finding(kind="dead", began=1)], [])) == []
    once = Treatment(every_samples=EVERY, spare_samples=250)
    assert kinds(once(state(60), CALM, [Finding(kind="dead", began=1)], [])) == ["begin again"]


@pytest.mark.parametrize("kind", ["vanishing", "dead", "stagnation"])
def test_what_no_control_can_mend_begins_again_at_once(kind):
    act = Treatment(every_samples=EVERY, spare_samples=250)(state(60), CALM, [Finding(kind=kind, began=1)], [])
    assert kinds(act) == ["begin again"]


@pytest.mark.parametrize("kind", ["few", "duplicates", "imbalance", "range", "starved"])
def test_what_only_other_data_mend_is_left_alone(kind):
    act = Treatment(every_samples=EVERY, spare_samples=250)(state(60), CALM, [Finding(kind=kind)], [])
    assert act.notes == act.requests == ()


def test_overfitting_is_augmented_as_far_as_nothing_leaks_then_stopped_at_the_best():
    treat, found = Treatment(every_samples=EVERY, spare_samples=None), [Finding(kind="overfitting", began=1)]
    augmented = {**CONTROLS, "augment": NON_LEAKING, "r1": 0.0}
    assert treat(state(100, controls=augmented), CALM, found, []).notes == ()
    act = treat(state(100, controls=augmented, best=80), CALM, found, [])
    assert kinds(act) == ["stopped"]
    assert "80 samples" in act.requests[0].reason


@pytest.mark.parametrize("last", [0.0, 2.0, float("nan")])
def test_what_is_over_at_the_last_look_is_not_treated(last):
    """What is settled trails behind; a remedy for what is over would stay as if it had helped."""
    seen = course(signal__coverage=[0.2] * 5, signal__drift=[3.0] * 4 + [last])
    found = [Finding(kind="oscillating", detector="oscillating", began=50)]
    act = Treatment(every_samples=EVERY, spare_samples=None)(state(100), seen, found, [])
    assert kinds(act) == ([] if last == 0 else ["set"])


def test_the_earliest_finding_is_the_cause():
    late, early = Finding(kind="collapse", began=90, confidence=1.0), Finding(kind="strong", began=20, confidence=0.6)
    assert cause([late, early, Finding(kind="few")]) == early
    assert cause([Finding(kind="starved", began=1), Finding(kind="few")]) is None


def test_a_new_beginning_costs_no_more_than_the_spare_samples():
    assert length_again(1000, 250, 200) == 1000
    assert length_again(1000, 250, 600) + 600 == 1250


# --- in a training ---


@pytest.fixture(scope="module")
def treated(tmp_path_factory):
    """A pair that cannot move, and what the doctor made of it."""
    out = tmp_path_factory.mktemp("treated") / "run"
    return zerosum.train("gan", **FRESH, **EVERY_64, lr=0.0, length_samples=1280, **TREATED, out=out)


TREATED = {"doctor": "treat", "doctor_every_samples": 64}


def test_a_training_that_stands_still_begins_again_with_the_recipes_own_numbers(treated):
    first = treated.plan["revisions"][0]
    assert (first["change"], first["because"]) == ("the recipe's own numbers", "stagnation")
    assert first["samples_seen"] + first["length_samples"] <= 1280 * 1.25
    assert any(line.get("update/G", 0) > 0 for line in treated.log)


def test_all_attempts_together_cost_no_more_than_the_spare_samples(treated):
    attempts = [*(treated.path / "attempts").iterdir(), treated.path]
    seen = [zerosum.Run(one).log[-1]["samples_seen"] for one in attempts]
    assert sum(seen) <= 1280 * 1.25 + 256 * len(seen)  # the last round is played whole
    assert seen[-1] >= treated.plan["training"]["length_samples"]


def test_the_attempt_that_failed_is_a_run_of_its_own(treated):
    before = zerosum.Run(treated.path / "attempts" / "1")
    assert before.plan["options"]["lr"] == 0
    assert any(line.get("finding/stagnation") for line in before.log)
    assert before.sample(4).shape == (4, 2)
    assert zerosum.diagnose(before).findings[0].kind == "stagnation"


def test_the_seed_reproduces_the_whole_treatment(treated, content, tmp_path):
    again = zerosum.train("gan", **FRESH, **EVERY_64, lr=0.0, length_samples=1280, **TREATED, out=tmp_path / "run")
    assert content(again.path) == content(treated.path)
    assert again.plan["revisions"] == treated.plan["revisions"]


@pytest.mark.parametrize("moment", [64, 128, 192, 384])
def test_a_treatment_that_was_interrupted_is_that_of_one_that_was_not(moment, treated, content, stop_at, tmp_path):
    """Also where it stops at the very look at which the doctor has it begin again."""
    how = FRESH | EVERY_64 | TREATED | {"lr": 0.0, "length_samples": 1280}
    cut = zerosum.train("gan", **how, out=tmp_path / "cut", observers=[stop_at(moment, every_samples=64)])
    done = cut if cut.log[-1]["samples_seen"] >= 1280 else zerosum.resume(cut, progress=False)
    ours, theirs = content(done.path), content(treated.path)
    end = [name for name in theirs if name.endswith("safetensors") and "attempts" not in name]
    assert end
    assert [name for name in end if ours.get(name) != theirs[name]] == []


def one_bad_step(at: int, for_good: bool = False):
    """A recipe whose critic meets a NaN after so many samples, once or for good."""
    turns = count()

    def spoilt(loss):
        def spoil(batch, draw, controls):
            found = loss(batch, draw, controls)
            turn = next(turns) - at // 64
            bad = turn >= 0 if for_good else turn == 0
            return replace(found, terms={"adversarial": found.terms["adversarial"] * (math.nan if bad else 1.0)})

        return spoil

    def sick(space: Space, *, play: Play = Play(length_samples=1280, **EVERY_64)) -> Plan:
        plan = gan(space, play=play)
        phases = plan.game.phases
        plan.game.phases = tuple(
            replace(phase, loss=spoilt(phase.loss)) if phase.name == "D" else phase for phase in phases
        )
        return plan

    return sick


def test_a_figure_that_is_not_finite_once_costs_a_step_back(tmp_path):
    run = zerosum.train(one_bad_step(at=900), **FRESH, doctor="treat", out=tmp_path / "run")
    notes = [line for line in read(run) if ENTRY in line]
    assert [line[ENTRY]["act"] for line in notes] == ["back"]
    assert run.log[-1]["samples_seen"] == 1280
    assert run.log[-1]["control/G/lr_scale"] == 0.5
    assert torch.isfinite(run.sample(16)).all()


def test_a_figure_that_is_not_finite_for_good_costs_the_recipe(tmp_path):
    run = zerosum.train(one_bad_step(at=900, for_good=True), **FRESH, doctor="treat", out=tmp_path / "run")
    (revision,) = run.plan["revisions"]
    assert (revision["because"], revision["change"]) == ("nan", "another recipe")
    assert run.plan["recipe"] == "r3gan"
    assert torch.isfinite(run.sample(16)).all()


def test_another_recipe_may_be_forbidden(tmp_path):
    with pytest.raises(zerosum.TrainingFailed, match="NaN"):
        zerosum.train(
            one_bad_step(at=900, for_good=True), **FRESH, doctor="treat", doctor_switch=False, out=tmp_path / "run"
        )


def read(run) -> list[dict]:
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
