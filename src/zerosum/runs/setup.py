"""From what a user asks for to what is played.

A `Setup` is everything that makes a run: the recipe and its options, the data and its options, and how it is played.
It is settled once (automatic choices included), written as `plan.json`, and read again on resume
(`zerosum.runs.resuming`).
"""

import hashlib
import json
import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch

from zerosum import recipes
from zerosum.data import Data, DataOptions, open_data
from zerosum.data.core import Source
from zerosum.data.packed import PairedSource, UnpairedSource
from zerosum.draw import Draw, fold
from zerosum.errors import UserError, nearest
from zerosum.games import Game
from zerosum.kinds import refuse_misfit
from zerosum.recipes.options import Opt, Recipe, build, options, spelled, with_preset
from zerosum.runs.directory import FORMAT
from zerosum.runs.fitting import refuse_misfits, refuse_unplayable
from zerosum.runs.whereabouts import located
from zerosum.spaces import Space, describe
from zerosum.training.checkpoints import write_atomically
from zerosum.training.devices import (
    refuse_precision,
    resolve_compile,
    resolve_device,
    resolve_precision,
    resolve_threads,
)
from zerosum.training.memory import refuse_pieces
from zerosum.training.plan import Plan

CADENCE = ("length_samples", "report_every_samples", "snapshot_every_samples", "checkpoint_every_samples")
"""Options that say how long and how often something is written; they do not shape the weights."""
OWN = ("generator", "critic")
"""Options that are networks of the user's."""


