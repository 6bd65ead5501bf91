"""What is changed at a new beginning, and what becomes of the attempt before."""

import json

import pytest

from zerosum import recipes
from zerosum.diagnosis.treatment import again_because
from zerosum.errors import NotFinite
from zerosum.runs.attempts import (
    BACK,
    OTHER_RECIPE,
    OWN_NUMBERS,
    PACKED,
    STEADIED,
    Again,
    Back,
    Change,
    next_change,
    next_step,
    record,
    set_aside,
)
from zerosum.runs.setup import settle


def setup(recipe="gan", data="ring", **given):
    return settle(recipe, data, given, device="cpu", precision="float32", progress=False)


def ladder(made, switch: bool = True, because: str = "") -> list[str]:
    """Names of all changes in their order, each setup from the change before."""
    tried: list[str] = []
    while (change := next_change(made, made.plan().game, tuple(tried), switch=switch, because=because)) is not None:
        tried.append(change.name)
        made = change.setup
        made.plan()  # can be built
    return tried


def test_what_the_user_changed_is_changed_back_first():
    made = setup(lr=1.0, length_samples=5_000)
    change = next_change(made, made.plan().game, (), switch=True)
    assert change is not None
    assert (change.name, change.setup.name) == (OWN_NUMBERS, "gan")
    assert dict(change.setup.given) == {"length_samples": 5_000}
    assert "lr" in change.why


def test_networks_of_the_users_own_give_way_to_the_recipes():
    from zerosum.networks.mlp import MLPCritic

    made = setup(critic=MLPCritic(setup().data.space, width=2, depth=1))
    change = next_change(made, made.plan().game, (), switch=True)
    assert change is not None
    assert change.name == OWN_NUMBERS
    assert not change.setup.own


@pytest.mark.parametrize(
    ("made", "switch", "expected"),
    [
        (lambda: setup(), True, [OTHER_RECIPE]),
        (lambda: setup(), False, [STEADIED]),
        (lambda: setup(lr=1.0), True, [OWN_NUMBERS, OTHER_RECIPE]),
        (lambda: setup(lr=1.0), False, [OWN_NUMBERS, STEADIED]),
        (lambda: setup("wgan-gp", "digits", resolution="16"), False, [STEADIED]),
        (lambda: setup("r3gan"), True, []),
        (lambda: setup("r3gan", gamma=50.0), True, [OWN_NUMBERS]),
        (lambda: setup("cgan", "digits", resolution="16", lr=1.0), False, [OWN_NUMBERS]),
        (lambda: setup(recipes.recipe("gan")), True, [OTHER_RECIPE]),
    ],
)
def test_changes_come_from_the_nearest_to_what_was_asked_for_to_the_farthest(made, switch, expected):
    assert ladder(made(), switch) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: setup(), [STEADIED, PACKED]),
        (lambda: setup("wgan-gp", "digits", resolution="16"), [STEADIED, PACKED]),
        (lambda: setup(batch_size=31), [OWN_NUMBERS, STEADIED, PACKED]),
        (lambda: setup("cgan", "digits", resolution="16"), []),
        (lambda: setup("progan", "digits", resolution="16", pac=2), [OWN_NUMBERS, PACKED]),
    ],
)
@pytest.mark.parametrize("because", ["collapse", "partial"])
def test_where_variety_is_missing_samples_are_judged_in_packs_at_last(made, expected, because):
    assert ladder(made(), switch=False, because=because) == expected
    assert PACKED not in ladder(made(), switch=False, because="blind")


def test_what_is_steadied_has_the_rates_of_the_recipe_that_lends_them():
    change = next_change(setup(), setup().plan().game, (), switch=False)
    played = [made.plan().game.players for made in (change.setup, setup("r3gan"))]
    rates, lent = ({name: player.optimizer.lr for name, player in players.items()} for players in played)
    assert rates == lent
    assert rates["D"] > rates["G"]


