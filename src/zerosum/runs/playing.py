"""A plan played in a run directory: begun or resumed, evaluated on the way, with a report whatever happens."""

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from zerosum.diagnosis.beforehand import carry_over, cheap, keep, kept, of_data
from zerosum.diagnosis.doctor import Doctor, announced
from zerosum.diagnosis.treatment import MENDABLE, WORTH, length_again
from zerosum.errors import Interrupted, NotFinite, Terminated, TrainingFailed, UserError
from zerosum.games.pair import PRECISE
from zerosum.metrics.observer import Evaluating
from zerosum.processes import is_first_process
from zerosum.runs.attempts import Again, Back, Change, changes_made, next_change, next_step, record, set_aside
from zerosum.runs.checking import Check, names
from zerosum.runs.directory import new_run_directory, read_plan
from zerosum.runs.doctoring import Doctoring
from zerosum.runs.judging import DataJudge, Wishes, without_variation
from zerosum.runs.judging import settle as settle_evaluation
from zerosum.runs.report import write_report
from zerosum.runs.setup import Setup, revised, write_plan
from zerosum.training.devices import is_coarse, make_fabric, refuse_uneven, threads
from zerosum.training.engine import Engine
from zerosum.training.observers import Observer
from zerosum.training.plan import Plan
from zerosum.training.progress import Progress, follow


