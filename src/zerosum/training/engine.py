"""The engine plays a plan: rounds, averages, reports, checkpoints. It knows neither images nor G and D."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from zerosum.data.core import Data
from zerosum.draw import Draw
from zerosum.errors import Interrupted, TrainingFailed, UserError
from zerosum.games import PLAYS, Networks
from zerosum.training import checkpoints, optimizer_state
from zerosum.training.averaging import Average, tensors_of
from zerosum.training.checkpoints import Checkpoint, Damaged
from zerosum.training.dealing import Dealer
from zerosum.training.interruption import Signals
from zerosum.training.journal import Journal
from zerosum.training.moves import EngineMove, Mover, Table
from zerosum.training.observers import GoBack, KeepAsBest, Observer, Report, Request, SetControl, State, Stop
from zerosum.training.plan import Plan
from zerosum.training.sampling import Requests, chunks, ready
from zerosum.training.snapshots import Snapshots
from zerosum.training.tally import Tally


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
        observers: Sequence[Observer] = (),
        listener: Listener,
    ) -> None:
        if plan.batch_size % fabric.world_size:
            raise UserError(f"A batch of {plan.batch_size} cannot be shared evenly by {fabric.world_size} processes.")
        self.plan, self.data, self.run, self.fabric, self.seed = plan, data, run, fabric, seed
        self.identity, self.listener = dict(identity), listener
        self.observers: list[Observer] = [Snapshots(plan.snapshot_every_samples), *observers]
        self.samples_seen, self.seconds, self.best = 0, 0.0, None
        self.values: dict[str, float] = {}
        self.stop: Stop | None = None
        self._set_table()
        self.average = Average(plan.game, plan.ema_half_life_samples, plan.ema_rampup)
        self.journal: Journal | None = None

    # --- what it is made of ---

    best: int | None

    def _set_table(self) -> None:
        game, device = self.plan.game, self.fabric.device
        layout = torch.channels_last if len(self.data.space.shape) == 3 else torch.contiguous_format
        for network in game.networks.values():
            network.to(device=device, memory_format=layout).train()  # type: ignore[call-overload]
        game.state.to(device)
        self.controls = dict.fromkeys((f"{name}/lr_scale" for name in game.players), 1.0) | game.controls
        rank, world = self.fabric.global_rank, self.fabric.world_size
        dealer = Dealer(
            self.data.train, batch_size=self.plan.batch_size, seed=self.seed, device=device, rank=rank, world=world
        )
        movers = {name: Mover(player) for name, player in game.players.items()}
        self.table = Table(game, movers, dealer, self.fabric, Tally(), self.controls)

    @property
    def round_index(self) -> int:
        """Rounds played."""
        return self.samples_seen // self.plan.batch_size

    # --- playing ---

    def play(self) -> None:
        """Play from where the run stands to the end of the plan.

        Raises:
            Interrupted: a signal came; the round was finished and saved.
            TrainingFailed: a loss or gradient is no longer finite, or nothing can be written.
        """
        outer_state = torch.random.get_rng_state()
        try:
            with Signals() as signals:
                self._play(signals)
        except OSError as error:
            raise TrainingFailed(f"Cannot write to {self.run} ({error}). {self._last_checkpoint()}") from error
        finally:
            torch.random.set_rng_state(outer_state)
            if self.journal:
                self.journal.close()

    def _play(self, signals: Signals) -> None:
        if self.fabric.is_global_zero:
            self.journal = Journal(self.run, self.samples_seen)
        if self.samples_seen == 0:
            self._observe(self.observers[:1])
        while self.samples_seen < self.plan.length_samples and not self.stop:
            started = time.perf_counter()
            self.round()
            self.seconds += time.perf_counter() - started
            signal = signals.received(self.fabric)
            if signal:
                self._save()
                raise Interrupted(signal, f"Stopped at {self.samples_seen:,} samples, all saved.")
            self._pause()
        self._finish()

    def round(self) -> None:
        """Every phase that is due, once in order; then the averages."""
        moves = [
            EngineMove(self.table, phase, repeat, self.round_index)
            for phase in self.plan.game.phases
            if self.round_index % phase.every == 0
            for repeat in range(self._repeats(phase.name, phase.repeats))
        ]
        for name, mover in self.table.movers.items():
            mover.set_rate(self.plan.learning_rate(self.samples_seen) * self.controls[f"{name}/lr_scale"])
        PLAYS[self.plan.order(self.samples_seen)](list(moves))
        self.samples_seen += self.plan.batch_size
        if self.plan.ema_half_life_samples:
            self.average.update(self.samples_seen, self.plan.batch_size)

    def _repeats(self, phase: str, schedule: Callable[[int], int]) -> int:
        control = self.controls.get(f"{phase}/repeats")
        return schedule(self.samples_seen) if control is None else int(control)

    # --- between rounds ---

    def _due(self, every: int) -> bool:
        return self.samples_seen // every > (self.samples_seen - self.plan.batch_size) // every

    def _pause(self) -> None:
        if self._due(self.plan.report_every_samples):
            self._report()
        self.listener.update(self.samples_seen, self.values)
        self._observe([observer for observer in self.observers if self._due(observer.every_samples)])
        if self._due(self.plan.checkpoint_every_samples):
            self._save()

    def _finish(self) -> None:
        if self.table.tally.columns:
            self._report()
        if checkpoints.names(self.run / "checkpoints")[-1:] != [f"{self.samples_seen:09d}"]:
            self._observe(self.observers)
            self._save()
        self.listener.update(self.samples_seen, self.values)

    def _report(self) -> None:
        self._check()
        means = self._over_processes(self.table.tally.means())
        seconds, samples = self.seconds, self.samples_seen
        before_seconds, before_samples = self.values.get("seconds", 0.0), self.values.get("samples_seen", 0)
        speed = (samples - before_samples) / max(seconds - before_seconds, 1e-9)
        self.values = {"samples_seen": samples, "seconds": seconds, "samples_per_second": speed, **means}
        self.values |= {"learning_rate": self.plan.learning_rate(samples)}
        self.values |= {f"control/{name}": value for name, value in self.controls.items()}
        self.table.tally.clear()
        if self.journal:
            self.journal.report(self.values)

    def _over_processes(self, means: dict[str, float]) -> dict[str, float]:
        if self.fabric.world_size == 1:
            return means
        reduced = self.fabric.all_reduce(torch.tensor(list(means.values()), dtype=torch.float64), reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return dict(zip(means, reduced.tolist(), strict=True))

    def _check(self) -> None:
        """Raise when anything that was computed is not finite. This waits for the device."""
        bad = self.table.tally.first_bad()
        if self.fabric.world_size > 1:  # one process's NaN stops all
            bad = self.fabric.broadcast(bad, src=0) if bad is None else bad
            count = self.fabric.all_reduce(torch.tensor(float(bad is not None)), reduce_op="sum")
            assert isinstance(count, Tensor)
            bad = bad or ((self.round_index, "a loss on another process") if count else None)
        if bad is not None:
            round_index, name = bad
            raise TrainingFailed(
                f"{name} became NaN or infinite in round {round_index} ({round_index * self.plan.batch_size:,} samples"
                f" seen). {self._last_checkpoint()} Try a lower --lr, or --precision float32."
            )

    def _observe(self, observers: Sequence[Observer]) -> None:
        if not observers:
            return
        if self.table.tally.columns:
            self._check()
        state = self._state()
        for observer in observers:
            report = observer(state)
            self._take(report)
            for request in report.requests:
                self._fulfil(request)

    def _take(self, report: Report) -> None:
        if not self.journal:
            return
        for name, picture in report.pictures.items():
            self.journal.picture(name, picture)
        if report.values:
            self.journal.report({"samples_seen": self.samples_seen, **report.values})

    def _fulfil(self, request: Request) -> None:
        match request:
            case SetControl(name, value):
                allowed = {*self.controls, *(f"{phase.name}/repeats" for phase in self.plan.game.phases)}
                assert name in allowed, f"no control {name!r}; there are {sorted(allowed)}"
                self.controls[name] = value
            case Stop():
                self.stop = request
            case KeepAsBest():
                self.best = self.samples_seen
                self._save()
            case GoBack(samples_seen):
                earlier = [n for n in checkpoints.names(self.run / "checkpoints") if int(n) <= samples_seen]
                assert earlier, f"no checkpoint at or before {samples_seen} samples"
                self._take_up(checkpoints.load(self.run / "checkpoints" / earlier[-1], self.fabric.device))
                if self.journal:
                    self.journal.note(self.samples_seen, f"went back to {self.samples_seen} samples")

    def _state(self) -> State:
        draw = Draw(self.seed, "observers", device=self.fabric.device)
        requests = Requests(classes=len(self.data.space.classes), source=self.data.held_out)
        samplers = self.plan.game.samplers
        prepared: dict[str, Networks] = {}

        def networks(name: str) -> Networks:
            if name not in prepared:
                prepared[name] = self.sampling_networks(name, requests)
            return prepared[name]

        def sample(n: int, name: str, draw: Draw) -> Tensor:
            return torch.cat(list(chunks(samplers[name], networks(name), n, requests, draw)))

        return State(
            self.samples_seen,
            self.plan.length_samples,
            self.values,
            self.plan.game,
            self.data,
            networks,
            sample,
            draw,
        )

    def sampling_networks(self, name: str, requests: Requests, averaged: bool = True) -> Networks:
        """Networks that the sampler called `name` can sample from."""
        means: dict[str, nn.Module] = self.average.networks if averaged and self.plan.ema_half_life_samples else {}
        draw = Draw(self.seed, "standing", device=self.fabric.device)
        return ready(self.plan.game, means, self.plan.game.samplers[name], requests, draw)

    # --- checkpoints ---

    def _save(self) -> None:
        if self.table.tally.columns:
            self._check()
        state = self._gathered_state()
        if self.fabric.is_global_zero:
            model = {f"live/{key}": value for key, value in tensors_of(self.plan.game.networks).items()}
            model |= {f"averaged/{key}": value for key, value in self.average.state().items()}
            checkpoint = Checkpoint(model, self._training_tensors() | state, self._record())
            checkpoints.save(self.run / "checkpoints", self.samples_seen, checkpoint, best=self.best)
        self.fabric.barrier()

    def _record(self) -> dict[str, Any]:
        return {
            "samples_seen": self.samples_seen,
            "seconds": self.seconds,
            "controls": self.controls,
            "values": self.values,
            "tally": self.table.tally.describe(),
            "best": self.best,
            "identity": self.identity,
        }

    def _training_tensors(self) -> dict[str, Tensor]:
        tensors = {f"tally/{name}": sums for name, sums in self.table.tally.tensors().items()}
        for name, mover in self.table.movers.items():
            exported = optimizer_state.export(mover.optimizer, mover.names)
            tensors |= {f"optimizer/{name}/{key}": value for key, value in exported.items()}
        return tensors

    def _gathered_state(self) -> dict[str, Tensor]:
        tensors = {f"state/{key}": value for key, value in self.plan.game.state.state_dict().items()}
        if self.fabric.world_size == 1:
            return tensors
        return {key: torch.cat(list(self.fabric.all_gather(value))) for key, value in tensors.items()}

    def resume(self) -> None:
        """Take up the newest checkpoint that is whole.

        Raises:
            UserError: it belongs to a training with another identity.
        """
        folder = self.run / "checkpoints"
        for name in reversed(checkpoints.names(folder)):
            try:
                checkpoint = checkpoints.load(folder / name, self.fabric.device)
            except Damaged as error:
                self.listener.message(f"Damaged checkpoint left out: {error}.")
                continue
            self._take_up(checkpoint)
            return
        self.listener.message("No whole checkpoint; the training begins anew.")

    def _take_up(self, checkpoint: Checkpoint) -> None:
        refuse_other(checkpoint.state["identity"], self.identity)
        put(tensors_of(self.plan.game.networks), part(checkpoint.model, "live/"))
        put(self.average.state(), part(checkpoint.model, "averaged/"))
        for name, mover in self.table.movers.items():
            tensors = part(checkpoint.training, f"optimizer/{name}/")
            optimizer_state.restore(mover.optimizer, mover.names, tensors)
        self._put_state(part(checkpoint.training, "state/"))
        state = checkpoint.state
        self.samples_seen, self.seconds, self.best = state["samples_seen"], state["seconds"], state["best"]
        self.values = state["values"]
        self.controls.clear()
        self.controls.update(state["controls"])
        self.table.tally.restore(state["tally"], part(checkpoint.training, "tally/"))

    def _put_state(self, tensors: dict[str, Tensor]) -> None:
        rank, world = self.fabric.global_rank, self.fabric.world_size
        put(self.plan.game.state.state_dict(), {key: value.chunk(world)[rank] for key, value in tensors.items()})

    def _last_checkpoint(self) -> str:
        found = checkpoints.names(self.run / "checkpoints")
        return f"The last checkpoint, at {int(found[-1]):,} samples, is intact." if found else "No checkpoint was made."


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


@torch.no_grad()
def put(targets: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into tensors in place, keeping memory formats; a name left out shares memory with another."""
    shared = {targets[key].data_ptr() for key in values}
    for key, target in targets.items():
        if key in values:
            target.copy_(values[key])
        else:
            assert target.data_ptr() in shared or not target.numel(), f"the checkpoint lacks {key}"


def refuse_other(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise a UserError that lists the differences, if there are any."""
    differences = [
        f"{key}: {then.get(key)!r} in the run, {now.get(key)!r} given"
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
    ]
    if differences:
        raise UserError("This run was trained otherwise. " + "; ".join(differences) + ".")