def test_where_the_loss_must_stay_it_stays():
    made = setup("gan", loss="minimax")
    change = next_change(made, made.plan().game, (OWN_NUMBERS,), switch=False)
    assert change is not None
    assert change.setup.given["loss"] == "minimax"
    assert change.setup.given["r1"] > 0
    assert change.setup.plan().pace["r1"](0) > 1


@pytest.fixture
def run(tmp_path):
    """A directory as an attempt leaves it."""
    path = tmp_path / "run"
    (path / "checkpoints" / "000000320").mkdir(parents=True)
    (path / "samples").mkdir()
    (path / "samples" / "000000320.png").write_bytes(b"")
    data = {"name": "ring", "kind": "points", "shape": [2], "fingerprint": "abc"}
    parts: dict = {"recipe": "gan", "options": {}, "data": data, "training": {}, "resumable": True}
    (path / "plan.json").write_text(json.dumps({"format": 1, **parts, "revisions": []}))
    (path / "log.jsonl").write_text(json.dumps({"samples_seen": 400, "D/adversarial": 1.0}) + "\n")
    return path


def names(path) -> set[str]:
    return {str(entry.relative_to(path)) for entry in path.rglob("*") if entry.is_file()}


def test_an_attempt_is_set_aside_whole(run):
    before = names(run)
    kept = set_aside(run)
    assert kept == run / "attempts" / "1"
    assert names(kept) == before
    assert {entry.name for entry in run.iterdir()} == {"plan.json", "attempts"}


def test_a_set_aside_that_was_killed_is_finished(run):
    """The plan is written last: until then the attempt is played once more from its beginning, and set aside anew."""
    set_aside(run)
    (run / "log.jsonl").write_text("{}\n")
    (run / "samples").mkdir()
    (run / "samples" / "000000640.png").write_bytes(b"")
    kept = set_aside(run)
    assert kept == run / "attempts" / "1"
    assert names(kept) == {"plan.json", "log.jsonl", "samples/000000640.png"}


CHANGE = Change(OTHER_RECIPE, "another", None)  # type: ignore[arg-type]


def always(change):
    """The same change, whatever is the case."""
    return lambda because: change


def test_a_new_beginning_is_made_only_for_what_it_is_against(run):
    """Packs of samples are no answer to a blind critic."""
    record(run, 400, again_because("blind", "begins again"))
    assert next_step(run, None, {"collapse": CHANGE}.get, 1_000) is None
    record(run, 400, again_because("collapse", "begins again"))
    assert next_step(run, None, {"collapse": CHANGE}.get, 1_000) == Again("collapse", 400)


def test_nothing_follows_a_training_that_the_doctor_left_alone(run):
    assert next_step(run, None, always(CHANGE), 1_000) is None


def test_what_the_doctor_decided_is_done_also_after_a_kill(run):
    record(run, 400, again_because("collapse", "begins again"))
    assert next_step(run, None, always(CHANGE), 1_000) == Again("collapse", 400)
    assert next_step(run, None, always(CHANGE), 1_000) == Again("collapse", 400)
    assert next_step(run, None, always(None), 1_000) is None


def test_after_a_figure_that_was_not_finite_it_goes_back_and_then_begins_again(run):
    (run / "checkpoints" / "000000320" / "state.json").write_text("{}")
    for _ in range(BACK):
        assert isinstance(next_step(run, NotFinite("NaN"), always(CHANGE), 1_000), Back)
    assert next_step(run, NotFinite("NaN"), always(CHANGE), 1_000) == Again("nan", 400)
    assert next_step(run, NotFinite("NaN"), always(None), 1_000) is None


def test_without_a_checkpoint_it_begins_again_at_once(run):
    (run / "checkpoints" / "000000320").rmdir()
    assert next_step(run, NotFinite("NaN"), always(CHANGE), 1_000) == Again("nan", 400)


def test_near_the_end_there_is_no_new_beginning(run):
    (run / "checkpoints" / "000000320").rmdir()
    assert next_step(run, NotFinite("NaN"), always(CHANGE), 399) is None
    assert "treatment" not in (run / "log.jsonl").read_text()
