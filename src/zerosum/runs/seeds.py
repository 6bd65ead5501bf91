"""Many seeds of one training side by side: a folder with a run a seed, each whole, as if it had been trained alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zerosum.errors import Interrupted, UserError
from zerosum.games import JOINT
from zerosum.processes import is_first_process
from zerosum.runs.directory import new_run_directory
from zerosum.runs.playing import Training, note_failure, stopped_at_once, write_first_plan
from zerosum.runs.report import write_report
from zerosum.runs.setup import OWN, Setup
from zerosum.training.compiling import worth_compiling
from zerosum.training.devices import threads
from zerosum.training.progress import follow
from zerosum.training.side_by_side import SideBySide

MOST = 1024
"""Seeds at once; more were likely meant for --seed."""


def seeded(setup: Setup, seeds: int) -> list[Setup]:
    """The same with each of `seeds` seeds, from its own one up.

    Raises:
        UserError: there cannot be so many, or parts from Python would be shared.
    """
    if not 1 <= seeds <= MOST:
        raise UserError(f"seeds is {seeds}; it is how many, from 1 to {MOST}.")
    if setup.devices != 1:
        raise UserError("Seeds are trained side by side on one device; leave --devices away.")
    if setup.microbatch is not None:
        raise UserError("Seeds are trained side by side with whole batches; leave --microbatch away.")
    if {*OWN} & {*setup.given}:
        raise UserError("Networks of your own would be shared by all seeds; give a recipe that makes them.")
    return [replace(setup, seed=setup.seed + place, trainings=seeds) for place in range(seeds)]


def train_side_by_side(trainings: Sequence[Training], out: str | Path | None) -> list[Path]:
    """Play all from the beginning.

    Args:
        trainings: of one plan, with different seeds.
        out: the new directory of all; None: the next free one under `runs/`.

    Returns:
        The run directories, `seed-<seed>` below.

    Raises:
        UserError: the plan cannot be played so.
        Interrupted: a signal came; all are saved, or as they were saved last.
        TrainingFailed: nothing can be written.
    """
    first = trainings[0]
    refuse(first)
    assert is_first_process()
    whole = new_run_directory(out, first.setup.name, first.setup.data.name)
    first.fabric.launch()
    runs = [whole / f"seed-{training.setup.seed}" for training in trainings]
    with stopped_at_once(whole, runs[0]):
        for run, training in zip(runs, trainings, strict=True):
            run.mkdir()
            write_first_plan(run, training.document)
        first.examine(runs)
        listener = follow(first.plan.length_samples, show=first.progress)
        first.tell_of_data(runs[0], listener)
        listeners = [listener, *(follow(first.plan.length_samples, show=False) for _ in trainings[1:])]
        engines = [
            replace(training, fabric=first.fabric).engine(run, heard)
            for training, run, heard in zip(trainings, runs, listeners, strict=True)
        ]
        rounds = len(engines) * first.plan.length_samples // first.plan.batch_size
        code = worth_compiling(first.setup.compile, first.plan, engines[0].table, rounds)
        played = SideBySide(engines, code, listener.message)
        try:
            with listener, threads(first.setup.threads_for(first.plan)):
                played.play()
        except Interrupted as stopped:
            words = f"All {len(runs)} seeds are saved. Go on with each: zerosum resume {runs[0]} …"
            raise Interrupted(stopped.signal, words) from None
        finally:
            for place, failure in played.failed.items():
                note_failure(runs[place], engines[place].position.samples_seen, failure)
            for run in runs:
                write_report(run)
    return runs


def refuse(training: Training) -> None:
    """Raise a UserError for what is played alone."""
    if training.doctoring.treats:
        raise UserError("Seeds side by side share their play, so none can be treated; train with --doctor watch.")
    if (order := training.plan.order(0)) in JOINT:
        raise UserError(f"order = {order!r} is played for one seed at a time; leave --seeds away.")
