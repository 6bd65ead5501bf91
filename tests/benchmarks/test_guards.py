"""The guards against slow growth: counts of calls, flat memory, the model of many devices."""

import json

import calls
import flatness
import playing
import pytest
import scale
from speed import Flop

from zerosum import recipes


def test_counts_of_a_round_do_not_waver_and_jumps_are_named(tmp_path, capsys):
    record = tmp_path / "calls.json"
    assert calls.main(["--only", "gan", "--check"], record) == 1
    assert "nothing is on record" in capsys.readouterr().out
    assert calls.main(["--only", "gan", "--record"], record) == 0
    kept = json.loads(record.read_text())
    assert calls.main(["--only", "gan", "--check"], record) == 0
    assert "no count has jumped" in capsys.readouterr().out
    kept["recipes"]["gan"]["operations"] = int(kept["recipes"]["gan"]["operations"] / 1.12)
    record.write_text(json.dumps(kept))
    assert calls.main(["--only", "gan", "--check"], record) == 1
    assert "gan: " in (line := capsys.readouterr().out.splitlines()[-1])
    assert "operations a round, +12% on record" in line


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("r3gan", {}),
        ("stylegan2", {}),
        ("cyclegan", {}),
        ("infogan", {}),
        ("cgan", {"conditioning": "concatenation"}),
        ("acgan", {}),
    ],
)
def test_nothing_in_a_round_waits_for_the_device(recipe, options):
    with playing.engine(recipe, **playing.small(recipe) | options) as engine:
        calls.first_round(engine)
        with calls.Operations() as operations:
            calls.first_round(engine)
    assert operations.total > 100
    assert operations.waits == 0


def test_a_tenth_is_no_jump_and_new_recipes_are_none():
    then = {"a": {"operations": 100, "waits": 0, "python_calls": 100}}
    now = {"a": {"operations": 110, "waits": 1, "python_calls": 111}, "b": {"operations": 1}}
    jumped = ["a: 1 waits a round, 0 on record", "a: 111 python calls a round, +11% on record"]
    assert calls.jumps(now, then) == jumped


def test_every_recipe_has_a_small_training():
    assert playing.SMALL.keys() <= recipes.names().keys()
    assert {name: playing.small(name)["batch_size"] for name in recipes.names()} == dict.fromkeys(recipes.names(), 8)


@pytest.mark.parametrize(("slope", "expected"), [(0.0, set()), (1.0, {"resident_mib"})])
def test_what_grows_is_named(slope, expected):
    lines = [{"resident_mib": 300 + slope * k, "files": 12.0, "threads": 4.0} for k in range(41)]
    assert flatness.grown(lines).keys() == expected
    lines[-5:] = [line | {"files": 13.0} for line in lines[-5:]]
    assert flatness.grown([*lines, *lines[-6:]]).keys() == expected | {"files"}


def test_a_small_training_is_watched_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(flatness, "EVERY", 2)
    for _ in range(2):
        flatness.main(["--rounds", "6"], tmp_path)
    lines = flatness.read(tmp_path / "seen.jsonl")
    assert [int(line["rounds"]) for line in lines] == [2, 4, 6, 8, 10, 12]
    assert all(line["files"] > 0 and line["threads"] > 0 and line["resident_mib"] > 1 for line in lines)


def test_the_model_of_many_devices():
    """t = F B / (N p s) + o + 2 (N - 1) / N G / w + 2 log2(N) l m."""
    work = scale.Work(flop=1e9, gradient_bytes=1e8, messages=10)
    machines = scale.Machines(flop_a_second=1e14, share=0.5, link_bytes_a_second=1e10, latency=1e-5, overhead=1e-3)
    assert machines.seconds(work, 800, 1) == pytest.approx((0.016 + 0.001, 0.0))
    assert machines.seconds(work, 800, 8) == pytest.approx((0.002 + 0.001, 0.0175 + 6e-4))


def test_work_is_counted_by_how_often_phases_are_played():
    with playing.engine("wgan", **playing.small("wgan") | {"critic_steps": "5"}) as engine:
        work = scale.work_of(engine)
        sizes = {name: sum(4 * p.numel() for p in mover.parameters) for name, mover in engine.position.movers.items()}
        with Flop() as flop:
            engine.round()
    assert work.gradient_bytes == 5 * sizes["D"] + sizes["G"]
    assert work.messages == 6
    assert work.flop == pytest.approx(flop.total / 8)
