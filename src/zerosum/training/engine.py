"""The engine plays a plan: rounds, reports, pictures, checkpoints. It knows neither images nor G and D."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor

from zerosum.collectives import EXCHANGES
from zerosum.data.core import Data
from zerosum.draw import Draw
from zerosum.errors import Interrupted, NotFinite, TrainingFailed
from zerosum.games import PLAYS, Networks, Phase
from zerosum.training import checkpoints
from zerosum.training.checkpoints import Checkpoint
from zerosum.training.classifying import Classifying
from zerosum.training.compiling import settle_compiling
from zerosum.training.dealing import Dealer
from zerosum.training.devices import refuse_uneven
from zerosum.training.interruption import Signals
from zerosum.training.journal import Journal
from zerosum.training.memory import Memory
from zerosum.training.moves import EngineMove, Table
from zerosum.training.observers import GoBack, KeepAsBest, Observer, Report, Request, SetControl, State, Stop
from zerosum.training.plan import Plan
from zerosum.training.position import HALF_LIFE, Position
from zerosum.training.sampling import Requests, chunks, ready
from zerosum.training.snapshots import Snapshots, real_picture
from zerosum.training.tally import Bad


class Listener(Protocol):
    """Somebody who is told of the progress."""

    def update(self, samples_seen: int, values: Mapping[str, float]) -> None:
        """Hear how far it is, with the newest line of the log; called every round."""

    def message(self, text: str) -> None:
        """Hear something worth telling once."""


class Engine:
    """Plays `plan` on `data` and leaves a run directory behind.

    Args:
        plan: the game and how it is played; its networks are moved to the device.
        data: real samples.
        run: the run directory, which exists.
        fabric: launched.
        seed: of all randomness.
        identity: what shapes the training, as JSON; a checkpoint with another identity is refused.
        observers: called at their times, after the pictures of samples.
        listener: told of the progress, on the main process.
        microbatch: samples that a process works on at a time, at most; None: its whole batch, as long as it fits.

    Raises:
        UserError: the batch cannot be shared among the processes.
    """

    def __init__(
        self,
        plan: Plan,
        data: Data,
        *,
        run: Path,
        fabric: Fabric,
        seed: int,
        identity: Mapping[str, Any],
        listener: Listener,
        observers: Sequence[Observer] = (),
        microbatch: int | None = None,
    ) -> None:
        refuse_uneven(plan.batch_size, fabric.world_size)
        self.plan, self.data, self.run, self.fabric, self.seed = plan, data, run, fabric, seed
        self.listener = listener
        self.observers: list[Observer] = [Snapshots(plan.snapshot_every_samples), *plan.feedback, *observers]
        if plan.game.classifier is not None:
            self.observers.append(Classifying(plan.report_every_samples))
        self.position = Position(plan, images=len(data.space.shape) == 3, fabric=fabric, identity=identity)
        self.table = Table(
            movers=self.position.movers,
            dealer=Dealer(
                plan.source(data.train, Draw(seed, "source")),
                batch_size=plan.batch_size,
                seed=seed,
                device=fabric.device,
                rank=fabric.global_rank,
                world=fabric.world_size,
            ),
            fabric=fabric,
            tally=self.position.tally,
            controls=self.position.controls,
            pieces=self.position.pieces,
        )
        self.position.pieces.size = microbatch
        self.memory = Memory(plan, self.table, self._say)
        self.journal: Journal | None = None
        self.stop: Stop | None = None
        self.save_asked = False

    def compile(self, wanted: str) -> bool:
        """Compile the moves' losses, if `wanted` (`auto`, `on`, `off`) and possible; whether they are from here on."""
        position, plan = self.position, self.plan
        self.table.controls = plan.in_force(position.controls, position.samples_seen)
        rounds = max(0, plan.length_samples - position.samples_seen) // plan.batch_size
        return settle_compiling(wanted, plan, self.table, rounds, self.listener.message)

    # --- playing ---

    def play(self) -> None:
        """Play from where the run stands to the end of the plan.

        Raises:
            Interrupted: a signal came; the round was finished and saved.
            TrainingFailed: a loss or gradient is no longer finite, or nothing can be written.
        """
        with Signals() as signals, self.underway():
            while self.going:
                began = time.perf_counter()
                self.round()
                self.after_round(time.perf_counter() - began, signals.received(self.fabric))

    @contextmanager
    def underway(self) -> Iterator[None]:
        """The time in which rounds are played: with a journal, and afterwards with all as it was outside.

        Raises:
            TrainingFailed: nothing can be written.
        """
        outer_state = torch.random.get_rng_state()
        EXCHANGES.taken()  # those of an earlier training
        try:
            if self.fabric.is_global_zero:
                self.journal = Journal(self.run, self.position.samples_seen)
            if self.position.samples_seen == 0:
                self._begin()
            yield
        except OSError as error:
            raise TrainingFailed(f"Cannot write to {self.run} ({error}). {self._last_checkpoint()}") from error
        finally:
            torch.random.set_rng_state(outer_state)
            self.position.thaw()
            if self.journal:
                self.journal.close()

    @property
    def going(self) -> bool:
        """Whether there is anything left to play."""
        return self.position.samples_seen < self.plan.length_samples and not self.stop

    def round(self) -> None:
        """Every phase that is due, once in order; then what looks back at several rounds."""
        moves = self.moves()
        PLAYS[self.plan.order(self.position.samples_seen)](list(moves), self.table.controls)
        self.moved()

    def moves(self) -> list[EngineMove]:
        """The moves of a round, with rates and controls as they are to be."""
        self.memory.look()
        position, plan = self.position, self.plan
        index = position.samples_seen // plan.batch_size
        for name, mover in position.movers.items():
            mover.set_rate(plan.learning_rate(position.samples_seen) * position.controls[f"{name}/lr_scale"])
        position.average.half_life_samples = position.controls[HALF_LIFE]
        self.table.measuring = due(plan.report_every_samples, position.samples_seen + plan.batch_size, plan.batch_size)
        self.table.controls = plan.in_force(position.controls, position.samples_seen)
        return [
            EngineMove(self.table, phase, repeat, index)
            for phase in plan.game.phases
            if index % phase.every == 0
            for repeat in range(self._repeats(phase.name, phase.repeats))
        ]

    def moved(self) -> None:
        """The end of a round: it is counted, and what looks back at several rounds does."""
        self.counted()
        self.position.average.update(self.plan.age(self.position.samples_seen), self.plan.batch_size)

    def counted(self) -> None:
        """The same, but for the averages."""
        position, batch_size = self.position, self.plan.batch_size
        position.samples_seen += batch_size
        position.lookahead.update(position.samples_seen // batch_size)

    def after_round(self, seconds: float, signal: int) -> None:
        """Whatever is due when a round is over that took so long; and the end, when a signal came.

        Raises:
            Interrupted: the training is saved.
        """
        self.position.seconds += seconds
        self._pause(leaving=bool(signal))
        if signal and self.position.samples_seen < self.plan.length_samples:
            seen = self.position.samples_seen
            raise Interrupted(signal, f"Stopped at {seen:,} samples, all saved. Go on with: zerosum resume {self.run}")

    def _repeats(self, phase: str, schedule: Callable[[int], int]) -> int:
        control = self.position.controls.get(f"{phase}/repeats")
        return schedule(self.position.samples_seen) if control is None else int(control)

    def _controls(self) -> dict[str, float]:
        """All that can be set, as it is."""
        repeats = {
            f"{phase.name}/repeats": float(self._repeats(phase.name, phase.repeats)) for phase in self.plan.game.phases
        }
        return repeats | self.position.controls

    # --- between rounds ---

    def _begin(self) -> None:
        if self.journal:
            draw = Draw(self.seed, "observers").sub("real")
            self.journal.picture("real", real_picture(self.data, self.plan.game, draw))
        self._observe(self.observers[:1])

    def _pause(self, leaving: bool) -> None:
        """Whatever is due after a round, and everything after the last one; the checkpoint comes when all is told."""
        last = self.position.samples_seen >= self.plan.length_samples
        line = self._report() if last or self._due(self.plan.report_every_samples) else {}
        self.listener.update(self.position.samples_seen, self.position.values)
        due = [observer for observer in self.observers if last or self._due(observer.every_samples)]
        self._observe(due, line)
        if self.stop:
            self._observe([observer for observer in self.observers if observer not in due])
        if last or leaving or self.stop or self.save_asked or self._due(self.plan.checkpoint_every_samples):
            self.save()

    def _due(self, every: int) -> bool:
        return due(every, self.position.samples_seen, self.plan.batch_size)

    def _report(self) -> dict[str, float]:
        """The figures since the last report, a new line of the log."""
        began = time.perf_counter()
        self._check()
        self.position.seconds += time.perf_counter() - began  # what the device still had to do of these rounds
        position, before = self.position, self.position.values
        samples, seconds = position.samples_seen, position.seconds
        took = max(seconds - before.get("seconds", 0.0), 1e-9)
        position.values = {
            "samples_seen": samples,
            "seconds": seconds,
            "samples_per_second": (samples - before.get("samples_seen", 0)) / took,
            "waiting": min(1.0, self.table.waited / took),
            **({"communication": min(1.0, EXCHANGES.taken() / took)} if self.fabric.world_size > 1 else {}),
            **self._over_processes(position.tally.means()),
            **{f"control/{name}": value for name, value in self.table.controls.items()},
            **{f"learning_rate/{name}": mover.rate for name, mover in position.movers.items()},
        }
        position.tally.clear()
        self.table.waited = 0.0
        return position.values

    def _over_processes(self, means: dict[str, float]) -> dict[str, float]:
        if self.fabric.world_size == 1:
            return means
        reduced = self.fabric.all_reduce(torch.tensor(list(means.values()), dtype=torch.float64), reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return dict(zip(means, reduced.tolist(), strict=True))

    def _check(self) -> None:
        """Raise, on every process, when anything that was computed is not finite. This waits for the device."""
        bad = self.position.tally.first_bad()
        if self.fabric.world_size > 1:
            found: list[Bad | None] = [None] * self.fabric.world_size
            torch.distributed.all_gather_object(found, bad)
            bad = min((entry for entry in found if entry), default=None)
        if bad is not None:
            seen = bad.round_index * self.plan.batch_size
            raise NotFinite(
                f"{bad.name} became NaN or infinite in round {bad.round_index} ({seen:,} samples seen)."
                f" {self._last_checkpoint()} Try a lower --lr, or --precision float32."
            )

    # --- observers ---

    def _observe(self, observers: Sequence[Observer], line: Mapping[str, float] | None = None) -> None:
        """Let observers look, write what they found behind the figures of `line`, and then do what they ask for."""
        if observers and self.position.tally.columns:
            self._check()
        state = self._state()
        reports = [observer(state) for observer in observers]
        self._write(dict(line or {}), reports)
        for report in reports:
            for request in report.requests:
                self._fulfil(request)

    def _write(self, line: dict[str, float], reports: Sequence[Report]) -> None:
        if not self.journal:
            return
        for report in reports:
            line |= report.values
            for name, picture in report.pictures.items():
                self.journal.picture(name, picture)
        if line:
            self.journal.report({"samples_seen": self.position.samples_seen, **line})
        for report in reports:
            for note in report.notes:
                self.journal.note(self.position.samples_seen, note)

    def _fulfil(self, request: Request) -> None:
        match request:
            case SetControl(name, value):
                if name not in (allowed := self._controls()):
                    raise ValueError(f"there is no control {name!r}; there are {sorted(allowed)}")
                self.position.controls[name] = value
            case Stop(reason):
                self.stop = request
                self._note(f"stopped: {reason}")
            case KeepAsBest():
                self.position.best = self.position.samples_seen
                self.save_asked = True
            case GoBack(samples_seen, note):
                self._go_back(samples_seen, note)

    def _go_back(self, samples_seen: int, note: Mapping[str, Any]) -> None:
        checkpoint = self._newest(at_most=samples_seen)
        if checkpoint is None:
            raise ValueError(f"there is no checkpoint at or before {samples_seen:,} samples to go back to")
        came_from = self.position.samples_seen
        self.position.take_up(checkpoint)
        if self.journal:
            self.journal.cut(self.position.samples_seen)
        words = "; ".join([f"went back from {came_from:,} samples", *([note["note"]] if note else [])])
        self.listener.message(f"{words[0].upper()}{words[1:]}.")
        self._note({**note, "note": words})
        self.save_asked = True  # with the controls that are set on the way; it takes the place of what is given up

    def _say(self, text: str) -> None:
        """Tell at once, and put on record."""
        self.listener.message(text)
        self._note(text)

    def _note(self, note: str | Mapping[str, Any]) -> None:
        if self.journal:
            self.journal.note(self.position.samples_seen, note)

    def _state(self) -> State:
        draw = Draw(self.seed, "observers", device=self.fabric.device)
        requests = Requests(classes=len(self.data.space.classes), source=self.data.held_out)
        samplers = self.plan.game.samplers
        prepared: dict[str, Networks] = {}

        def networks(name: str) -> Networks:
            if name not in prepared:
                means, standing = self.position.average.networks, Draw(self.seed, "standing", device=self.fabric.device)
                prepared[name] = ready(self.plan.game, means, samplers[name], requests, standing)
            return prepared[name]

        def sample(n: int, name: str, draw: Draw) -> Tensor:
            return torch.cat(list(chunks(samplers[name], networks(name), n, requests, draw)))

        return State(
            samples_seen=self.position.samples_seen,
            length_samples=self.plan.length_samples,
            values=self.position.values,
            game=self.plan.game,
            data=self.data,
            networks=networks,
            averaged=self.position.average.networks,
            controls=self._controls(),
            best=self.position.best,
            checkpoints=tuple(int(name) for name in checkpoints.names(self.run / "checkpoints")),
            norms=self._norms,
            autocast=self.fabric.autocast,
            sample=sample,
            draw=draw,
        )

    def _norms(self, phase: Phase) -> dict[str, dict[str, Tensor]]:
        samples_seen = self.position.samples_seen
        table = replace(self.table, controls=self.plan.in_force(self.position.controls, samples_seen))
        return EngineMove(table, phase, 0, samples_seen // self.plan.batch_size).norms()

    # --- checkpoints ---

    def save(self) -> None:
        """Make a checkpoint of where the training stands."""
        if self.position.tally.columns:
            self._check()
        checkpoint = self.position.checkpoint()
        if self.fabric.is_global_zero:
            folder, seen = self.run / "checkpoints", self.position.samples_seen
            checkpoints.save(folder, seen, checkpoint, best=self.position.best)
        self.save_asked = False
        self.fabric.barrier()

    def resume(self) -> None:
        """Take up the newest checkpoint that is whole.

        Raises:
            UserError: it belongs to a training with another identity.
        """
        checkpoint = self._newest()
        if checkpoint is None:
            self.listener.message("There is no whole checkpoint; the training begins anew.")
        else:
            self.position.take_up(checkpoint)

    def _newest(self, at_most: float = math.inf) -> Checkpoint | None:
        folder, device = self.run / "checkpoints", self.fabric.device
        return checkpoints.newest(folder, device, at_most=at_most, tell=self.listener.message)

    def _last_checkpoint(self) -> str:
        found = checkpoints.names(self.run / "checkpoints")
        return f"The last checkpoint, at {int(found[-1]):,} samples, is intact." if found else "No checkpoint was made."


def due(every: int, samples_seen: int, batch_size: int) -> bool:
    """Whether the round that ended at `samples_seen` passed a multiple of `every`.

    >>> due(100, samples_seen=128, batch_size=64), due(100, samples_seen=192, batch_size=64)
    (True, False)
    """
    return samples_seen // every > (samples_seen - batch_size) // every