@dataclass(frozen=True, kw_only=True)
class Training:
    """A plan and the processes that play it.

    Attributes:
        setup: what it is made from.
        plan: what is played.
        wishes: how it is evaluated on the way.
        doctoring: whether the doctor looks after it; settled.
        document: its `plan.json`.
        fabric: of its devices; launched when the training is begun or resumed.
        observers: of the user's, called after the evaluation and the doctor.
        progress: whether progress is shown.
        checked: what its data were found to be, where the recipe was chosen by that.
    """

    setup: Setup
    plan: Plan
    wishes: Wishes
    doctoring: Doctoring
    document: Mapping[str, Any]
    fabric: Fabric
    observers: Sequence[Observer]
    progress: bool
    checked: Check | None = None

    def begin(self, out: str | Path | None) -> "tuple[Path, Training]":
        """Play from the beginning.

        Returns:
            The new directory, `out` or the next free one under `runs/`; and the training that was played last, another
            one where the doctor had it begin again.
        """
        path = new_run_directory(out, self.setup.name, self.setup.data.name) if is_first_process() else None
        self.fabric.launch()
        run = Path(self.fabric.broadcast(str(path)))
        with stopped_at_once(run):
            if self.fabric.is_global_zero:
                write_first_plan(run, self.document)
                with contextlib.suppress(OSError):  # a full disk is told by the training
                    self.examine([run])
            self.fabric.barrier()  # all of them read it
            listener = self._listener()
            self.tell_of_data(run, listener)
            return run, self._play(run, self.engine(run, listener), listener)

    def resume(self, run: Path, document: Mapping[str, Any]) -> "Training":
        """Go on from the newest whole checkpoint.

        Args:
            run: the directory.
            document: its `plan.json` as it is to be, but for a new length.

        Returns:
            The training that was played last.

        Raises:
            UserError: the checkpoint is of another training, or there is nothing left to train.
        """
        self.fabric.launch()
        with stopped_at_once(run):
            if (treated := self._treated(run, None)) is not None:  # a kill came between a decision and its act
                return treated
            listener = self._listener()
            engine = self.engine(run, listener)
            engine.resume()
            listener.samples_seen = engine.position.samples_seen
            refuse_finished(run, listener.samples_seen, self.plan.length_samples)
            if self.fabric.is_global_zero:
                document = revised(document, listener.samples_seen, self.plan.length_samples)
                if document != read_plan(run):
                    write_plan(run, document)
            return self._play(run, engine, listener)

    def _play(self, run: Path, engine: Engine, listener: Progress) -> "Training":
        """Play to the end, and once more whenever the doctor changes something; the training that was played last."""
        failure: NotFinite | None = None
        try:
            self._once(run, engine, listener)
        except NotFinite as error:
            failure = error
        if (treated := self._treated(run, failure)) is not None:
            return treated
        if failure is not None:
            raise failure
        return self

    def _treated(self, run: Path, failure: NotFinite | None) -> "Training | None":
        """What the doctor makes of a training that stopped: None, nothing."""
        if not self.doctoring.treats:
            return None
        most = (1 - WORTH) * self.plan.length_samples + (self.doctoring.spare_samples or 0)
        step = next_step(run, failure, partial(self._change, run), most) if self.fabric.is_global_zero else None
        match self.fabric.broadcast(step):
            case Back(controls):
                return self._back(run, controls)
            case Again(because, spent):
                change = self._change(run, because)
                assert change is not None
                self.fabric.barrier()
                return self._again(run, change, because, spent)
        return None

    def _change(self, run: Path, because: str) -> Change | None:
        """What would be changed at a new beginning because of a kind of finding."""
        made, switch = changes_made(read_plan(run)), self.doctoring.doctor_switch
        return next_change(self.setup, self.plan.game, made, switch=switch, because=because)

    def _mendable(self, run: Path) -> tuple[str, ...]:
        """Kinds of findings for which a new beginning is left."""
        return tuple(kind for kind in MENDABLE if self._change(run, kind) is not None) if self.doctoring.treats else ()

    def _back(self, run: Path, controls: Mapping[str, float]) -> "Training":
        """Go on from the newest whole checkpoint with learning rates of which `controls` are the factors."""
        listener = self._listener()
        engine = self.engine(run, listener)
        engine.resume()
        for name, factor in controls.items():
            engine.position.controls[name] *= factor
        if PRECISE in engine.position.controls and is_coarse(self.fabric.autocast):
            engine.position.controls[PRECISE] = 1.0
        engine.save()
        return self._play(run, engine, listener)

    def _again(self, run: Path, change: Change, because: str, spent: int) -> "Training":
        """Begin again with something changed, after an attempt that saw `spent` samples."""
        spare, whole = self.doctoring.spare_samples or 0, self.plan.length_samples
        length = length_again(whole, spare, spent)
        setup = replace(change.setup, given={**change.setup.given, "length_samples": length})
        plan = setup.plan()
        care = replace(self.doctoring, every_samples=None, spare_samples=whole + spare - spent - length).settled(plan)
        revision = {"samples_seen": spent, "change": change.name, "why": change.why, "because": because}
        document = planned(setup, plan, self.wishes, care)
        if self.fabric.is_global_zero:
            then = read_plan(run)
            revisions = [*then["revisions"], {**revision, "length_samples": length}]
            document |= {"created": then["created"], "revisions": revisions}
            carry_over(set_aside(run), run)
            write_plan(run, document)
        self.fabric.barrier()
        training = replace(self, setup=setup, plan=plan, doctoring=care, document=document)
        listener = training._listener()
        listener.message(f"Doctor: begins again with {change.why}.")
        return training._play(run, training.engine(run, listener), listener)

    def _once(self, run: Path, engine: Engine, listener: Progress) -> None:
        alone = self.fabric.world_size == 1
        try:
            with listener, threads(self.setup.threads_for(self.plan)) if alone else contextlib.nullcontext():
                self._compile(run, engine)
                engine.play()
        except BaseException as error:
            with contextlib.suppress(UserError, OSError):  # a full disk is not to hide what stopped the training
                if isinstance(error, TrainingFailed) and self.fabric.is_global_zero:
                    note_failure(run, engine.position.samples_seen, error)
                self._report(run)
            raise
        self._report(run)

    def _compile(self, run: Path, engine: Engine) -> None:
        """Settle whether losses are compiled; from then on `plan.json` says so."""
        wanted = str(read_plan(run)["training"].get("compile", "off"))
        decided = "on" if engine.compile(wanted) else "off"
        if wanted == "auto" and self.fabric.is_global_zero:
            document = read_plan(run)
            write_plan(run, document | {"training": document["training"] | {"compile": decided}})

    def _report(self, run: Path) -> None:
        if self.fabric.is_global_zero:
            write_report(run)

    def examine(self, runs: Sequence[Path]) -> None:
        """Keep in each run what is found in the data, where that is known or found at little cost."""
        data = self.setup.data
        for run in runs:
            if self.checked is not None:
                keep(run, self.checked.data, self.checked.examination)
            elif run != runs[0]:
                carry_over(runs[0], run)
            elif self.doctoring.every_samples is not None and cheap(data, self.plan.length_samples):
                of_data(run, data, names(self.setup.source, self.setup.data_options, progress=False))

    def tell_of_data(self, run: Path, listener: Progress) -> None:
        """Say what is wrong with the data, once, before the training begins."""
        if self.doctoring.every_samples is not None:
            for finding in kept(run):
                listener.message(announced(finding))

    def _listener(self) -> Progress:
        return follow(self.plan.length_samples, show=self.progress and self.fabric.is_global_zero)

    def engine(self, run: Path, listener: Progress) -> Engine:
        """What plays it in the directory."""
        return Engine(
            self.plan,
            self.setup.data,
            run=run,
            fabric=self.fabric,
            seed=self.setup.seed,
            identity=self.setup.identity(self.plan),
            observers=[*self._evaluating(run, listener), *self._doctor(run, listener), *self.observers],
            listener=listener,
            microbatch=self.setup.microbatch,
        )

    def _evaluating(self, run: Path, listener: Progress) -> list[Observer]:
        """What evaluates the training on the way: one observer, or none."""
        data, game = without_variation(self.setup), self.plan.game
        asked = settle_evaluation(self.wishes, data, game, every_samples=self.plan.snapshot_every_samples)
        if asked is None:
            return []
        judge = DataJudge(
            asked,
            data,
            next(iter(game.samplers.values())),
            seed=self.setup.seed,
            device=self.fabric.device,
            tick=lambda: listener.update(listener.samples_seen, listener.values),
        )
        evaluating = Evaluating(
            asked,
            judge,
            run,
            length_samples=self.plan.length_samples,
            first=self.fabric.is_global_zero,
            spread=self.fabric.broadcast,
            tell=listener.message,
        )
        return [evaluating]

    def _doctor(self, run: Path, listener: Progress) -> list[Observer]:
        """Who looks after the training: one observer, or none."""

        def show(words: str) -> None:
            listener.words = words

        found = self.doctoring.observers(
            run,
            mendable=self._mendable(run),
            batch_size=self.plan.batch_size,
            first=self.fabric.is_global_zero,
            tell=listener.message,
            show=show,
            spread=self.fabric.broadcast,
        )
        return [spared(doctor, run) for doctor in found]


