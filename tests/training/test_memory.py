"""A batch worked on in pieces comes to the same as the whole; where it does not, that is said; memory that runs out."""

import json

import pytest
import torch

import zerosum
from zerosum import recipes
from zerosum.draw import Draw
from zerosum.errors import TrainingFailed, UserError
from zerosum.games import Game, Phase, Result
from zerosum.runs.setup import settle
from zerosum.training.engine import Engine
from zerosum.training.journal import read_lines
from zerosum.training.moves import EngineMove
from zerosum.training.pieces import Pieces, cut, rows
from zerosum.training.position import tensors_of
from zerosum.training.tally import Entry
from zerosum.training.tracing import flat, unchanged

COUPLED = {
    **dict.fromkeys(("dcgan", "lsgan", "sngan", "cgan", "acgan", "projection", "infogan", "sgan"), "DG"),
    **dict.fromkeys(("sagan", "biggan"), "DG"),
    "dragan": "D",  # by the deviation over the batch
    **dict.fromkeys(("progan", "stylegan"), "DG"),  # by the deviation over four samples
    "stylegan2": ("D", "D_r1", "D_r2", "G", "G_path_length"),
    "stylegan3": ("D", "D_r1", "D_r2", "G"),
}
"""Whose losses look at several samples at once: most networks for images have batch normalisation."""
TRICKS = {"instance_noise": 0.1, "label_smoothing": 0.1, "pac": 2, "r1": 0.1, "r2": 0.1}
APART = {"mode_seeking": 0.1, "feature_matching": 0.1, "top_k": 0.5, "unrolled": 2, "minibatch": "discrimination"}


@pytest.fixture
def engine_of(tiny, tmp_path, fabric):
    """An engine at the beginning of a tiny training, with what it is told."""

    def make(name: str, microbatch: int | None = None, **changes) -> tuple[Engine, list[str]]:
        how = tiny(name, **changes)
        for other in ("precision", "device", "progress", "evaluate"):
            how.pop(other)
        setup = settle(how.pop("recipe"), how.pop("data"), how, microbatch=microbatch)
        told: list[str] = []
        listener = type("Listener", (), {"message": lambda self, text: told.append(text)})()
        given = {"run": tmp_path, "fabric": fabric, "seed": 0, "identity": {}, "microbatch": microbatch}
        return Engine(setup.plan(), setup.data, listener=listener, **given), told

    return make


def gradients(engine: Engine, phase: Phase, pieces: Pieces) -> tuple[torch.Tensor, Entry]:
    move = EngineMove(engine.table, phase, 0, 0)
    move.thaw()
    batch, draw = engine.table.dealer.deal(phase, 0, 0)
    with unchanged(engine.plan.game):
        found, entry = move.computed(batch, draw, engine.position.controls, pieces)
    return flat(found), entry


def check_equal(engine: Engine, size: int) -> None:
    for phase in engine.plan.game.phases:
        (whole, told), (parts, heard) = (gradients(engine, phase, pieces) for pieces in (Pieces(), Pieces(size)))
        torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5 * float(whole.norm()))
        assert heard.names == told.names
        torch.testing.assert_close(heard.values, told.values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in recipes.names() if name not in COUPLED])
def test_pieces_come_to_the_whole_where_samples_stand_for_themselves(engine_of, name):
    engine, told = engine_of(name, 4)
    check_equal(engine, 4)
    engine.round()
    assert not told


def test_tricks_that_look_at_single_samples_or_packs_come_to_the_whole(engine_of):
    engine, told = engine_of("gan", 2, **TRICKS)
    check_equal(engine, 2)
    engine.round()
    assert not told


@pytest.mark.parametrize("name", COUPLED)
def test_where_losses_look_at_several_samples_it_is_said_plainly(engine_of, name):
    engine, told = engine_of(name, 4)
    engine.round()
    (line,) = told
    assert line.startswith(f"4 samples at a time: losses of {', '.join(COUPLED[name])} look at several samples at once")
    engine.round()
    assert len(told) == 1


@pytest.mark.parametrize("trick", APART)
def test_tricks_that_look_at_the_batch_are_said_plainly(engine_of, trick):
    engine, told = engine_of("gan", 16, batch_size=32, unrolled_lr=0.1, **{trick: APART[trick]})
    engine.memory.look()
    assert "not the training of the whole batch" in told[0]


def test_packs_are_not_torn(engine_of):
    engine, _ = engine_of("gan", 1, pac=2)
    with pytest.raises(UserError, match="cannot be worked on 1 samples at a time: Packs of 2 samples"):
        engine.round()


