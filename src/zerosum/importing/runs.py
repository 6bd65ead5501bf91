"""Published weights as a run, from which one can sample and whose latents one can walk through."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from zerosum import recipes
from zerosum.data import Data, DataOptions
from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.errors import UserError, choose
from zerosum.importing import nvlabs, rosinality
from zerosum.importing.published import Published, Tensors, fitted
from zerosum.networks.style import StyleGenerator
from zerosum.runs.directory import new_run_directory
from zerosum.runs.setup import Setup, write_plan
from zerosum.spaces import Images
from zerosum.training import checkpoints
from zerosum.training.devices import make_fabric
from zerosum.training.plan import Plan
from zerosum.training.position import Position

READERS = {".pkl": nvlabs.read, ".pt": rosinality.read}
"""By the ending of the file."""
LATENTS = 10_000
"""Over which the mean of w is taken, where the file has none."""


@dataclass(frozen=True)
class Absent:
    """Stands for the samples that the networks were trained on, which are not there."""

    space: Images
    size: int = 0

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """There are none."""
        raise UserError("This run was imported without the data that it was trained on.")


def import_weights(file: Path, out: str | Path | None = None) -> Path:
    """Read published weights of StyleGAN2 or StyleGAN3 into a new run directory, without executing anything.

    Args:
        file: `.pkl` of stylegan2-ada-pytorch or stylegan3, or `.pt` of rosinality's stylegan2-pytorch.
        out: the run directory; by default a new one under `runs/`.

    Raises:
        UserError: the file wants to run something, is damaged or holds other networks; nothing was written.
    """
    read = choose("ending of a file of weights", file.suffix, READERS)
    if not file.is_file():
        raise UserError(f"There is no file {str(file)!r}.")
    published, digest = whole(read, file), checkpoints.digest_of(file)
    setup = setup_of(published, file.name, digest)
    plan = setup.plan()
    position, carried = filled(setup, plan, published)
    imported = {"file": file.name, "sha256": digest, "kind": published.kind, "networks": carried}
    run = new_run_directory(out, published.recipe, file.name)
    try:
        checkpoints.save(run / "checkpoints", 0, position.checkpoint())
        write_plan(run, setup.document(plan) | {"imported": imported})
    except OSError as error:
        shutil.rmtree(run, ignore_errors=True)
        raise UserError(f"Cannot write to {str(run)!r} ({error.strerror or error}).") from error
    return run


def whole(read: Callable[[Path], Published], file: Path) -> Published:
    """What a file holds.

    Raises:
        UserError: as `read`, or it could not be read at all.
    """
    try:
        return read(file)
    except UserError:
        raise
    except Exception as error:  # whatever a damaged or malformed file can bring about
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{file} cannot be read as a file of weights ({said[0]}).") from error


def setup_of(published: Published, name: str, digest: str) -> Setup:
    """What a run of these networks would be made from."""
    classes = tuple(map(str, range(published.classes)))
    space = Images(published.shape, classes=classes)
    return Setup(
        recipe=recipes.recipe(published.recipe),
        name=published.recipe,
        given=published.options,
        data=Data(name, Absent(space), Absent(space), digest),
        source=name,
        data_options=DataOptions(),
        seed=0,
        device="cpu",
        devices=1,
        precision="float32",
        threads=None,
        compile="off",
        microbatch=None,
        own=False,
        own_game=False,
    )


def filled(setup: Setup, plan: Plan, published: Published) -> tuple[Position, dict[str, str]]:
    """The position of a training that has these networks; and where each network comes from.

    Raises:
        UserError: the generator's tensors are of other sizes.
    """
    G, D = plan.game.networks["G"], plan.game.networks["D"]
    averaged = fitted(published.averaged, G.state_dict(), "generator")
    live = averaged if published.live is None else fitted(published.live, G.state_dict(), "generator")
    carried = {"averaged G": "file", "G": "averaged G" if published.live is None else "file"}
    carried["D"] = fill_critic(D, published.critic)
    position = Position(plan, images=True, fabric=make_fabric("cpu", 1, "float32"), identity=setup.identity(plan))
    for network, state in ((position.average.networks["G"], averaged), (G, live)):
        assert isinstance(network, StyleGenerator)
        network.load_state_dict(state)
        if not published.mean_known:
            estimate_mean(network)
    return position, carried


def fill_critic(critic: nn.Module, published: Tensors | str) -> str:
    """Give the critic its weights where it can have them; where they come from."""
    if isinstance(published, str):
        return f"untrained: {published}"
    try:
        critic.load_state_dict(fitted(published, critic.state_dict(), "critic"))
    except UserError as error:  # the generator can be used all the same
        return f"untrained: {error}"
    return "file"


@torch.no_grad()
def estimate_mean(generator: StyleGenerator) -> None:
    """Take the mean of w over latents that are always the same."""
    first = generator.style.network[0]
    assert isinstance(first, nn.Linear)
    z = Draw(0, "mean of w").normal(LATENTS, first.in_features)
    generator.style.mean.copy_(generator.mapping(z).mean(0))