@dataclass(frozen=True)
class Setup:
    """What a run is made from.

    Attributes:
        recipe: the function that builds the plan.
        name: of the recipe.
        given: options of the recipe, flat.
        data: opened.
        source: what the data was opened from.
        data_options: how it was prepared.
        seed, device, devices: how it is played; all of it is settled.
        precision: of what networks compute: `float32`, `bfloat16`, or `auto`: what suits.
        threads: of the CPU; None: as many as suit.
        compile: whether losses are compiled: `on`, `off`, or `auto` until the training has begun.
        microbatch: samples that a process works on at a time, at first; None: its whole batch.
        own: whether something came from Python that no file can describe (networks, a game, a data set), so that
            the run resumes from Python only.
        own_game: whether the recipe or its networks did, so that only Python can sample from the run, too.
        trainings: that are played side by side, this one included.
    """

    recipe: Recipe
    name: str
    given: Mapping[str, Any]
    data: Data
    source: Any
    data_options: DataOptions
    seed: int
    device: str
    devices: int
    precision: str
    threads: int | None
    compile: str
    microbatch: int | None
    own: bool
    own_game: bool
    trainings: int = 1

    def plan(self) -> Plan:
        """Build the plan; initial weights come from the run's seed alone.

        Raises:
            UserError: the recipe cannot have the options, or the data.
        """
        with torch.random.fork_rng():
            torch.manual_seed(fold(self.seed, "networks"))
            plan = build(self.recipe, self.data.space, self.given)
        refuse_pieces(plan, self.microbatch)
        refuse_unseen_domain(plan.game, self.data.train, self.name)
        dealt = plan.source(self.data.train, Draw(self.seed, "source"))  # what is refused is refused before all else
        if {*OWN} & set(self.given):
            refuse_misfits(plan.game, dealt)
        if self.own_game:
            refuse_unplayable(plan.game, dealt, plan.batch_size)
        return plan

    def threads_for(self, plan: Plan) -> int:
        """CPU threads for all trainings that are played at once."""
        return self.threads or resolve_threads(self.data.space.kind, self.trainings * plan.batch_size)

    def precision_for(self, plan: Plan) -> str:
        """`float32` or `bfloat16`, by what all trainings that are played at once have to compute."""
        rows = self.trainings * plan.batch_size
        return resolve_precision(self.precision, self.device, self.data.space.kind, rows)

    def options(self, plan: Plan) -> dict[str, Any]:
        """Every option of the recipe, settled."""
        known = options(self.recipe, self.data.space.kind)
        settled = {name: self.given.get(name, option.default) for name, option in known.items()}
        return settled | {name: getattr(plan, name) for name in CADENCE if name in known}

    def identity(self, plan: Plan) -> dict[str, Any]:
        """What shapes the training, as JSON; not its length, the device or versions."""
        shaping = {name: value for name, value in self.options(plan).items() if name not in CADENCE}
        facts = {
            "recipe": self.name,
            "data": self.data.fingerprint[:12],
            "seed": self.seed,
            "precision": self.precision_for(plan),
            "batch_size": plan.batch_size,
            "networks": weights_digest(plan.game),
        }
        return dict(json.loads(json.dumps(shaping | facts)))

    def document(self, plan: Plan) -> dict[str, Any]:
        """`plan.json`."""
        data, size = self.data, self.data.train.size
        cadence = {name: getattr(plan, name) for name in CADENCE}
        return {
            "format": FORMAT,
            "recipe": self.name,
            "options": self.options(plan),
            "data": {
                "name": data.name,
                "options": changed(self.data_options),
                "fingerprint": data.fingerprint,
                "train_size": size,
                "held_out_size": data.held_out.size,
                **describe(data.space),
            },
            "training": {
                "seed": self.seed,
                "device": self.device,
                "devices": self.devices,
                "precision": self.precision_for(plan),
                "threads": self.threads_for(plan),
                "compile": self.compile,
                "microbatch": self.microbatch,
                "batch_size": plan.batch_size,
                **cadence,
            },
            "resumable": not self.own,
            "rebuildable": not self.own_game,
            "versions": {
                "zerosum": version("zerosum"),
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "revisions": [],
        }


def settle(
    recipe: str | Recipe | Plan | Game | None,
    data: Any,
    flat: Mapping[str, Any],
    *,
    seed: int = 0,
    device: str = "auto",
    devices: int = 1,
    precision: str = "auto",
    threads: int | None = None,
    compile: str = "auto",
    microbatch: int | None = None,
    length_samples: int | None = None,
    progress: bool = True,
) -> Setup:
    """Settle what a user asked for.

    Args:
        recipe: a name, a function `(space, *, …) -> Plan`, a ready plan or game, or None for the one that suits.
        data: whatever `open_data` takes.
        flat: options of the data and of the recipe together.
        seed, device, devices, precision, threads, compile, microbatch, length_samples: of the training.
        progress: whether packing shows a bar.

    Raises:
        UserError: anything that was given cannot be used.
    """
    numbers: dict[str, tuple[Any, Any]] = {
        "seed": (seed, int),
        "devices": (devices, int),
        "microbatch": (microbatch, int | None),
        "length_samples": (length_samples, int | None),
    }
    for word, (value, kind) in numbers.items():
        refuse_misfit(word, value, kind)
    refuse_precision(precision)
    if seed < 0:
        raise UserError(f"seed is {seed}; it is a whole number from 0 up.")
    if devices < 1:
        raise UserError(f"devices is {devices}; at least 1 is needed.")
    if microbatch is not None and microbatch < 1:
        raise UserError(f"microbatch is {microbatch}; at least one sample is worked on at a time.")
    data, flat = located(data), {name: located(value) if name == "target" else value for name, value in flat.items()}
    name = recommend(data, split(flat)[0]) if recipe is None else recipe
    function = recipes.recipe(name) if isinstance(name, str) else as_recipe(name)
    refuse_unknown(split(flat)[1], function)
    data_options, given = split(spelled(function, with_preset(function, flat)))
    if length_samples is not None:
        given["length_samples"] = length_samples
    own_game = not isinstance(name, str) or bool({*OWN} & set(given))
    own = own_game or not isinstance(data, str | Path)
    opened = open_data(data, data_options, progress=progress)
    device = resolve_device(device)
    return Setup(
        recipe=function,
        name=name if isinstance(name, str) else getattr(name, "__name__", type(name).__name__.lower()),
        given=given,
        data=opened,
        source=data,
        data_options=data_options,
        seed=seed,
        device=device,
        devices=devices,
        precision=precision,
        threads=threads,
        compile=resolve_compile(compile, own=own),
        microbatch=microbatch,
        own=own,
        own_game=own_game,
    )


def refuse_unseen_domain(game: Game, train: Source, name: str) -> None:
    """Raise a UserError for data of two domains where nothing is made from the first."""
    translates = any(sampler.given == "condition" for sampler in game.samplers.values())
    if isinstance(train, PairedSource | UnpairedSource) and not translates:
        raise UserError(
            f"{name} makes samples like those of one domain, and the data have two: name one of them, without "
            "--target, or take cyclegan, which translates between both."
        )


def split(flat: Mapping[str, Any]) -> tuple[DataOptions, dict[str, Any]]:
    """Options of the data, and the rest."""
    chosen, rest = parted(flat, [field.name for field in fields(DataOptions)])
    return DataOptions(**chosen), rest


def parted(flat: Mapping[str, Any], names: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of these names, and the rest.

    >>> parted({"seed": 1, "width": 8}, ("seed", "device"))
    ({'seed': 1}, {'width': 8})
    """
    chosen = {name: value for name, value in flat.items() if name in names}
    return chosen, {name: value for name, value in flat.items() if name not in names}


def refuse_unknown(given: Mapping[str, Any], recipe: Recipe) -> None:
    """Raise a UserError for an option that neither the recipe nor the data has, before anything is read."""
    known = {*options(recipe), *(field.name for field in fields(DataOptions)), *OWN}
    for name in given:
        if name not in known:
            raise UserError(f"Unknown option {name!r}.{nearest(name, known)} Allowed: {', '.join(sorted(known))}.")


def as_recipe(made: Recipe | Plan | Game) -> Recipe:
    """A recipe from what a user made in Python."""
    if isinstance(made, Plan):
        plan = made

        def fixed(
            space: Space,
            *,
            length_samples: Annotated[int, Opt("Real samples seen when the training ends.", 1)] = plan.length_samples,
        ) -> Plan:
            return replace(plan, length_samples=length_samples)

        return fixed
    if isinstance(made, Game):
        from zerosum.recipes.groups import Course

        game = made

        def played(space: Space, *, course: Course = Course()) -> Plan:
            return course.plan(game)

        return played
    if not callable(made):
        raise UserError(f"A recipe is a name, a function, a Plan or a Game, not {type(made).__name__}.")
    return made


def recommend(data: Any, data_options: DataOptions) -> str:
    """The recipe for data when none is named: two domains are translated, everything else is modelled by R3GAN."""
    two = data_options.target is not None or (isinstance(data, str) and data.startswith("glyphs:"))
    return "cyclegan" if two else "r3gan"


def changed(data_options: DataOptions) -> dict[str, Any]:
    """The data options, as JSON."""
    return {field.name: getattr(data_options, field.name) for field in fields(data_options)}


def revised(document: Mapping[str, Any], samples_seen: int, length_samples: int) -> dict[str, Any]:
    """`plan.json` with another length, the change put on record; the same where the length is as it was."""
    if document["training"]["length_samples"] == length_samples:
        return dict(document)
    revision = {"samples_seen": samples_seen, "length_samples": length_samples}
    options = document["options"]
    if "length_samples" in options:
        options = options | {"length_samples": length_samples}
    return {
        **document,
        "training": document["training"] | {"length_samples": length_samples},
        "options": options,
        "revisions": [*document["revisions"], revision],
    }


def weights_digest(game: Game) -> str:
    """A short hash of the names and shapes of all weights."""
    shapes = {
        f"{name}.{key}": list(value.shape)
        for name, network in game.networks.items()
        for key, value in network.state_dict().items()
    }
    return hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:12]


def write_plan(run: Path, document: Mapping[str, Any]) -> None:
    """Write `plan.json`, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    try:
        write_atomically(run / "plan.json", json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"Cannot write to {str(run)!r} ({error.strerror or error}).") from error