def test_image_pools_are_the_same_in_pieces(engine_of):
    """Rounds in which pictures are swapped: slots of the batch keep theirs, whatever piece they are in."""
    states = []
    for microbatch in (None, 4):
        engine, _ = engine_of("cyclegan", microbatch, pool_size=8, lr=0.0)
        for _ in range(4):
            engine.round()
        states.append(dict(engine.plan.game.state.state_dict()))
    assert states[0]["pool_A.filled"].min() > 0
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value)


def test_a_batch_is_cut_into_pieces_of_one_size_with_their_own_numbers(engine_of):
    engine, _ = engine_of("gan")
    batch, draw = engine.table.dealer.deal(engine.plan.game.phases[0], 0, 0)
    parts = list(cut(batch, draw, 4))
    assert torch.equal(torch.cat([part.real for part, _ in parts]), batch.real)
    assert torch.equal(torch.cat([own.sub("z").normal(2, 3) for _, own in parts]), draw.sub("z").normal(8, 3))
    assert len(rows(batch, 2, 5)) == 3


@pytest.mark.parametrize(("rank", "world"), [(0, 2), (1, 2), (2, 3)])
def test_pieces_of_a_process_are_pieces_of_the_whole_batch(rank, world):
    whole = Draw("x").uniform(4 * world, 2)
    own = Draw("x", rank=rank, world=world)
    parts = [own.piece(index, 2).uniform(2, 2) for index in range(2)]
    assert torch.equal(torch.cat(parts), whole[rank * 4 : (rank + 1) * 4])


# --- memory that runs out ---


def short_of_memory(game: Game, most: int, error: RuntimeError) -> Game:
    """The same, in a memory that holds the losses of so many samples."""

    def hungry(loss):
        def of(batch, draw, controls) -> Result:
            if len(batch) > most:
                raise error
            return loss(batch, draw, controls)

        return of

    game.phases = tuple(Phase(p.name, p.players, hungry(p.loss), p.every, p.repeats, p.stream) for p in game.phases)
    return game


OUT = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def finished(make_engine, make_plan, game, run, **how):
    engine = make_engine(make_plan(game, length_samples=48, checkpoint_every_samples=16), run=run, **how)
    engine.play()
    return engine


def test_memory_that_runs_out_halves_the_pieces_and_goes_on(make_engine, make_plan, make_game):
    """It ends where a training ends that had such pieces from the beginning, and says so once."""
    roomy = finished(make_engine, make_plan, make_game(norm="none"), "roomy", microbatch=2)
    game = short_of_memory(make_game(norm="none"), 2, OUT)
    tight = finished(make_engine, make_plan, game, "tight")
    said = [
        "Out of memory: 4 samples at a time from here on, not 8.",
        "Out of memory: 2 samples at a time from here on, not 4.",
    ]
    assert tight.listener.messages == said
    assert [line["note"] for line in read_lines(tight.run / "log.jsonl") if "note" in line] == said
    ours, theirs = (tensors_of(engine.plan.game.networks) for engine in (tight, roomy))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_what_was_decided_is_kept_on_resume(make_engine, make_plan, make_game):
    finished(make_engine, make_plan, short_of_memory(make_game(norm="none"), 4, OUT), "run")
    again = make_engine(make_plan(make_game(norm="none"), length_samples=64), run="run")
    again.resume()
    assert again.memory.at_a_time == 4
    again.play()
    state = max((again.run / "checkpoints").iterdir()) / "state.json"
    assert json.loads(state.read_text())["microbatch"] == 4


def test_normalised_networks_go_on_too_and_say_what_changes(make_engine, make_plan, make_game):
    engine = finished(make_engine, make_plan, short_of_memory(make_game(), 4, OUT), "run")
    assert len(engine.listener.messages) == 2
    assert "not the training of the whole batch" in engine.listener.messages[1]


def test_one_sample_that_does_not_fit_ends_the_training(make_engine, make_plan, make_game):
    with pytest.raises(TrainingFailed, match="one sample at a time"):
        finished(make_engine, make_plan, short_of_memory(make_game(norm="none"), 0, OUT), "run")


def test_other_errors_are_not_taken_for_it(make_engine, make_plan, make_game):
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        finished(make_engine, make_plan, short_of_memory(make_game(norm="none"), 4, error), "run")


def test_the_command_line_takes_pieces_and_resumes_with_them(tiny, as_flags, content, tmp_path):
    how = tiny("gan", microbatch=4)
    whole = zerosum.train(**how, out=tmp_path / "whole")
    assert whole.plan["training"]["microbatch"] == 4
    from zerosum.cli import main

    part = tmp_path / "part"
    assert main(["train", *as_flags(**how | {"length_samples": 24}), "--out", str(part)]) == 0
    assert main(["resume", str(part), "--length-samples", "48"]) == 0
    ours, theirs = content(part), content(whole.path)
    assert all(ours[name] == theirs[name] for name in theirs if name.startswith("checkpoints/000000048"))