def spared(doctor: Doctor, run: Path) -> Doctor:
    """A doctor who does not say again what was said of the data when the training began."""
    doctor.told = doctor.there = {(finding.kind, finding.sampler) for finding in kept(run)}
    return doctor


def prepare(
    setup: Setup,
    wishes: Wishes,
    doctoring: Doctoring,
    observers: Sequence[Observer],
    progress: bool,
    checked: Check | None = None,
) -> Training:
    """A training that is ready to be played; nothing is written yet.

    Raises:
        UserError: what is wished cannot be measured, or the devices cannot play the plan.
    """
    refuse_no_observers(observers)
    plan = setup.plan()
    doctoring = doctoring.settled(plan)
    document = planned(setup, plan, wishes, doctoring)
    fabric = make_fabric(setup.device, setup.devices, setup.precision_for(plan))
    refuse_uneven(plan.batch_size, fabric.world_size)
    return Training(
        setup=setup,
        plan=plan,
        wishes=wishes,
        doctoring=doctoring,
        document=document,
        fabric=fabric,
        observers=observers,
        progress=progress,
        checked=checked,
    )


def refuse_no_observers(observers: Any) -> None:
    """Raise a UserError for what cannot observe a training."""
    if not isinstance(observers, Sequence) or isinstance(observers, str):
        raise UserError(f"observers is {observers!r}; it takes a list of them.")
    for one in observers:
        if not callable(one) or not isinstance(getattr(one, "every_samples", None), int):
            raise UserError(
                f"{one!r} is no observer: it is called with the state of the training every `every_samples` samples, "
                "which must be an attribute of it (zerosum.training.observers)."
            )


def planned(setup: Setup, plan: Plan, wishes: Wishes, doctoring: Doctoring) -> dict[str, Any]:
    """`plan.json`."""
    asked = settle_evaluation(wishes, setup.data, plan.game, every_samples=plan.snapshot_every_samples)
    care = doctoring.settled(plan).document()
    return setup.document(plan) | {"evaluation": wishes.document(asked), "doctor": care}


def write_first_plan(run: Path, document: Mapping[str, Any]) -> None:
    """Write the plan into a new directory, or leave none behind."""
    try:
        write_plan(run, document)
    except UserError:
        run.rmdir()
        raise


@contextlib.contextmanager
def stopped_at_once(run: Path, first: Path | None = None) -> Iterator[None]:
    """Say where a training stands whose user did not wait for the end of a round, or stopped it before the first.

    `first` is that of several in `run`, which are resumed one by one.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        words = f"Stopped at once; what was saved last is in {run}. Go on with: zerosum resume "
        words += str(run) if first is None else f"{first} …"
        raise Interrupted(signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT, words) from None


def note_failure(run: Path, samples_seen: int, error: TrainingFailed) -> None:
    """Say at the end of the log why the training ended; a resumed training takes the line back."""
    record(run, samples_seen, {"note": f"failed: {error}"})


def refuse_finished(run: Path, samples_seen: int, length_samples: int) -> None:
    """Raise a UserError when there is nothing left to train."""
    if samples_seen >= length_samples:
        raise UserError(
            f"{run} has already seen {samples_seen:,} samples of {length_samples:,}; give a larger --length-samples."
        )
